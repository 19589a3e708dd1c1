/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files that an xl.cfg names, as `vm seal` and `vm start` would find them. With the rights of
 * whoever types the command: what cannot be looked at is said to be so.
 */
#ifndef BULKHEAD_TOOLS_DISK_CHECK_H
#define BULKHEAD_TOOLS_DISK_CHECK_H

#include "tools/known_vms.h"

/* Adds a finding for each disk and boot file that is missing, cannot be looked at or is of the
 * wrong kind, and for each two disks of the file that are one. */
void file_check(struct config_check_rep *p, struct arena *a);
/* Adds a finding for each disk that another VM has, unless both only read it. */
void disk_check_file(const struct known_vms *k, struct config_check_rep *p, struct arena *a);

#endif
