#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# VMs start with the host: once a boot, in order, and a start that fails is that VM's last refusal.
# Also, a restarted compartment-mgr finds VMs that are suspended, or that have ended meanwhile.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/common.bash"

other=$work/run
trap '"$top/scripts/down" "$other" --quiet; rm -rf "$work"' EXIT
B=$(dirname "$(command -v bulkhead)")
export B
expect 0 "$top/scripts/up" "$other"
# shellcheck source=/dev/null
. "$other/env"
[[ $(bulkhead status) == *simulated* ]] ||
        skip 'a boot is played, which a simulated hypervisor alone allows'
for n in first second third; do
        vm $n
        expect 0 bulkhead vm seal $n $n-seal.xml --format
done
expect 0 bulkhead vm autostart first
says 'started with the host'
expect 0 bulkhead vm autostart second
expect 0 bulkhead vm autostart third
expect 0 bulkhead vm autostart third --off
again() {
        kill -9 "$(cat "$other/compartment-mgr.pid")"
        sleep 1.5
        answers
}
expect 0 bulkhead vm start third
expect 0 bulkhead vm suspend third
same "$(state_of third)" suspended state
again
same "$(state_of first)" stopped 'nothing starts within the same boot: first'
same "$(state_of third)" suspended 'a suspended VM after a restart'
expect 0 bulkhead vm resume third
same "$(state_of third)" running 'after resuming'

# Another boot, as far as compartment-mgr can tell.
flip second-root.img 7
rm "$BULKHEAD_STATE/compartment-mgr/autostart"
guest_ends third poweroff
again
becomes first running
becomes third stopped
for ((i = 0; i < 100; i++)); do
        output=$(bulkhead vm show second)
        [[ $output == *'last refusal'* ]] && break
        pause 0.1
done
says "disk:$work/second-root.img"
same "$(state_of second)" stopped 'the one that is refused'
expect 0 bulkhead vm stop first
again
sleep 1
same "$(state_of first)" stopped 'once a boot'
