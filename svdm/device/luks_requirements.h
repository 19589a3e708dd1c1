/* SPDX-License-Identifier: Apache-2.0 */
/* What a LUKS2 header says that a program has to know before it may use the disk (LUKS2 On-Disk
 * Format, "requirements"): each is named, none is taken for another. */
#ifndef BULKHEAD_SVDM_DEVICE_LUKS_REQUIREMENTS_H
#define BULKHEAD_SVDM_DEVICE_LUKS_REQUIREMENTS_H

#include "lib/status.h"

/* json: the metadata of a header. ST_DONE if nothing is required; ST_REFUSED if a re-encryption is
 * under way, ST_UNSUPPORTED for any other requirement. */
enum status luks_requirements_check(const char *path, const char *json);

/* The refusal of a disk whose re-encryption is under way: ST_REFUSED. */
enum status luks_requirements_reencrypts(const char *path);

#endif
