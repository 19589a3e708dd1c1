/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that live beside those of requests. */
#ifndef BULKHEAD_LIB_THREAD_H
#define BULKHEAD_LIB_THREAD_H

#include <pthread.h>
#include <stdbool.h>

/* Begins a thread that gets no signals: they are for the thread that begins it. The new one has the
 * sandbox and the priority of that thread, so what serves everybody is begun by one that has not
 * given way (lib/priority.h). The caller joins or detaches it. False if there can be none. */
bool thread_begin(void *(*run)(void *), void *with, pthread_t *thread_out);

#endif
