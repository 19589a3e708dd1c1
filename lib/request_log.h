/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who did what: one line for each request that changes something or is refused, in every daemon,
 * from the one place where requests are dispatched.
 *
 *   request vm_start: PRINCIPAL=uid:1000 VM=web01 VERDICT=done
 *   request vm_start: PRINCIPAL=uid:1000 VM=web01 VERDICT=refused REASON=SENTENCE: SUBJECT; FOUND
 *
 * Where standard error is the journal, each word in capitals is a field of the line, too, beside
 * REQUEST=vm_start: `journalctl VM=web01 VERDICT=refused` finds it.
 *
 * VM: its name, or its UUID between daemons; "-" where there is none, or none that was read.
 * PRINCIPAL: for whom is asked, where another daemon asks for somebody. A reason has no expected
 * values. Each principal without an administrator's rights gets 60 lines in a minute (beyond 64
 * principals the others share theirs); then a line says how many more there were.
 */
#ifndef BULKHEAD_LIB_REQUEST_LOG_H
#define BULKHEAD_LIB_REQUEST_LOG_H

#include "lib/server.h"

/* request: NULL if it was not read. reply: NULL unless s is ST_DONE. The error of s is this
 * thread's. Does nothing for a worker, which answers its own daemon. */
void request_log(const struct message_info *info, const struct caller *caller, const void *request,
                 const void *reply, enum status s);

#endif
