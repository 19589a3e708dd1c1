/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that live beside those of requests. */
#ifndef BULKHEAD_LIB_THREAD_H
#define BULKHEAD_LIB_THREAD_H

#include <pthread.h>
#include <stdbool.h>

/* Begins a thread that gets no signals: they are for whoever begins it. It has the sandbox and the
 * priority of that thread, which for what serves everybody must not have given way
 * (lib/priority.h). False if there can be none. */
bool thread_begin(void *(*run)(void *), void *with, pthread_t *thread_out);

#endif
