/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stories of sealing (OpenTC D05.4, figures 3.9 and 3.10; docs/constructions.md).
 * A VM's seal is a record "seal-<uuid>-<generation>" in the state folder, which counts only
 * while the table of generations names its digest. One story at a time a VM: ST_BUSY otherwise.
 */
#ifndef BULKHEAD_INTEGRITY_MGR_SEAL_H
#define BULKHEAD_INTEGRITY_MGR_SEAL_H

#include "lib/message.h"

void seal_open(int dir);
/* Seals the secret in the pipe to what is found now. Refused if it would not open again now. */
enum status seal_make(struct arena *a, const struct im_seal_req *req);
/* Writes the secret into the pipe if everything is what was sealed and the predicates agree. Then
 * makes a seal of an older construction anew, if it can. *generation_out: of the present seal. */
enum status seal_unseal(struct arena *a, const struct im_unseal_req *req, uint64_t *generation_out);
/* Has the checks of the VM's seal that are for that device judged over the current state. */
enum status seal_device(struct arena *a, const struct im_device_req *req);
/* The same for a descriptor that the VM is to be sealed with; nothing is logged. */
enum status seal_try_device(struct arena *a, const struct im_try_device_req *req);
/* The same secret, sealed to what the targets are now; only if the descriptor says clean-stop, or
 * if nothing but key slots of the VM's disks has changed. */
enum status seal_renew(struct arena *a, const struct im_reseal_req *req);
/* The present seal under the next generation, with that journal; it opens when it did before. */
enum status seal_name_journal(struct arena *a, const struct im_journal_req *req);
/* The present seal; generation 0 and an empty descriptor if there is none. ST_BUSY while another
 * request is at work on it. */
enum status seal_present(struct arena *a, const struct uuid *vm, struct im_sealed_rep *rep_out);
/* Its descriptor, at any time; empty if there is none. */
enum status seal_shown(struct arena *a, const struct uuid *vm, struct bytes *descriptor_out);
/* by: for whom, as logged. */
enum status seal_forget(const struct principal *by, const struct uuid *vm);

#endif
