/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The image of its memory from which a VM wakes: only the one that integrity-mgr was told last. The
 * stories of hibernating, starting and stopping come here with the VM claimed.
 */
#ifndef BULKHEAD_COMPARTMENT_MGR_MEMORY_IMAGE_H
#define BULKHEAD_COMPARTMENT_MGR_MEMORY_IMAGE_H

#include "compartment-mgr/compartment.h"

/* From here on the VM wakes from the image at path. header: the image's header, a memory file. */
enum status memory_image_commit(struct arena *a, struct compartment *c, int header,
                                const char *path);
/* From here on no image counts; the file stays. */
enum status memory_image_revoke(struct arena *a, struct compartment *c);
/* From here on no image counts, and the file is removed. ST_DONE if the VM has no image. */
enum status memory_image_forget(struct arena *a, struct compartment *c);
/* Removes the file of an image that does not count; reports it if that fails. */
void memory_image_remove(struct arena *a, const struct compartment *c);

#endif
