#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The TPM is /dev/tpmrm0, of root and group tss alone; of all processes only tpm_worker has it open,
# as bulkhead-im with no capability, and no daemon is root.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/../system/common.bash"

field() { awk -v k="$2:" '$1 == k { $1 = ""; print substr($0, 2) }' "/proc/$1/status"; }

same "$(stat -c '%U %G %a' /dev/tpmrm0)" 'root tss 660' 'rights of the device'
expect 0 bulkhead status
echo "disk of the question" >a.img
attesting LOG "disk:$work/a.img" >a.xml
expect 0 bulkhead attest a.xml -o a-evidence.xml --trust "$trust"

users=()
mapfile -t fds < <(find /proc/[0-9]*/fd -lname '/dev/tpm*' 2>/dev/null)
for fd in "${fds[@]}"; do
        pid=${fd#/proc/}
        pid=${pid%%/*}
        users+=("$pid")
        same "$(cat "/proc/$pid/comm")" tpm_worker "who has ${fd}"
        same "$(readlink "$fd")" /dev/tpmrm0 'the device that it has'
        same "$(field "$pid" Uid | xargs -n 1 |
                sort -u)" "$(id -u bulkhead-im)" 'user of tpm_worker'
        same "$(field "$pid" Groups | tr -d ' ')" "$(getent group tss |
                cut -d: -f3)" 'groups of tpm_worker'
        same "$(field "$pid" CapEff)" 0000000000000000 'capabilities of tpm_worker'
        same "$(field "$pid" Seccomp)" 2 'system call filter of tpm_worker'
done
((${#users[@]} > 0)) || fail 'nobody has the TPM open'
for d in compartment-mgr:bulkhead-cm integrity-mgr:bulkhead-im svdm:bulkhead-svdm; do
        pid=$(cat "$BULKHEAD_RUN/${d%:*}.pid")
        same "$(field "$pid" Uid | xargs -n 1 | sort -u)" "$(id -u "${d#*:}")" "user of ${d%:*}"
        same "$(field "$pid" CapEff)" 0000000000000000 "capabilities of ${d%:*}"
        same "$(field "$pid" Groups | tr -d ' ')" '' "groups of ${d%:*}"
done
