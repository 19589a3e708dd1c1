/* SPDX-License-Identifier: Apache-2.0 */
/* What commands print of the key slots of a VM's disks, and of a recovery key. */
#ifndef BULKHEAD_TOOLS_SLOTS_H
#define BULKHEAD_TOOLS_SLOTS_H

#include "lib/message.h"
#include "tools/recovery_key.h"

#include <json-c/json.h>

void slots_print(const struct disk_slots_list *disks);
/* After a change or a removal: each slot that the old passphrase opens all the same. */
void slots_print_still(const struct disk_slots_list *disks, const char *vm);
struct json_object *slots_json(const struct disk_slots_list *disks);
/* After an undefine: what opens each disk now, and how to remove what the seal has left. */
void slots_print_left(const struct disk_slots_list *disks, const char *kept);
/* Is there a disk that the VM's seal opens and no passphrase? Its path, or NULL; also NULL if one
 * of the disks is not what was sealed, so that nobody knows what opens that one. */
const char *slots_sealed_alone(const struct disk_slots_list *disks);
/* A recovery key that was made for them, if there is one: the key itself, or what it is wrapped in,
 * not both. */
void slots_print_recovery(const struct recovery *r);
void slots_json_recovery(struct json_object *o, const struct recovery *r);

#endif
