/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a seal is bound to: the one digest that is extended into the destination PCR before the TPM
 * is asked to unseal (docs/constructions.md, "The destination PCR at a start"):
 *
 *   H("bulkhead-seal-2" || VM UUID || owner || recipient || descriptor digest ||
 *     n, for each target its plug-in: identifier, version of what it measures ||
 *     n, for each predicate, those of device checks after the others: digest ||
 *     n, for each disk: UUID || configuration digest ||
 *     n, for each measurement that no predicate judges: digest)
 *
 * Tags, texts, UUIDs (16 bytes) and digests are fields with their length before them; each n and
 * each version is a number of 4 bytes. Lists stand in the descriptor's and the configuration's
 * order.
 *
 * BINDING_FILES, which seals before version 0.2 have: the tag "bulkhead-seal-1", neither owner nor
 * recipient, and of each plug-in the digest of its file as a field instead of the version.
 */
#ifndef BULKHEAD_INTEGRITY_MGR_BINDING_H
#define BULKHEAD_INTEGRITY_MGR_BINDING_H

#include "lib/message.h"
#include "proof/measurement.h"

struct binding {
        enum seal_binding construction;
        enum hash_alg alg;
        struct uuid vm;
        struct principal owner, recipient;   /* valid, unless the construction is BINDING_FILES */
        const struct descriptor *descriptor; /* predicates resolved; its digest is not believed */
        /* One for each target, and so are the forms. With BINDING_FILES those of the record: what
         * the seal was made with. */
        const struct plugin_seen *plugins;
        const struct measurement_form *forms;
        const struct disk_seen *disks;
        size_t disks_count;
        struct digest config;
};

struct digest binding_digest(const struct binding *b);
/* The PCR that a descriptor's targets name, 16 if all say LOG. ST_INVALID if they name two. */
enum status binding_pcr(const struct descriptor *d, uint32_t *pcr_out);

#endif
