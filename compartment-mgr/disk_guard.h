/* SPDX-License-Identifier: Apache-2.0 */
/* What has to hold of a VM's encrypted disks before a seal touches them. */
#ifndef BULKHEAD_COMPARTMENT_MGR_DISK_GUARD_H
#define BULKHEAD_COMPARTMENT_MGR_DISK_GUARD_H

#include "compartment-mgr/operation.h"

/*
 * Before the disks are opened: is --format possible? ST_WRONG_STATE if integrity-mgr, or the VM's
 * definition alone, says that it was sealed: then its disks hold its data.
 */
enum status disk_guard_may_format(const struct operation *o);

/*
 * The disks of the operation are open. ST_REFUSED if another VM has one: its definition, or a
 * running domain. ST_BUSY if the host itself uses one. ST_REFUSED for a member of a volume group or
 * an array, and for a disk that is sealed for another VM of this host. Without `yes`, ST_CONSENT if
 * format would destroy something that was recognised, or if a disk is sealed for a VM that is not
 * defined here; the error names it.
 *
 * A sealed VM keeps its own disks: another VM that names one of them, and was never sealed, does
 * not keep it from being sealed again. *warning_out names such a VM (the last, if there are
 * several; the log has all), in the arena of the operation; else it is "".
 */
enum status disk_guard_check(struct operation *o, bool format, bool yes, const char **warning_out);

/* The file or device that is open as the disk of that path, as text in the operation's arena:
 * another one at the same path is another one. "" if none is. */
const char *disk_guard_identity(const struct operation *o, const char *path);

#endif
