/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The handlers of the door's requests, by subject: requests_host.c, requests_vm.c, requests_life.c;
 * requests.c has the table of them all. Below: what they share.
 */
#ifndef BULKHEAD_COMPARTMENT_MGR_HANDLERS_H
#define BULKHEAD_COMPARTMENT_MGR_HANDLERS_H

#include "compartment-mgr/compartment.h"
#include "lib/server.h"

#define CM_MSG(number, name, who, asked, answered)                                                 \
        enum status on_##name(struct request *, const struct name##_req *, struct name##_rep *);
#include "bulkhead/messages.def"

/* As compartment_claim(), for whoever asks. A VM that is not in the table may be one that others
 * started: then the refusal says so. */
enum status requests_claim(struct request *r, const char *vm, const char *operation,
                           struct compartment **c_out);
/* The command that leads from the state at hand to one in which a VM can be started or sealed. */
const char *requests_to_be_stopped(struct request *r, const struct compartment *c);

#endif
