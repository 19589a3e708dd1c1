#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The hypervisor's store goes away under a running guest. Nothing is claimed that nobody knows, nothing
# is ended; a store that is updated in place is as before. Last of all: Xen 4.17 cannot start a lost
# store again, so the host has no other use after this.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/../system/common.bash"
# shellcheck source=tests/xen/guest.bash
. "$(dirname "$0")/guest.bash"
[[ $(bulkhead status) == *'kind '*xen* ]] || skip 'the daemons have a simulated hypervisor'
trap - EXIT # what cannot be ended any more is not waited for

guest_config stays '' '' >stays.cfg
sealing vm:stays >stays-seal.xml
forget stays
guest_forget stays
expect 0 bulkhead vm define stays.cfg
expect 0 bulkhead vm seal stays stays-seal.xml
expect 0 bulkhead vm start stays
guest_says stays 'alive 2'

# --- updated in place ---
if xenstore-control live-update /usr/lib/xen-4.17/bin/xenstored >updated 2>&1 && grep -q OK updated; then
        sleep 2
        same "$(state_of stays)" running 'state after the store was updated'
        expect 0 bulkhead vm suspend stays
        expect 0 bulkhead vm resume stays
        guest_forget stays
        guest_says stays alive
else
        echo "this store cannot be updated in place: $(cat updated)"
fi

# --- gone ---
kill -9 "$(pgrep -o xenstored)"
sleep 1
expect 0 bulkhead vm list
[[ $output =~ stays\ +unknown ]] || fail 'it claims to know what a guest does that it cannot see'
bulkhead vm start stays && fail 'it starts beside itself'
bulkhead vm stop stays --timeout 5 && fail 'it claims to have stopped a guest that it cannot see'
[[ $(bulkhead status) == *integrity-mgr*answers* ]] || fail 'the others do not answer'
echo measured >a.img
attesting LOG "disk:$work/a.img" >a.xml
expect 0 bulkhead attest a.xml -o evidence.xml --trust "$trust"
kill -9 "$(cat "$BULKHEAD_RUN/compartment-mgr.pid")"
for ((i = 0; i < 100; i++)); do bulkhead vm list >listed 2>&1 && break; sleep 0.2; done
cat listed
grep -qE 'stays +(running|stopped)' listed && fail 'a restart makes it up'
dmesg | tail -n 5
exit 0
