/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of an xl.cfg, before its values are read. */
#ifndef BULKHEAD_COMPARTMENT_MGR_CONFIG_XL_CONFIG_KEYS_H
#define BULKHEAD_COMPARTMENT_MGR_CONFIG_XL_CONFIG_KEYS_H

#include "lib/message.h"

/* Refuses by name every key that is not read (ST_UNSUPPORTED) or given twice (ST_INVALID). */
enum status xl_config_keys(struct arena *a, struct bytes text);

/* The remedy for a missing kernel and for what would stand in for one. */
extern const char xl_config_use_kernel[];

#endif
