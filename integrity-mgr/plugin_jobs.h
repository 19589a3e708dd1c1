/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs of the measure worker whose plug-in is loaded already. For each of the plug-ins that were
 * used last one job waits: a child in its last sandbox, with the plug-in and without a target. It
 * measures once and ends, as any other job does.
 */
#ifndef BULKHEAD_INTEGRITY_MGR_PLUGIN_JOBS_H
#define BULKHEAD_INTEGRITY_MGR_PLUGIN_JOBS_H

#include "lib/digest.h"

struct job;
struct worker;

/* Begins a thread. So a thread calls it that does not give way, and that is in the sandbox. */
void plugin_jobs_start(struct worker *measure_worker);

/* The job that waits with that plug-in, or NULL. It is the caller's from here on, to be ended by
 * job_end() or job_kill(). *file_out: the digest of the file that it loaded. Only a caller that
 * finds the same digest in the file that is installed now may believe what the job says. */
struct job *plugin_jobs_take(const char *name, struct digest *file_out);

/* Has another thread make a job for that plug-in soon, unless one waits. plugin: the file as
 * measure_open_plugin() opened it; it is closed here. file: its digest, taken before. A failure is
 * not told: the next measurement then finds no job that waits. */
void plugin_jobs_want(const char *name, int plugin, const struct digest *file);

void plugin_jobs_stop(void);

#endif
