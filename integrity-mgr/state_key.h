/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key under which compartment-mgr's state files carry a MAC (docs/constructions.md, "State
 * files"). It is derived from the key of the table of generations, which the TPM gives out in
 * approved states alone, and never written anywhere.
 */
#ifndef BULKHEAD_INTEGRITY_MGR_STATE_KEY_H
#define BULKHEAD_INTEGRITY_MGR_STATE_KEY_H

#include "lib/message.h"

/* An empty key before the host's first approval: then there is no key yet, and no seal; neither the
 * table of generations nor the TPM's index for it is there. ST_DAMAGED if one of them is, and there
 * is no approval. first: no file is known to carry a MAC under it. The TPM's errors, and those of
 * the table of generations, if there is a key and it cannot be had now. */
enum status state_key_get(struct arena *a, struct im_state_key_rep *out);
/* From now on every file carries a MAC: `first` is false for good. */
enum status state_key_kept(void);

#endif
