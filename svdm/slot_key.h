/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key by which the device worker proves which key slots it has made for seals, a state file of
 * svdm's. Whoever has a disk can write a token into its header, but not the proof in it
 * (svdm/device/luks_token.h). If the file is lost, slots made before are only claimed.
 */
#ifndef BULKHEAD_SVDM_SLOT_KEY_H
#define BULKHEAD_SVDM_SLOT_KEY_H

#include "lib/buffer.h"
#include "lib/status.h"

/* Reads the key, or makes it, durably. *key_out lives as long as the process. */
enum status slot_key_load(int dir, struct bytes *key_out);

#endif
