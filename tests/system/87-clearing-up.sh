#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# compartment-mgr was killed in an operation. What it left is cleared up by a job of its own, which
# is listed, cannot be cancelled, keeps the VM busy under its name, and ends. A request waits for it
# some 20 s.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/common.bash"

held=()
trap 'result=$?; kill -CONT "${held[@]}" 2>/dev/null; (exit "$result"); at_exit' EXIT
vm cleared
expect 0 bulkhead vm seal cleared cleared-seal.xml --format --no-recovery
mapfile -t held < <(ours device_worker) # it unmaps what may be left
kill -STOP "${held[@]}"
for pid in $(ours compartment-mgr); do kill -KILL "$pid"; done
number=
for ((i = 0; i < 200 && !${#number}; i++)); do
        while read -r line; do
                [[ $line == *'clearing up after a restart of VM cleared'* ]] && number=${line%% *}
        done < <(bulkhead jobs 2>/dev/null)
        pause 0.1
done
[[ $number ]] || fail 'nothing is listed that clears up'
expect 3 bulkhead vm start cleared
says 'busy'
says 'clearing up after a restart'
expect 1 bulkhead cancel "$number"
says 'clearing up after a restart cannot be undone: it goes on to its end'
bulkhead vm start cleared >started 2>&1 &
kill -CONT "${held[@]}"
held=()
wait "$!" || fail "a start that waits: $(<started)"
same "$(bulkhead jobs)" 'no jobs' 'what is still done'
expect 0 bulkhead vm stop cleared
