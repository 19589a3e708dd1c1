#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# up twice, up after a crash of everything: the same VM starts; down leaves no process.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/common.bash"

other=$work/run
trap '"$top/scripts/down" "$other" --quiet; rm -rf "$work"' EXIT
B=$(dirname "$(command -v bulkhead)")
export B
expect 0 "$top/scripts/up" "$other"
says 'host setup'
expect 0 "$top/scripts/up" "$other"
says 'it is running'
# shellcheck source=/dev/null
. "$other/env"
vm again
expect 0 bulkhead vm seal again again-seal.xml --format
expect 0 bulkhead vm start again
# Logs name VMs and disks, so only their owner may read them.
same "$(find "$other" -maxdepth 1 -name '*.log' -perm /077)" '' 'logs that others can read'
# A power cut: everything but the TPM's state is gone.
for n in supervise compartment-mgr svdm integrity-mgr; do kill -9 "$(cat "$other/$n.pid")"; done
kill -9 "$(cat "$other/tpm/pid")"
expect 0 "$top/scripts/up" "$other"
says_not 'host setup'
answers
[[ $(state_of again) == running ]] && expect 0 bulkhead vm destroy again
expect 0 bulkhead vm start again
expect 0 bulkhead vm stop again
expect 0 "$top/scripts/down" "$other"
says stopped
for _ in 1 2 3 4 5 6 7 8 9 10; do pgrep -f -- "$other" >/dev/null && sleep 0.2; done
pgrep -af -- "$other" && fail 'a process is left'
expect 0 "$top/scripts/down" "$other"
