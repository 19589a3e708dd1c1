/* SPDX-License-Identifier: Apache-2.0 */
/* The disks of an xl.cfg (docs/xl-cfg.md). */
#ifndef BULKHEAD_COMPARTMENT_MGR_CONFIG_XL_DISKS_H
#define BULKHEAD_COMPARTMENT_MGR_CONFIG_XL_DISKS_H

#include "compartment-mgr/config/xl_config.h"
#include "compartment-mgr/config/xl_values.h"

/* To out->disks and to "disks" of json. A device or a path that is named twice is ST_INVALID. */
enum status xl_disks_read(struct xl_values *c, struct json_object *json, struct xl_config *out);

#endif
