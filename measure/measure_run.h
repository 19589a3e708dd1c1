/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs one measurement plug-in on one target, in the process at hand: a measure worker, or
 * `bulkhead measure`. What it returns was said by the plug-in; nothing of it is believed but its
 * form (caps, texts that a document can carry, balance, at least one node).
 *
 * One plug-in a process, for the process's life: glibc knows shared objects by name, so a second
 * one loaded from a descriptor could be the first again. A second measure_run() with another
 * plug-in is refused.
 *
 * A plug-in cannot be stopped from inside: its caller bounds time and memory. A caller that
 * forbids system calls after measure_load() must leave: pread64, read, fstat (newfstatat), lseek,
 * ioctl BLKGETSIZE64, mmap, munmap, mremap, mprotect, madvise, brk, futex, clone3 (or clone), rseq,
 * set_robust_list, rt_sigprocmask, sched_yield, exit, exit_group, and what it needs itself.
 */
#ifndef BULKHEAD_MEASURE_MEASURE_RUN_H
#define BULKHEAD_MEASURE_MEASURE_RUN_H

#include "lib/message.h"

struct bulkhead_measure_plugin;

enum {
        MEASURE_DEPTH = 32,           /* of nodes in nodes */
        MEASURE_CHARACTERS = 4 << 20, /* all ids, types, names and texts together */
};

/* From any thread of the plug-in. done may go back by little; total may be 0. */
typedef void (*measure_progress)(uint64_t done, uint64_t total);

/* Opens <dir>/<name>.so: name of [a-z0-9-], at most 31; no symlink on the way below dir; a regular
 * file of root's or of this process's user that no one else can write. ST_NOT_FOUND if there is
 * none, ST_DENIED if its owner or mode will not do. */
enum status measure_open_plugin(const char *dir, const char *name, int *fd_out);

/* SHA-256 of the file, whatever its offset. */
enum status measure_plugin_digest(int plugin, struct digest *digest_out);

/* Loads the very file that `plugin` is, and checks its ABI and name. Before a process gives up its
 * rights: this needs open and mmap with PROT_EXEC, and warms up OpenSSL. May be called again for
 * the same name. */
enum status measure_load(int plugin, const char *name,
                         const struct bulkhead_measure_plugin **loaded_out);

/* Calls a plug-in. file, header: open for reading, -1 if there is none; the caller's. target->alg
 * 0 is SHA-256. progress: or NULL. What lies in *measurement_out is in the arena. ST_REFUSED with
 * the plug-in's reasons if it refused; ST_PLUGIN if it broke the rules. */
enum status measure_call(struct arena *a, const struct bulkhead_measure_plugin *loaded,
                         const struct target *target, int file, int header, uint32_t cores,
                         measure_progress progress, struct measurement *measurement_out);

/* measure_load() and measure_call(). */
enum status measure_run(struct arena *a, int plugin, const struct target *target, int file,
                        int header, uint32_t cores, measure_progress progress,
                        struct measurement *measurement_out);

#endif
