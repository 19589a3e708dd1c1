/* SPDX-License-Identifier: Apache-2.0 */
/* Shares of a server's threads and connections. Pure functions. */
#include "lib/server_parts.h"

enum rank server_rank_of(unsigned roles)
{
        if (roles & (ADMIN | DAEMON | PARENT))
                return RANK_MASTER;
        return roles & VERIFIER ? RANK_VERIFIER : RANK_STRANGER;
}

static size_t share_of(enum rank rank, size_t most)
{
        return rank == RANK_MASTER ? most : rank == RANK_VERIFIER ? most - most / 4 : most / 2;
}

bool server_has_share(const size_t used[RANKS], enum rank rank, size_t most)
{
        size_t n = 0;

        for (size_t i = 0; i <= rank; i++)
                n += used[i];
        return n < share_of(rank, most);
}

size_t server_share_of_one(enum rank rank, size_t most)
{
        const size_t share = share_of(rank, most);

        return rank == RANK_MASTER ? share : (share + 3) / 4;
}
