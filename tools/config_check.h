/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Bulkhead would do with an xl.cfg, by a configuration worker that the command starts for
 * itself: it reads the text without any rights, as it does for compartment-mgr.
 */
#ifndef BULKHEAD_TOOLS_CONFIG_CHECK_H
#define BULKHEAD_TOOLS_CONFIG_CHECK_H

#include "lib/message.h"

/* Prints what is to be said of each file. Returns the exit status: EXIT_DONE if all are good,
 * EXIT_REFUSED if one is not, EXIT_UNDECIDED if one cannot be read. */
int config_check_files(const char *const *files, size_t count, bool json);
/* How many things of a file are refused or wrong; 0 if that cannot be found out. */
size_t config_check_count(const char *file);

#endif
