/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes into the log: measurements, and events such as
 *
 *   <event by="uid:0" component="host/vms/UUID" generation="3" kind="seal" outcome="done"></event>
 *
 * The process has one log, which is opened once the host is set up: its algorithm is the host's.
 */
#ifndef BULKHEAD_INTEGRITY_MGR_HOST_LOG_H
#define BULKHEAD_INTEGRITY_MGR_HOST_LOG_H

#include "integrity-mgr/log.h"
#include "integrity-mgr/measure.h"
#include "lib/principal.h"

/* ST_DONE if it is open already. */
enum status host_log_open(int dir, enum hash_alg alg);
/* ST_NOT_SET_UP before host_log_open(). If that failed, each call here tries to open the log. */
enum status host_log_get(struct log **log_out);

/* Appends what was found. *entries_out: one for each measurement, in the arena. attested_for: whom
 * an event of kind "attest" behind the measurements names, with the component of each of them; it
 * has no outcome, since nobody knows that yet. NULL: no such event. */
enum status host_log_found(struct arena *a, const struct found *found,
                           const struct principal *attested_for, struct log_entry **entries_out,
                           struct log_place *place_out);
/* Appends an event and waits until it is on disk. by: whoever asked for it. kind: "setup",
 * "approve", "retire", "seal", "start", "reseal", "device", "forget", "hibernate", "awake".
 * component: what it is about, as in lib/component.h. If the outcome is an error, it stays the
 * thread's error. */
enum status host_log_event(const struct principal *by, const char *kind, const char *component,
                           uint64_t generation, enum status outcome);
/* The same about a VM. */
enum status host_log_vm_event(const struct principal *by, const char *kind, const struct uuid *vm,
                              uint64_t generation, enum status outcome);

#endif
