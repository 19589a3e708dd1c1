/* SPDX-License-Identifier: Apache-2.0 */
/* The interfaces of an xl.cfg (docs/xl-cfg.md). */
#ifndef BULKHEAD_COMPARTMENT_MGR_CONFIG_XL_VIFS_H
#define BULKHEAD_COMPARTMENT_MGR_CONFIG_XL_VIFS_H

#include "compartment-mgr/config/xl_config.h"
#include "compartment-mgr/config/xl_values.h"

/* To out->nics and to "vifs" of json. An interface without mac= keeps the address that it has in
 * c->present, or gets one that c->random makes. */
void xl_vifs_read(struct xl_values *c, struct json_object *json, struct xl_config *out);

#endif
