/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which parts of the trusted computing base are measured on this host, as far as the kernel's own
 * files tell. From here one can recognise what `bulkhead host image` makes, but not prove it: the
 * proof is PCR 4, compared with the value of the EFI file or approved by the site key.
 */
#ifndef BULKHEAD_COMPARTMENT_MGR_TCB_H
#define BULKHEAD_COMPARTMENT_MGR_TCB_H

#include "lib/digest.h"
#include "lib/message.h"

#include <sys/types.h>

enum secure_boot { SECURE_BOOT_UNKNOWN, SECURE_BOOT_OFF, SECURE_BOOT_ON };

struct tcb {
        bool verity;      /* the root device is one of dm-verity, and bulkhead-root */
        bool efi;         /* UEFI firmware booted this host */
        bool line_closed; /* the last word of the kernel's command line is its only "--" */
        enum secure_boot secure_boot;
        char root_hash[65];    /* of the command line; "" if it has none, or more than one */
        enum hash_alg bank;    /* in which this host is measured */
        char pcr4[DIGEST_HEX]; /* of that bank, lower case; "" if the kernel does not tell */
};

/* Reads FOLDER/proc and FOLDER/sys; folder is "" except in tests. root: the device of /. bank:
 * HASH_NONE if unknown. What cannot be read counts as missing. */
void tcb_read(const char *folder, dev_t root, enum hash_alg bank, struct tcb *tcb_out);

enum { TCB_FACTS = 3 };
/* Writes facts of area "tcb" and returns their number. approved: the site key has approved the
 * present static PCRs. */
size_t tcb_facts(struct arena *a, const struct tcb *tcb, bool approved,
                 struct fact facts_out[static TCB_FACTS]);

#endif
