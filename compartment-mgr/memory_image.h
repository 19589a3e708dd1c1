/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which image of its memory a VM wakes from: the one that integrity-mgr was told of last, and none
 * that nobody told it of. The stories of hibernating, starting and stopping come here with the VM
 * claimed.
 */
#ifndef BULKHEAD_COMPARTMENT_MGR_MEMORY_IMAGE_H
#define BULKHEAD_COMPARTMENT_MGR_MEMORY_IMAGE_H

#include "compartment-mgr/compartment.h"

/* From here on the VM wakes from that. header: of the image at path. */
enum status memory_image_commit(struct arena *a, struct compartment *c, int header,
                                const char *path);
/* None counts any more; the file stays. */
enum status memory_image_revoke(struct arena *a, struct compartment *c);
/* None counts any more, and the file is removed. ST_DONE if the VM left none. */
enum status memory_image_forget(struct arena *a, struct compartment *c);
/* Removes the file of an image that does not count; logs it if that cannot be. */
void memory_image_remove(struct arena *a, const struct compartment *c);

#endif
