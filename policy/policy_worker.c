/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy_worker: XSLT, and nothing else. Started by integrity-mgr without arguments. Each predicate
 * is judged in a child of its own that holds nothing but its socket: no files, no network, memory
 * and time as policy_judge.h says. The child ends after its answer; integrity-mgr believes
 * the answer only if the child exited with 0.
 */
#include "lib/report.h"
#include "lib/worker.h"
#include "policy/policy_judge.h"

#define POLICY_MSG HANDLER_PROTOTYPE
#include "bulkhead/messages.def"

enum status on_judge(struct request *r, const struct judge_req *q, struct judge_rep *p)
{
        return policy_judge(q->stylesheet, q->projection, r->arena, p);
}

static const struct handler handlers[] = {
#define POLICY_MSG HANDLER_ENTRY
#include "bulkhead/messages.def"
};

int main(void)
{
        static const struct sandbox sandbox = {.profile = SANDBOX_COMPUTE,
                                               .memory = POLICY_MEMORY,
                                               .cpu_seconds = POLICY_CPU_SECONDS};
        static const struct worker_duty duty = {.name = "policy_worker",
                                                .ahead = true,
                                                .handlers = handlers,
                                                .handlers_count =
                                                        sizeof handlers / sizeof *handlers,
                                                .sandbox = &sandbox};

        process_harden();
        report_open("policy_worker");
        policy_warm_up();
        sandbox_warm_up(sandbox.profile);
        worker_serve(&duty);
}
