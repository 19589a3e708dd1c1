/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The disk plug-in as shipped, on one file: prints seconds, processor seconds, peak memory in KiB
 * and digest of one measurement.
 * bench_disk FILE METHOD CORES; bench_disk.sh sets it beside other tools.
 */
#include "measure/measure_run.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double seconds(struct timeval t)
{
        return (double)t.tv_sec + (double)t.tv_usec * 1e-6;
}

int main(int argc, char **argv)
{
        struct target target = {.name = "disk:bench", .plugin = "disk", .argument = "bench"};
        struct arena *a = arena_new();
        struct measurement m;
        struct rusage usage;
        int plugin, file;
        double start;

        if (argc != 4 || (file = open(argv[1], O_RDONLY)) < 0)
                return 2;
        target.method = argv[2];
        if (measure_open_plugin(BUILD_DIR "/plugins", "disk", &plugin))
                return 2;
        start = now();
        if (measure_run(a, plugin, &target, file, -1, (uint32_t)atoi(argv[3]), NULL, &m)) {
                fprintf(stderr, "%s: %s\n", error_last()->subject, error_last()->found);
                return 1;
        }
        start = now() - start;
        getrusage(RUSAGE_SELF, &usage);
        printf("%.4f %.4f %ld %s\n", start, seconds(usage.ru_utime) + seconds(usage.ru_stime),
               usage.ru_maxrss, strchr(m.nodes.items[0].values.items[1].text, ':') + 1);
        arena_free(a);
        return 0;
}
