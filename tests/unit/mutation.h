/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence that went wrong in one of many ways, and what a verifier is given beside it. The same
 * seed gives the same questions, but for the keys and signatures in them.
 */
#ifndef BULKHEAD_TESTS_MUTATION_H
#define BULKHEAD_TESTS_MUTATION_H

#include "lib/arena.h"
#include "lib/buffer.h"

/* What a verifier is asked. data is NULL: not given. */
struct question {
        struct bytes evidence, trust, challenge, descriptor;
};

struct mutation {
        unsigned long seed, number; /* number: of the last question, from 1 */
        const char *what;           /* how that one was made */
        unsigned long long state;
        struct hosts *hosts;
};

struct mutation *mutation_begin(unsigned long seed);
struct question mutation_next(struct mutation *m, struct arena *a);
void mutation_end(struct mutation *m);

#endif
