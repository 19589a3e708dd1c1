/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of each key of an xl.cfg, before its values are read: the table is xl_keys.def. */
#ifndef BULKHEAD_COMPARTMENT_MGR_CONFIG_XL_CONFIG_KEYS_H
#define BULKHEAD_COMPARTMENT_MGR_CONFIG_XL_CONFIG_KEYS_H

#include "compartment-mgr/config/xl_scan.h"

/* hvm_only: ignored since xl reads it for hvm guests alone. */
struct xl_key {
        const char *key;
        enum config_outcome outcome;
        bool hvm_only;
        const char *why; /* why it is ignored; or the remedy, where it is refused */
};
extern const struct xl_key xl_keys[];
extern const size_t xl_keys_count;

/* Notes each key that is not read, by name, and each that is given twice. */
void xl_config_keys(struct xl_scan *scan);
/* Notes each key that is read and about which nothing was noted. */
void xl_config_keys_honoured(struct xl_scan *scan);

/* The remedy for a missing kernel and for what would stand in for one. */
extern const char xl_config_use_kernel[];

#endif
