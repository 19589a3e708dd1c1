/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The image of a hibernating VM's memory, as the table of generations has it: the digest of its
 * LUKS2 header, whose volume key opens that one image. An image is woken once: whoever puts an older
 * one back, with all other files, is told by the TPM's counter.
 */
#ifndef BULKHEAD_INTEGRITY_MGR_MEMORY_H
#define BULKHEAD_INTEGRITY_MGR_MEMORY_H

#include "lib/message.h"

/* header: a memory file, or -1 for no image from here on. */
enum status memory_set(const struct uuid *vm, int header);
/* Before an unseal. header: of the image that the VM is to wake from: ST_CHANGED if it is not the one
 * that was set last. -1, it starts afresh: what was set is forgotten. */
enum status memory_check(const struct uuid *vm, int header);

#endif
