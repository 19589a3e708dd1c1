/* SPDX-License-Identifier: Apache-2.0 */
/* Shares of a server's threads and connections. Pure functions. */
#include "lib/server_parts.h"

enum rank server_rank_of(unsigned roles)
{
        if (roles & (ADMIN | DAEMON | PARENT))
                return RANK_MASTER;
        return roles & VERIFIER ? RANK_VERIFIER : RANK_STRANGER;
}

bool server_has_share(const size_t used[RANKS], enum rank rank, size_t most)
{
        const size_t share[RANKS] = {most / 2, most - most / 4, most};
        size_t n = 0;

        for (size_t i = 0; i <= rank; i++)
                n += used[i];
        return n < share[rank];
}
