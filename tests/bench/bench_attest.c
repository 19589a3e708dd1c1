/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attestations of one small target, one after the other, at a door that is up: how much each took
 * above the TPM's own time (TCTI transmit to receive, which the reply carries).
 *
 *   bench_attest DESCRIPTOR.xml [COUNT [new]]     with BULKHEAD_RUN set
 *
 * new: each descriptor is one that the host has not seen before.
 */
#include "lib/channel.h"
#include "lib/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

enum { COUNT_MOST = 10000, DEADLINE = 60000 };

static double now(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int compare(const void *a, const void *b)
{
        double x = *(const double *)a, y = *(const double *)b;

        return (x > y) - (x < y);
}

static void print_quantiles(const char *name, double *ms, int n)
{
        qsort(ms, (size_t)n, sizeof *ms, compare);
        printf("%-28s median %6.2f ms   9 of 10 %6.2f ms   longest %6.2f ms\n", name, ms[n / 2],
               ms[n * 9 / 10], ms[n - 1]);
}

static enum status attest(int fd, struct bytes descriptor, struct arena *a, double *tpm_ms_out)
{
        uint8_t challenge[32];
        struct attest_req q = {.descriptor = descriptor,
                               .challenge = {challenge, sizeof challenge}};
        struct attest_rep p = {0};
        enum status s;

        if (getrandom(challenge, sizeof challenge, 0) != sizeof challenge)
                return ST_INTERNAL;
        s = channel_call(fd, CALL(attest, &q, &p), a, deadline_in(DEADLINE));
        *tpm_ms_out = (double)p.tpm_time / 1e6;
        return s;
}

static struct bytes read_file(const char *path, struct arena *a)
{
        static char text[DOCUMENT_MOST];
        FILE *f = fopen(path, "r");
        size_t n = f ? fread(text, 1, sizeof text, f) : 0;

        if (!n) {
                perror(path);
                exit(2);
        }
        fclose(f);
        return (struct bytes){arena_copy(a, text, n), n};
}

/* The same descriptor with other white space behind it. */
static struct bytes changed(struct bytes descriptor, int number, struct arena *a)
{
        enum { BITS = 20 };
        uint8_t *text = arena_get(a, descriptor.len + BITS);

        memcpy(text, descriptor.data, descriptor.len);
        for (int i = 0; i < BITS; i++)
                text[descriptor.len + (size_t)i] = number >> i & 1 ? '\n' : ' ';
        return (struct bytes){text, descriptor.len + BITS};
}

int main(int argc, char **argv)
{
        static double above[COUNT_MOST], tpm[COUNT_MOST], whole[COUNT_MOST];
        struct arena *kept = arena_new(), *a = arena_new();
        int n = argc > 2 ? atoi(argv[2]) : 300, fd;
        char path[CONFIG_PATH];
        struct bytes descriptor;

        if (argc < 2 || n < 1 || n > COUNT_MOST)
                return 2;
        descriptor = read_file(argv[1], kept);
        config_init();
        if (channel_connect(config_path(path, config.run, SOCKET_CM), deadline_in(DEADLINE), &fd)) {
                fprintf(stderr, "bench_attest: %s\n", error_last()->subject);
                return 3;
        }
        for (int i = -10; i < n; i++) { /* the first ten warm up */
                struct bytes d = argc > 3 ? changed(descriptor, i + 10, a) : descriptor;
                double began = now(), tpm_ms;

                if (attest(fd, d, a, &tpm_ms)) {
                        fprintf(stderr, "bench_attest: %s: %s %s\n", error_last()->subject,
                                status_sentence(error_last()->status), error_last()->found);
                        return 1;
                }
                arena_empty(a);
                if (i < 0)
                        continue;
                whole[i] = now() - began;
                tpm[i] = tpm_ms;
                above[i] = whole[i] - tpm_ms;
        }
        printf("%d attestations, one after the other\n", n);
        print_quantiles("above the TPM's own time", above, n);
        print_quantiles("the TPM's own time (swtpm)", tpm, n);
        print_quantiles("whole", whole, n);
        close(fd);
        arena_free(a);
        arena_free(kept);
        return 0;
}
