/* SPDX-License-Identifier: Apache-2.0 */
/* Judges a predicate apart, for the verifier's appraisal. */
#include "policy/policy_apart.h"

#include "lib/apart.h"
#include "policy/policy_judge.h"

enum { JUDGE_WALL_MS = 10000 };

struct question {
        struct bytes stylesheet, projection;
};

void policy_apart_warm_up(void)
{
        policy_warm_up();
        sandbox_warm_up(SANDBOX_COMPUTE);
}

static enum status judge(void *input, struct arena *a, void *answer_out)
{
        struct question *q = input;

        return policy_judge(q->stylesheet, q->projection, a, answer_out);
}

enum status policy_judge_apart(struct bytes stylesheet, struct bytes projection, struct arena *a,
                               struct judge_rep *out)
{
        static const struct sandbox sandbox = {SANDBOX_COMPUTE, POLICY_MEMORY, POLICY_CPU_SECONDS,
                                               0};
        static const struct apart how = {&sandbox, JUDGE_WALL_MS, &shape_judge_rep, NULL, judge};
        struct question question = {stylesheet, projection};

        return apart_run(&how, &question, a, out);
}
