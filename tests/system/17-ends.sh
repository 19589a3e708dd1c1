#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Guests that shut down, reboot or crash, domains that others end, and VMs that others started.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/common.bash"
[[ -d $(sim_folder) && $(bulkhead status) == *simulated* ]] ||
        skip 'only simulated guests end on request'

# After a clean stop the VM is stopped, then being sealed, then stopped again.
sealed_anew() { # GENERATION WHEN
        local i
        for ((i = 0; i < 100; i++)); do
                [[ $(generation_of ends) == "$1" ]] && break
                pause 0.1
        done
        same "$(generation_of ends)" "$1" "generation $2"
        becomes ends stopped
}

vm ends
sed -i '$a on_crash = "preserve"' ends.cfg
forget ends
expect 0 bulkhead vm define ends.cfg
sealing "vm:ends disk:$work/ends-root.img disk:$work/ends-data.img luks:$work/ends-data.img" \
        'update="clean-stop"' >ends-seal.xml
expect 0 bulkhead vm seal ends ends-seal.xml --format

# The guest shuts itself down: a clean stop, so the seal follows the disk.
expect 0 bulkhead vm start ends
expect 0 bulkhead vm list
[[ $output =~ ends\ +running\ +[0-9]+\ +128\ MiB ]] || fail 'the list has no domid and memory'
flip ends-data.img $((20 << 20))
guest_ends ends poweroff
becomes ends stopped
sealed_anew 2 'after the guest shut itself down'

# It asks to be started again: stopped cleanly, sealed anew, measured, started.
expect 0 bulkhead vm start ends
domid() { field ends domid; }
before=$(domid)
guest_ends ends reboot
for ((i = 0; i < 100; i++)); do
        [[ $(state_of ends) == running && $(domid) != "$before" ]] && break
        pause 0.1
done
same "$(state_of ends)" running 'state after a reboot'
[[ $(domid) != "$before" ]] || fail 'it is the old domain'
same "$(generation_of ends)" 3 'generation after a reboot'
# Again at once: that is a loop.
guest_ends ends reboot
becomes ends stopped
expect 0 bulkhead vm show ends
says 'restart of VM ends'

# A refusal at such a restart is the last refusal.
expect 0 bulkhead vm start ends
flip ends-root.img 5
guest_ends ends reboot
# Other states are seen on the way: waits for the refusal itself.
for ((i = 0; i < 100; i++)); do
        bulkhead vm show ends | grep -q "disk:$work/ends-root.img: not what was sealed" && break
        pause 0.1
done
expect 0 bulkhead vm show ends
says "disk:$work/ends-root.img: not what was sealed"
flip ends-root.img 5
for ((i = 0; i < 100; i++)); do # the refusal is told a moment before its operation ends
        bulkhead vm stop ends >said 2>&1 || grep -q busy said || break
        [[ $(state_of ends) == stopped ]] && break
        pause 0.1
done
same "$(state_of ends)" stopped "state after $(cat said)"

# A crash is no clean stop; this VM's domain is kept to be looked at.
expect 0 bulkhead vm start ends
generation=$(generation_of ends)
guest_ends ends crash
becomes ends preserved
expect 1 bulkhead vm start ends
says 'bulkhead vm destroy ends'
expect 0 bulkhead vm destroy ends
same "$(state_of ends)" stopped 'state'
same "$(generation_of ends)" "$generation" 'generation after a crash'

# An end for a reason that nobody knows is said as it is, and is no crash.
expect 0 bulkhead vm start ends
guest_ends ends 5
becomes ends stopped
[[ ! -e $BULKHEAD_RUN/compartment-mgr.log ]] || # scripts/up keeps it there
        grep -q 'VM ends: .*unknown: shutdown reason 5' "$BULKHEAD_RUN/compartment-mgr.log" ||
        fail 'the reason is not said'
same "$(generation_of ends)" "$generation" 'generation'

# Ended behind our back: the list says so, then it is stopped; nothing is sealed anew.
expect 0 bulkhead vm start ends
guest_ends ends gone
becomes ends stopped
same "$(generation_of ends)" "$generation" 'generation'

# Ended by force: no clean stop, and whoever asked is told.
expect 0 bulkhead vm start ends
guest_ends ends stubborn
expect 0 bulkhead vm stop ends --timeout 1
says 'no clean stop'
same "$(generation_of ends)" "$generation" 'generation after a stop by force'

# VMs of others.
echo 99999999-2222-4333-8444-555555555555 >"$(sim_folder)/foreign-theirs"
trap 'r=$?; rm -f "$(sim_folder)/foreign-theirs"; (exit $r); at_exit' EXIT
expect 0 bulkhead vm list
[[ $output =~ theirs\ +running\ +[0-9]+.*foreign ]] || fail 'the foreign VM is not listed'
for c in start stop destroy show suspend undefine; do
        expect 1 bulkhead vm $c theirs
        says 'foreign domain'
done
# One that has the UUID of ours is not taken for ours.
field ends uuid >"$(sim_folder)/foreign-theirs"
expect 0 bulkhead vm destroy ends
expect 0 bulkhead vm list
says theirs
