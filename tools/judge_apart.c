/* SPDX-License-Identifier: Apache-2.0 */
/* Predicates for `bulkhead verify`: the same evaluation as in the daemon's worker, in a process
 * that ends after one answer. */
#include "tools/judge_apart.h"
#include "tools/apart.h"

#include "policy/policy_judge.h"

enum { JUDGE_MEMORY = 512 << 20, JUDGE_CPU_SECONDS = 5, JUDGE_WALL_MS = 10000 };

struct question {
        struct bytes stylesheet, projection;
};

void judge_warm_up(void)
{
        policy_warm_up();
        sandbox_warm_up(SANDBOX_COMPUTE);
}

static enum status answer(void *input, struct buffer *out)
{
        struct question *q = input;
        struct arena *a = arena_new();
        struct judge_rep reply = {};
        size_t none = 0;
        int fds[MESSAGE_FDS_MOST];
        enum status s;

        s = policy_judge(q->stylesheet, q->projection, a, &reply);
        if (!s)
                s = message_encode(&shape_judge_rep, &reply, out, fds, &none);
        arena_free(a);
        return s;
}

enum status judge_apart(struct bytes stylesheet, struct bytes projection, struct arena *a,
                        struct judge_rep *out)
{
        static const struct sandbox sandbox = {SANDBOX_COMPUTE, JUDGE_MEMORY, JUDGE_CPU_SECONDS, 0};
        static const struct apart how = {&sandbox, JUDGE_WALL_MS, NULL, answer};
        struct question question = {stylesheet, projection};
        struct buffer said = BUFFER_INIT(MESSAGE_MOST);
        enum status s;

        s = apart_run(&how, &question, &said);
        if (!s)
                s = message_decode(&shape_judge_rep,
                                   (struct bytes){arena_copy(a, said.data, said.len), said.len},
                                   NULL, 0, a, out);
        buffer_clear(&said);
        return s;
}
