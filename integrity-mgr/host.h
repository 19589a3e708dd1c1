/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What integrity-mgr remembers of this host: the TPM and the keys that set-up pinned, and the
 * states that the owner approved. The file is "host" in the state folder; every change is durable
 * before it is used.
 */
#ifndef BULKHEAD_INTEGRITY_MGR_HOST_H
#define BULKHEAD_INTEGRITY_MGR_HOST_H

#include "lib/message.h"

/* Reads the file, if there is one, and gives its keys and approvals to tpm_client. */
enum status host_open(int dir);
/* NULL before set-up. What it points to stays as it is until the process ends. */
const struct host_state *host_get(void);
/* The same; before set-up ST_NOT_SET_UP with the remedy. */
enum status host_needed(const struct host_state **host_out);
/* Pins these keys. ST_EXISTS, with what to do, if the host is set up already. */
enum status host_set_up(const struct tpm_keys *keys);
/* Adds an approval, which replaces one of the same PCRs. Beyond APPROVALS_MOST the oldest goes. */
enum status host_approve(const struct approval *approval);

/* The AK's TPMT_PUBLIC, within keys->ak_public, a TPM2B_PUBLIC; empty if that is malformed. */
struct bytes host_ak_public(const struct tpm_keys *keys);
/* SHA-256 of the site key's SubjectPublicKeyInfo, as openssl makes it of its PEM file. HASH_NONE if
 * keys->site_public is malformed. */
struct digest host_site_key(const struct tpm_keys *keys);

/* Is a state (static PCRs, epoch) approved? If not, *differing_out is the mask of PCRs that differ
 * from the approval that is closest, 0 if only the epoch does; ~0 if there is no approval. */
bool host_is_approved(const struct host_state *h, const struct pcr_value *pcrs, size_t count,
                      uint64_t epoch, uint32_t *differing_out);

#endif
