/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a predicate, or, after a byte 0, as a projection for it. An answer is never true
 * beside an error, nor for an empty projection. */
#include "policy/policy_judge.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const char usual[] =
        "<projection><pcr alg=\"sha256\" index=\"0\">"
        "0000000000000000000000000000000000000000000000000000000000000000</pcr>"
        "<measurement plugin=\"disk\" target=\"disk:/img\" version=\"1\">"
        "<node id=\"disk:/img\" type=\"disk\"><value name=\"digest\">good</value>"
        "<value name=\"size\">4096</value></node></measurement></projection>";
static const char empty[] = "<projection></projection>";

static bool judge(struct bytes stylesheet, struct bytes projection, struct arena *a)
{
        struct judge_rep said;
        enum status s = policy_judge(stylesheet, projection, a, &said);

        if (s && (said.answer || said.reasons.count))
                abort();
        return said.answer;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
        const uint8_t *zero = len ? memchr(data, 0, len) : NULL;
        struct bytes stylesheet = {data, zero ? (size_t)(zero - data) : len};
        struct bytes projection = {(const uint8_t *)usual, sizeof usual - 1};
        struct arena *a;

        if (len > 16 << 10)
                return 0;
        policy_warm_up();
        a = arena_new();
        if (zero)
                projection = (struct bytes){zero + 1, len - stylesheet.len - 1};
        judge(stylesheet, projection, a);
        if (judge(stylesheet, (struct bytes){(const uint8_t *)empty, sizeof empty - 1}, a))
                abort();
        arena_free(a);
        return 0;
}
