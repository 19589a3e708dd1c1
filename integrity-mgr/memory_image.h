/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The image of a hibernating VM's memory, as the table of generations has it: the digest of its
 * LUKS2 header, whose volume key opens that one image. An image is woken once: whoever puts an
 * older one back, with all other files, is told by the TPM's counter.
 */
#ifndef BULKHEAD_INTEGRITY_MGR_MEMORY_IMAGE_H
#define BULKHEAD_INTEGRITY_MGR_MEMORY_IMAGE_H

#include "lib/message.h"

/* by: for whom, as logged. header: a memory file, or -1 for no image from here on. */
enum status memory_image_set(const struct principal *by, const struct uuid *vm, int header);
/* Before a VM is measured that is to wake. header: of its image: ST_CHANGED if it is not the one
 * that was set last. ST_DONE for -1: it starts afresh. */
enum status memory_image_check(const struct uuid *vm, int header);
/* Right before the unseal. header -1: what was set is forgotten. */
enum status memory_image_settle(const struct uuid *vm, int header);

#endif
