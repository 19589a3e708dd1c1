/* SPDX-License-Identifier: Apache-2.0 */
/* How long a predicate takes: bench_policy PREDICATE PROJECTION. Microseconds for each, mean. */
#include "policy/policy_judge.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ROUNDS = 5000 };

static struct bytes load(const char *path)
{
        FILE *f = fopen(path, "r");
        uint8_t *data = memory_new(1, DOCUMENT_MOST);
        size_t len = f ? fread(data, 1, DOCUMENT_MOST, f) : 0;

        if (!len) {
                perror(path);
                exit(3);
        }
        fclose(f);
        return (struct bytes){data, len};
}

static double now(void)
{
        struct timespec t;

        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
        return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

int main(int argc, char **argv)
{
        struct bytes stylesheet, projection;
        struct arena *a = arena_new();
        struct policy *p = NULL;
        struct judge_rep v = {.answer = false};
        enum status s = ST_DONE;
        double start;

        if (argc != 3)
                return 2;
        policy_warm_up();
        stylesheet = load(argv[1]);
        projection = load(argv[2]);
        start = now();
        for (int i = 0; i < ROUNDS && !s; i++, arena_empty(a))
                s = policy_judge(stylesheet, projection, a, &v);
        printf("judge  %6.1f us (%zu bytes of projection), status %d, answer %d\n",
               (now() - start) / ROUNDS, projection.len, s, v.answer);
        if (s)
                printf("%s / %s / %s\n", error_last()->subject, error_last()->expected,
                       error_last()->found);
        s = policy_compile(stylesheet, &p);
        start = now();
        for (int i = 0; i < ROUNDS && !s; i++, arena_empty(a))
                s = policy_apply(p, projection, a, &v);
        printf("apply  %6.1f us, status %d, answer %d\n", (now() - start) / ROUNDS, s, v.answer);
        policy_free(p);
        arena_free(a);
        return s ? 3 : 0;
}
