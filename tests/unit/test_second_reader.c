/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verifier beside a second reader of evidence that shares no code with it
 * (tests/second-reader/reader.py): on thousands of mutations, both have to reach the same verdict
 * by the same checks. BULKHEAD_SEED and BULKHEAD_MUTATIONS set what is tried; both are printed.
 */
#include "tests/unit/evidence_make.h"
#include "tests/unit/mutation.h"
#include "verifier/kinds/host.h"
#include "xml/descriptor.h"

#include <check.h>
#undef fail /* lib/status.h has one of its own */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MUTATIONS = 10000, ROUND = 500 };

/* --- the second reader ----------------------------------------------------------------------- */

static FILE *to_reader, *from_reader;
static pid_t reader;

static void reader_start(void)
{
        int down[2], up[2];

        ck_assert(!pipe(down) && !pipe(up));
        reader = fork();
        if (!reader) {
                dup2(down[0], STDIN_FILENO);
                dup2(up[1], STDOUT_FILENO);
                close(down[1]);
                close(up[0]);
                execlp("python3", "python3", "tests/second-reader/reader.py", "--serve", NULL);
                _exit(127);
        }
        close(down[0]);
        close(up[1]);
        to_reader = fdopen(down[1], "w");
        from_reader = fdopen(up[0], "r");
}

static void reader_end(void)
{
        int status;

        fclose(to_reader);
        fclose(from_reader);
        ck_assert_int_eq(waitpid(reader, &status, 0), reader);
        ck_assert_int_eq(status, 0);
}

static void write_part(struct bytes part)
{
        uint32_t n = part.data ? (uint32_t)part.len : UINT32_MAX;
        const uint8_t length[4] = {n >> 24 & 0xff, n >> 16 & 0xff, n >> 8 & 0xff, n & 0xff};

        fwrite(length, 1, sizeof length, to_reader);
        if (part.data)
                fwrite(part.data, 1, part.len, to_reader);
}

static void second_opinion(const struct question *q, char *said, int size)
{
        write_part(q->evidence);
        write_part(q->trust);
        write_part(q->challenge);
        write_part(q->descriptor);
        ck_assert_int_eq(fflush(to_reader), 0);
        ck_assert_msg(fgets(said, size, from_reader), "the second reader has ended");
        said[strcspn(said, "\n")] = '\0';
}

/* --- the verifier ---------------------------------------------------------------------------- */

/* Predicates are not the second reader's. */
static enum status says_yes(void *context, struct bytes stylesheet, struct bytes projection,
                            struct arena *a, struct judge_rep *out)
{
        (void)context, (void)stylesheet, (void)projection, (void)a;
        out->answer = true;
        return ST_DONE;
}

static void first_opinion(struct verifier *verifier, const struct question *q, struct arena *a,
                          char *said, size_t size)
{
        static const char *const names[] = {
#define CHECK(id, meaning) #id,
                HOST_CHECKS(CHECK)
#undef CHECK
        };
        enum { NAMES = sizeof names / sizeof *names };
        struct trust trust;
        struct verdict v;
        size_t used;

        if (q->trust.data && trust_read(q->trust, a, &trust)) {
                snprintf(said, size, "none");
                return;
        }
        verify(verifier,
               &(struct verify_input){.evidence = q->evidence,
                                      .trust = q->trust.data ? &trust : NULL,
                                      .challenge = q->challenge.data ? &q->challenge : NULL,
                                      .request = q->descriptor.data ? &q->descriptor : NULL,
                                      .judge = says_yes},
               a, &v);
        used = (size_t)snprintf(said, size, "%s", v.trusted ? "trusted" : "untrusted");
        for (size_t i = 0; i < NAMES; i++) /* of an unknown kind there is one check alone */
                if (v.checks_count == 1 || v.checks[i].result == CHECK_FAILED)
                        used += (size_t)snprintf(said + used, size - used, " %s", names[i]);
}

/* --- both ------------------------------------------------------------------------------------ */

static unsigned long setting(const char *name, unsigned long otherwise)
{
        const char *text = getenv(name);

        return text ? strtoul(text, NULL, 10) : otherwise;
}

static void keep(const struct question *q)
{
        static const char *const names[] = {"evidence", "trust", "challenge", "descriptor"};
        const struct bytes parts[] = {q->evidence, q->trust, q->challenge, q->descriptor};

        for (int i = 0; i < 4; i++) {
                FILE *f =
                        parts[i].data ? fopen(FMT("build/second-reader.%s", names[i]), "w") : NULL;

                if (f)
                        fwrite(parts[i].data, 1, parts[i].len, f);
                if (f)
                        fclose(f);
        }
}

static void compare(struct verifier *verifier, struct mutation *m, struct arena *a, size_t *trusted)
{
        struct question q = mutation_next(m, a);
        char first[400], second[400];

        first_opinion(verifier, &q, a, first, sizeof first);
        second_opinion(&q, second, sizeof second);
        if (strcmp(first, second))
                keep(&q);
        ck_assert_msg(!strcmp(first, second),
                      "%s (seed %lu, number %lu): '%s', the second reader '%s'; "
                      "build/second-reader.* is what they were given",
                      m->what, m->seed, m->number, first, second);
        *trusted += !strcmp(first, "trusted");
}

START_TEST(both_agree)
{
        unsigned long seed, count = setting("BULKHEAD_MUTATIONS", MUTATIONS);
        struct verifier *verifier = verifier_new();
        struct mutation *m;
        size_t trusted = 0;

        ck_assert_int_eq(getrandom(&seed, sizeof seed, 0), sizeof seed);
        seed = setting("BULKHEAD_SEED", seed % 1000000000);
        printf("second reader: %lu mutations, BULKHEAD_SEED=%lu\n", count, seed);
        fflush(stdout);
        reader_start();
        m = mutation_begin(seed);
        for (unsigned long i = 0; i < count; i++) {
                struct arena *a = arena_new();

                compare(verifier, m, a, &trusted);
                arena_free(a);
        }
        printf("second reader: %zu of them trusted\n", trusted);
        /* Good ones are among them, and most are bad. */
        ck_assert(count < ROUND || (trusted > count / 100 && trusted < count / 2));
        mutation_end(m);
        reader_end();
        verifier_free(verifier);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("second reader");
        TCase *t = tcase_create("second reader");
        SRunner *runner;
        int bad;

        if (descriptor_init("descriptors"))
                return 1;
        tcase_set_timeout(t, 900);
        tcase_add_test(t, both_agree);
        suite_add_tcase(suite, t);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        bad = srunner_ntests_failed(runner);
        srunner_free(runner);
        return bad != 0;
}
