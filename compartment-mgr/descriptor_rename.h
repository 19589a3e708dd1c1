/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The descriptor of a present seal, for a definition that is to take the place of the present one:
 * its targets name the VM by its new name, and boot files and read-only disks by their new paths.
 */
#ifndef BULKHEAD_COMPARTMENT_MGR_DESCRIPTOR_RENAME_H
#define BULKHEAD_COMPARTMENT_MGR_DESCRIPTOR_RENAME_H

#include "lib/message.h"

/* A canonical descriptor as text, with each target of the VM or of one of its files renamed: what
 * has the same device in both configurations is the same file. In the arena. A name that is not
 * plain in XML stays as it is. */
struct bytes descriptor_rename(struct arena *a, struct bytes canonical,
                               const struct vm_config *present, const struct vm_config *next);
/* Predicates and checks of the renamed descriptor keep the stylesheets that they have in the seal.
 * ST_INVALID if they are not the same ones. */
enum status descriptor_keep_predicates(struct arena *a, const struct descriptor *sealed,
                                       struct descriptor *renamed);

#endif
