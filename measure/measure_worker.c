/* SPDX-License-Identifier: Apache-2.0 */
/*
 * measure_worker: one plug-in, one target. Started by integrity-mgr without arguments. Each
 * measurement runs in a child of its own, as a user without rights. The child can only read files
 * while it loads the plug-in from the descriptor that integrity-mgr opened and hashed. Then it
 * gives up everything but its memory, threads and the descriptors that it has, and only then calls
 * the plug-in. It may be told to load before there is a target. No network, no other process, no
 * files by name, no TPM.
 */
#include "measure/measure_run.h"
#include "measure/progress_page.h"
#include "lib/digest.h"
#include "lib/report.h"
#include "lib/worker.h"

#define MEASURE_MSG HANDLER_PROTOTYPE
#include "bulkhead/messages.def"

/* A plug-in's constructors run while it is loaded, so loading needs a sandbox, too. */
static const struct sandbox loading = {.profile = SANDBOX_LOAD};
static const struct sandbox sandbox = {.profile = SANDBOX_THREADS, .memory = (size_t)4 << 30};

static const struct bulkhead_measure_plugin *loaded;

/* Once a process: the second sandbox cannot open files, so no other plug-in can be loaded. */
static enum status load(int plugin, const char *name)
{
        enum status s = loaded ? FAIL(ST_WRONG_STATE, .subject = "measure_worker",
                                      .expected = "one plug-in a process")
                               : measure_load(plugin, name, &loaded);

        if (!s)
                sandbox_enter(&sandbox);
        return s;
}

enum status on_measure_load(struct request *r, const struct measure_load_req *q,
                            struct measure_load_rep *p)
{
        (void)r, (void)p;
        return load(q->plugin, q->name);
}

static struct progress_page *page; /* or NULL */

static void tell(uint64_t done, uint64_t total)
{
        atomic_store_explicit(&page->done, done, memory_order_relaxed);
        atomic_store_explicit(&page->total, total, memory_order_relaxed);
}

enum status on_measure(struct request *r, const struct measure_req *q, struct measure_rep *p)
{
        enum status s = q->plugin >= 0 ? load(q->plugin, q->target.plugin) : ST_DONE;

        page = progress_page_map(q->progress);

        if (!s && !loaded)
                s = FAIL(ST_WRONG_STATE, .subject = "measure_worker", .expected = "a plug-in");
        return s ? s
                 : measure_call(r->arena, loaded, &q->target, q->file, q->header, q->cores,
                                page ? tell : NULL, &p->measurement);
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
        digest_of(HASH_SHA256, "", 0); /* warms up OpenSSL, which plug-ins use, too */
        sandbox_warm_up(sandbox.profile);
        worker_serve(&duty);
}
