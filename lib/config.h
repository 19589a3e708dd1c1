/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where things are: the options that all daemons share, parsed by argp. Each has an environment
 * variable, which counts where the option is not given, and a default.
 *
 *   --run DIR      BULKHEAD_RUN      /run/bulkhead           sockets
 *   --state DIR    BULKHEAD_STATE    /var/lib/bulkhead       one folder a daemon
 *   --libexec DIR  BULKHEAD_LIBEXEC  /usr/libexec/bulkhead   daemons and workers
 *   --plugins DIR  BULKHEAD_PLUGINS  /usr/lib/bulkhead/plugins
 *   --share DIR    BULKHEAD_SHARE    /usr/share/bulkhead     descriptors/, xslt-policies/
 *   --etc DIR      BULKHEAD_ETC      /etc/bulkhead           networks
 */
#ifndef BULKHEAD_LIB_CONFIG_H
#define BULKHEAD_LIB_CONFIG_H

#include "lib/status.h"

#include <argp.h>

struct config {
        const char *run, *state, *libexec, *plugins, *share, *etc;
};
extern struct config config; /* set by config_init(), then by config_argp */
void config_init(void);
extern const struct argp config_argp; /* a child parser for the options above */
/* The same for the command, which has no use for --state and --etc. */
extern const struct argp config_command_argp;

enum { CONFIG_PATH = 512 };
/* Writes dir/name into path and returns it; fatal if it is too long. */
const char *config_path(char path[CONFIG_PATH], const char *dir, const char *name);

/* The users of the daemons and of the workers without rights. */
#define USER_CM "bulkhead-cm"
#define USER_IM "bulkhead-im"
#define USER_SVDM "bulkhead-svdm"
#define USER_WORKER "bulkhead-worker"
#define GROUP_TPM "tss" /* may open /dev/tpmrm0 */

#define SOCKET_CM "bulkhead.sock"
#define SOCKET_ADMIN "admin.sock" /* of compartment-mgr, too; for administrators alone */
#define SOCKET_IM "integrity-mgr.sock"
#define SOCKET_SVDM "svdm.sock"

#endif
