/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs one measurement plug-in on one target, in the process at hand: a measure worker, or a child
 * of `bulkhead measure`. The measurement is what the plug-in said; only its form is checked (caps,
 * texts that a document can carry, each node ended, at least one node).
 *
 * A process loads one plug-in in its life: glibc knows shared objects by name, so a second one
 * loaded from a descriptor could turn out to be the first. Another plug-in is refused.
 *
 * A plug-in cannot be stopped from inside, so the caller bounds time and memory. A caller that
 * forbids system calls after measure_load() must allow: pread64, read, fstat (newfstatat), lseek,
 * ioctl BLKGETSIZE64, mmap, munmap, mremap, mprotect, madvise, brk, futex, clone3 (or clone), rseq,
 * set_robust_list, rt_sigprocmask, sched_yield, exit, exit_group, and what it needs itself.
 */
#ifndef BULKHEAD_MEASURE_MEASURE_RUN_H
#define BULKHEAD_MEASURE_MEASURE_RUN_H

#include "lib/message.h"

struct bulkhead_measure_plugin;

enum {
        MEASURE_DEPTH = 32,           /* nodes in nodes */
        MEASURE_CHARACTERS = 4 << 20, /* bytes of all ids, types, names and texts together */
};

/* Called from any thread of the plug-in. done may go back a little; total may be 0. */
typedef void (*measure_progress)(uint64_t done, uint64_t total);

/* Opens <dir>/<name>.so. name: at most 31 of [a-z0-9-]. The file must be regular, no symlink, owned
 * by root or this process's user, and not writable for anyone else: else ST_DENIED. ST_NOT_FOUND if
 * there is none. */
enum status measure_open_plugin(const char *dir, const char *name, int *fd_out);

/* SHA-256 of the file, whatever its offset. */
enum status measure_plugin_digest(int plugin, struct digest *digest_out);

/* Loads the very file that `plugin` is open on, and checks its ABI and name: ST_PLUGIN. Call it
 * before the process gives up its rights: it needs open and mmap with PROT_EXEC, and warms up
 * OpenSSL. May be called again for the same name. */
enum status measure_load(int plugin, const char *name,
                         const struct bulkhead_measure_plugin **loaded_out);

/* Calls the plug-in. file and header stay the caller's: open for reading, or -1. target->alg 0 is
 * SHA-256. progress may be NULL. What *measurement_out points to lies in the arena. ST_REFUSED,
 * with the plug-in's reasons, if it refused; ST_PLUGIN if it broke the rules. */
enum status measure_call(struct arena *a, const struct bulkhead_measure_plugin *loaded,
                         const struct target *target, int file, int header, uint32_t cores,
                         measure_progress progress, struct measurement *measurement_out);

/* measure_load(), then measure_call(). */
enum status measure_run(struct arena *a, int plugin, const struct target *target, int file,
                        int header, uint32_t cores, measure_progress progress,
                        struct measurement *measurement_out);

#endif
