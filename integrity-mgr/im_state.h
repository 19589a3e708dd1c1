/* SPDX-License-Identifier: Apache-2.0 */
/* The state folder, opened once when integrity-mgr starts, and what every request needs of it. */
#ifndef BULKHEAD_INTEGRITY_MGR_IM_STATE_H
#define BULKHEAD_INTEGRITY_MGR_IM_STATE_H

#include "lib/principal.h"
#include "lib/status.h"

/* Reads what is in the folder, whose descriptor stays open as long as the daemon runs. own_user:
 * the daemon has a user of its own. An error means that the state cannot be used. */
enum status im_state_open(int folder, bool own_user);
int im_state_folder(void); /* not to be closed */
bool im_state_own_user(void);
/* A request that measures, seals, quotes, approves, forgets or judges is refused unless it names a
 * principal for whom that is done. It is also refused wherever a part of the state is missing. */
enum status im_state_asked_by(const struct principal *asker);

#endif
