/* SPDX-License-Identifier: Apache-2.0 */
/* Begins threads with all signals blocked (lib/thread.h). */
#include "lib/thread.h"

#include <signal.h>

bool thread_begin(void *(*run)(void *), void *with, pthread_t *thread_out)
{
        sigset_t all, before;
        int r;

        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        r = pthread_create(thread_out, NULL, run, with);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        return r == 0;
}
