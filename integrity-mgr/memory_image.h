/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The image of a hibernating VM's memory, as the table of generations has it: the digest of its
 * LUKS2 header, whose volume key opens that one image. An image is woken once. If somebody puts an
 * older one back, even with all other files, the TPM's counter shows it.
 */
#ifndef BULKHEAD_INTEGRITY_MGR_MEMORY_IMAGE_H
#define BULKHEAD_INTEGRITY_MGR_MEMORY_IMAGE_H

#include "lib/message.h"

/* From here on this image counts, or none. by: for whom, as logged. header: a memory file with the
 * image's header, or -1 for no image. */
enum status memory_image_set(const struct principal *by, const struct uuid *vm, int header);
/* Before a VM that is to wake is measured. header: of its image; ST_CHANGED if that is not the
 * image that was set last. -1, for a VM that starts afresh, is ST_DONE. */
enum status memory_image_check(const struct uuid *vm, int header);
/* Right before the unseal. header -1: the VM starts afresh, and the image that was set is
 * forgotten. */
enum status memory_image_settle(const struct uuid *vm, int header);

#endif
