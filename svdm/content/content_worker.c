/* SPDX-License-Identifier: Apache-2.0 */
/*
 * content_worker: libblkid, and nothing else. Started by svdm without arguments. Each disk is
 * looked at in a child of its own that holds a sample of it in memory and its socket: no files, no
 * network, 128 MiB of memory, five seconds of CPU. svdm believes the answer only if the child
 * exited with 0.
 */
#include "lib/report.h"
#include "lib/worker.h"
#include "svdm/content/content.h"

#define CONTENT_MSG HANDLER_PROTOTYPE
#include "bulkhead/messages.def"

enum status on_content(struct request *r, const struct content_req *q, struct content_rep *p)
{
        return content_name(q->sample, r->arena, &p->what, &p->member);
}

static const struct handler handlers[] = {
#define CONTENT_MSG HANDLER_ENTRY
#include "bulkhead/messages.def"
};

int main(void)
{
        static const struct sandbox sandbox = {
                .profile = SANDBOX_THREADS, .memory = 128 << 20, .cpu_seconds = 5};
        static const struct worker_duty duty = {.name = "content_worker",
                                                .handlers = handlers,
                                                .handlers_count =
                                                        sizeof handlers / sizeof *handlers,
                                                .sandbox = &sandbox};

        process_harden();
        report_open("content_worker");
        sandbox_warm_up(sandbox.profile);
        worker_serve(&duty);
}
