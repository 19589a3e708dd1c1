/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/priority.h"

#include <sys/resource.h>

static _Thread_local bool gives_way;

void priority_give_way(void)
{
        if (gives_way)
                return;
        gives_way = true;
        if (getpriority(PRIO_PROCESS, 0) < PRIORITY_GIVES_WAY)
                setpriority(PRIO_PROCESS, 0, PRIORITY_GIVES_WAY); /* 0: this thread */
}

bool priority_gives_way(void)
{
        return gives_way;
}
