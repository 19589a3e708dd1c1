#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The hypervisor's store is restarted under a running guest: while the store is away nobody claims
# to know what cannot be known, nothing is ended, nobody waits for ever; afterwards the guest is
# Bulkhead's again. Last of all the store is lost for good, from which only a reboot of the host
# leads back: no script can come after this one.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/../system/common.bash"
# shellcheck source=tests/xen/guest.bash
. "$(dirname "$0")/guest.bash"
[[ $(bulkhead status) == *'kind '*xen* ]] || skip 'the daemons have a simulated hypervisor'
xen=$(echo /usr/lib/xen-4.*/bin)
pgrep -x oxenstored >/dev/null ||
        fail 'oxenstored does not run, the only one that keeps what it holds'
trap - EXIT # what cannot be ended any more is not waited for

# oxenstored leaves what it holds when it is told to end. The event channels of the old process are
# gone with it, so what the dump says of them goes, too: they are bound anew.
store_ends() {
        pkill -TERM -x oxenstored || fail 'no oxenstored'
        for ((i = 0; i < 50; i++)); do pgrep -x oxenstored >/dev/null || return 0; pause 0.1; done
        fail 'oxenstored does not end'
}
store_begins() {
        pkill -x xenconsoled # its watches are gone
        sed -i '/^evtchn-dev/d; s/^\(dom,[^,]*,[^,]*,[^,]*\),.*$/\1/; /^socket/d' /run/xenstored/db
        "$xen/oxenstored" --restart || fail 'oxenstored does not start'
        "$xen/xenconsoled" --log=all --log-dir=/var/log/bed || fail 'xenconsoled does not start'
        timeout 20 xl list || fail 'xl list does not answer'
}
nobody_knows() {
        SECONDS=0
        expect 0 bulkhead vm list
        [[ $output =~ stays\ +unknown ]] ||
                fail 'it claims to know what a guest does that it cannot see'
        bulkhead vm start stays && fail 'it starts beside itself'
        bulkhead vm stop stays --timeout 5 &&
                fail 'it claims to have stopped a guest that it cannot see'
        [[ $(bulkhead status) == *integrity-mgr*answers* ]] || fail 'the others do not answer'
        ((SECONDS < 60)) || fail "that took $SECONDS s" # one that waits takes 30
}
manager_again() {
        kill -9 "$(cat "$BULKHEAD_RUN/compartment-mgr.pid")"
        for ((i = 0; i < 200; i++)); do bulkhead vm list >listed 2>&1 && return 0; pause 0.2; done
        cat listed
        fail 'compartment-mgr does not come back'
}
comes_to() { # STATE
        for ((i = 0; i < 300; i++)); do
                [[ $(state_of stays) == "$1" ]] && return 0
                pause 0.2
        done
        fail "the VM is $(state_of stays) instead of $1"
}

guest_disk root.img 16
guest_config stays "$work/root.img" '' >stays.cfg
sealing "vm:stays disk:$work/root.img" >stays-seal.xml
forget stays
guest_forget stays
expect 0 bulkhead vm define stays.cfg
expect 0 bulkhead vm seal stays stays-seal.xml
expect 0 bulkhead vm start stays
guest_says stays 'alive 2'
before=$(xl domid stays)

echo '--- away'
store_ends
nobody_knows
echo '--- and the manager dies meanwhile'
manager_again
nobody_knows
echo '--- back'
store_begins
comes_to running
same "$(xl domid stays)" "$before" 'the domain'
guest_forget stays
guest_says stays alive
expect 0 bulkhead vm stop stays
guest_gone stays
expect 0 bulkhead vm start stays
guest_says stays 'alive 1'
echo '--- restarted under a manager that lives'
store_ends
nobody_knows
store_begins
comes_to running
log=/var/log/bed/compartment-mgr.log
for ((i = 0; i < 300; i++)); do
        grep -q 'the hypervisor answers again' $log && break
        pause 0.2
done
grep -q 'the hypervisor answers again' $log || fail 'it does not hear the hypervisor again'
sleep 3 # that look is over: now the watch alone tells
xl destroy stays
comes_to stopped
[[ -z $(losetup -n -O NAME) ]] || fail "a loop device is left: $(losetup)"
expect 0 bulkhead vm start stays
guest_says stays 'alive 1'

echo '--- gone for good'
pkill -9 -x oxenstored
nobody_knows
echo measured >a.img
attesting LOG "disk:$work/a.img" >a.xml
expect 0 bulkhead attest a.xml -o evidence.xml --trust "$trust"
manager_again
nobody_knows
echo '--- begun afresh: whose the domain is stands nowhere now'
rm -f /run/xenstored/db
"$xen/oxenstored" && "$xen/xen-init-dom0" || fail 'oxenstored does not start'
for ((i = 0; i < 300; i++)); do
        bulkhead vm undefine --forget-key stays >said 2>&1 &&
                fail 'it forgets the key of a guest that runs'
        grep -q busy said || break
        pause 0.2
done
cat said
grep -q 'found *running' said || fail 'it takes the VM for stopped'
expect 0 bulkhead vm list
[[ $output =~ stays\ +unknown ]] || fail 'it claims to know'
exit 0
