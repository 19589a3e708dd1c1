/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An xl.cfg (xl.cfg(5) of Xen 4.17, the subset of docs/xl-cfg.md) to the one stored form of a VM's
 * configuration: JSON with sorted keys and no white space, in which every default is spelled out
 * and UUID and MAC addresses are fixed. Its SHA-256 is what a seal binds, so the same input always
 * gives the same bytes.
 *
 * What is not in the subset is refused by name, but for what has no effect under xl either. What is
 * stored is only what was understood: a key that this reader and libxlutil see differently never
 * reaches the result.
 */
#ifndef BULKHEAD_COMPARTMENT_MGR_CONFIG_XL_CONFIG_H
#define BULKHEAD_COMPARTMENT_MGR_CONFIG_XL_CONFIG_H

#include "lib/message.h"

enum {
        XL_CONFIG_MOST = 64 << 10, /* bytes of xl.cfg */
        XL_CONFIG_RANDOM = 16 + 3 * NICS_MOST,
};

struct xl_config {
        const char *name;
        struct uuid uuid;
        struct bytes json;
        struct boot_file boot[BOOT_FILES_MOST];
        size_t boot_count;
        struct disk *disks;
        size_t disks_count;
        struct nic nics[NICS_MOST];
        size_t nics_count;
};

/* uuid: the VM's, which the text must not contradict; all zero: the text's, or else a new one.
 * present: what the VM's configuration is now; its MAC addresses stay where the text has none.
 * random: what a new UUID and new MAC addresses (00:16:3e:...) are made from; XL_CONFIG_RANDOM
 * bytes. */
struct xl_config_input {
        struct bytes text;
        struct uuid uuid;
        const struct vm_config *present; /* or NULL */
        const uint8_t *random;
};
/* Results lie in the arena; with an error they are what could be read. ST_TOO_LARGE, ST_INVALID or
 * ST_UNSUPPORTED, with the key as subject and a remedy: that of the first finding that is refused
 * or wrong. findings_out: all findings, in the order of the text; NULL if they are not wanted. */
enum status xl_config_read(struct arena *a, const struct xl_config_input *in,
                           struct xl_config *config_out, struct config_finding_list *findings_out);

/* A disk as a configuration names it: the guest writes to encrypted ones only. */
struct disk xl_config_disk(const char *device, const char *path, bool writable);
/* What such JSON says. ST_DAMAGED if that is not what is in it. */
enum status xl_config_parse(struct arena *a, struct bytes json, struct vm_config *out);

#endif
