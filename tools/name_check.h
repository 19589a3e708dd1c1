/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the name and the UUID of an xl.cfg are free, or which VM it would replace. */
#ifndef BULKHEAD_TOOLS_NAME_CHECK_H
#define BULKHEAD_TOOLS_NAME_CHECK_H

#include "tools/known_vms.h"

/* Adds a finding if a VM is defined already (CONFIG_DEFINED), and one if no definition could have
 * both name and UUID, or another file that is checked has the same. */
void name_check_file(const struct known_vms *k, const char *file, struct config_check_rep *p,
                     struct arena *a);

#endif
