/* SPDX-License-Identifier: Apache-2.0 */
/* The disks of an xl.cfg (docs/xl-cfg.md). */
#ifndef BULKHEAD_COMPARTMENT_MGR_CONFIG_XL_DISKS_H
#define BULKHEAD_COMPARTMENT_MGR_CONFIG_XL_DISKS_H

#include "compartment-mgr/config/xl_config.h"
#include "compartment-mgr/config/xl_values.h"

/* To out->disks and to "disks" of json. Two names of one device, or two of one path, are wrong. */
void xl_disks_read(struct xl_values *c, struct json_object *json, struct xl_config *out);

#endif
