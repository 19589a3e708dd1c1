/* SPDX-License-Identifier: Apache-2.0 */
/*
 * measure_worker: one plug-in, one target. Started by integrity-mgr without arguments. Each
 * measurement runs in a child of its own, as a user without rights. The child can read files, no
 * more, while it loads the plug-in from the descriptor that integrity-mgr opened and hashed; then
 * it gives up everything but its memory, threads and the descriptors that it has; only after that
 * the plug-in is called. No network, no other process, no files by name, no TPM.
 */
#include "measure/measure_run.h"
#include "lib/digest.h"
#include "lib/report.h"
#include "lib/worker.h"

#define MEASURE_MSG HANDLER_PROTOTYPE
#include "bulkhead/messages.def"

/* What a plug-in's file runs as it is loaded is the plug-in's, too. */
static const struct sandbox loading = {.profile = SANDBOX_LOAD};
static const struct sandbox sandbox = {.profile = SANDBOX_THREADS, .memory = (size_t)4 << 30};

enum status on_measure(struct request *r, const struct measure_req *q, struct measure_rep *p)
{
        const struct bulkhead_measure_plugin *plugin;
        enum status s = measure_load(q->plugin, q->target.plugin, &plugin);

        if (s)
                return s;
        sandbox_enter(&sandbox);
        return measure_call(r->arena, plugin, &q->target, q->file, q->header, q->cores, NULL,
                            &p->measurement);
}

static const struct handler handlers[] = {
#define MEASURE_MSG HANDLER_ENTRY
#include "bulkhead/messages.def"
};

int main(void)
{
        static const struct worker_duty duty = {.name = "measure_worker",
                                                .ahead = true,
                                                .handlers = handlers,
                                                .handlers_count =
                                                        sizeof handlers / sizeof *handlers,
                                                .sandbox = &loading};

        process_harden();
        report_open("measure_worker");
        digest_of(HASH_SHA256, "", 0); /* the library that plug-ins use, too, is loaded once */
        sandbox_warm_up(sandbox.profile);
        worker_serve(&duty);
}
