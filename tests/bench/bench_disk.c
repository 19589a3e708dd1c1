/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The disk plug-in as shipped, on one file: prints seconds, processor seconds, peak memory in KiB
 * and digest of one measurement, and how this machine hashes many blocks.
 * bench_disk FILE METHOD CORES HASH; bench_disk.sh sets it beside other tools.
 */
#include "measure/measure_run.h"
#include "plugins/disk_hash.h"

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

static const char *way_of(const char *hash)
{
        EVP_MD *md = EVP_MD_fetch(NULL, hash, NULL);
        const char *name = disk_hash_name(disk_hash_best(md, UINT64_MAX));

        EVP_MD_free(md);
        return name;
}

int main(int argc, char **argv)
{
        struct target target = {.name = "disk:bench", .plugin = "disk", .argument = "bench"};
        struct arena *a = arena_new();
        struct measurement m;
        struct rusage usage;
        int plugin, file;
        double start;

        if (argc != 5 || (file = open(argv[1], O_RDONLY)) < 0)
                return 2;
        target.method = argv[2];
        target.alg = hash_of_name(argv[4]);
        if (measure_open_plugin(BUILD_DIR "/plugins", "disk", &plugin))
                return 2;
        start = now();
        if (measure_run(a, plugin, &target, file, -1, (uint32_t)atoi(argv[3]), NULL, &m)) {
                fprintf(stderr, "%s: %s\n", error_last()->subject, error_last()->found);
                return 1;
        }
        start = now() - start;
        getrusage(RUSAGE_SELF, &usage);
        printf("%.4f %.4f %ld %s %s\n", start, seconds(usage.ru_utime) + seconds(usage.ru_stime),
               usage.ru_maxrss, strchr(m.nodes.items[0].values.items[1].text, ':') + 1,
               way_of(argv[4]));
        arena_free(a);
        return 0;
}
