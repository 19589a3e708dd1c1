/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key of compartment-mgr's state files, which integrity-mgr gives out in approved states alone
 * (docs/constructions.md, "State files"). main.c and the request that approves the host come here.
 *
 * While integrity-mgr cannot be asked, or has a key and cannot give it out, every definition is in
 * doubt: VMs are listed as unknown, with the cause, and nothing can be done with them. As soon as
 * the key is there the definitions are read anew.
 */
#ifndef BULKHEAD_COMPARTMENT_MGR_STATE_KEY_H
#define BULKHEAD_COMPARTMENT_MGR_STATE_KEY_H

/* Asks for the key, opens the definitions in dir, and calls `recover` once they can be believed:
 * now, or later from another thread. Never fails: what cannot be believed is in doubt. */
void state_key_open(int dir, void (*recover)(void));
/* Asks again, if the definitions are in doubt, or if there was no key yet. Errors are reported. */
void state_key_retry(void);

#endif
