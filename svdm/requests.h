/* SPDX-License-Identifier: Apache-2.0 */
/* What svdm answers: SVDM_MSG of include/bulkhead/messages.def. */
#ifndef BULKHEAD_SVDM_REQUESTS_H
#define BULKHEAD_SVDM_REQUESTS_H

#include "lib/server.h"

#define SVDM_MSG HANDLER_PROTOTYPE
#include "bulkhead/messages.def"

extern const struct handler svdm_handlers[];
extern const size_t svdm_handlers_count;
/* The highest rank that a request may come from (lib/server.h): anybody asks for status. */
unsigned svdm_roles_of(uint16_t number);

#endif
