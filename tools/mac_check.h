/* SPDX-License-Identifier: Apache-2.0 */
/* MAC addresses of the VMs that are defined and of the files that are checked together: one that
 * two of them have is found. */
#ifndef BULKHEAD_TOOLS_MAC_CHECK_H
#define BULKHEAD_TOOLS_MAC_CHECK_H

#include "lib/message.h"

struct mac_check;

/* The defined VMs are those that the caller may see; without a daemon, none. */
struct mac_check *mac_check_new(void);
void mac_check_free(struct mac_check *c);
/* Adds a finding for each interface of the file whose address another VM has, then remembers the
 * file's own. A VM with the name or the UUID of the file's is the one that it would replace. */
void mac_check_file(struct mac_check *c, const char *file, struct config_check_rep *p,
                    struct arena *a);

#endif
