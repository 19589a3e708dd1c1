#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A damaged definition is named, and keeps no other VM from working; the same goes for what svdm
# keeps of a VM.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/common.bash"

vm whole
vm hurt
expect 0 bulkhead vm seal whole whole-seal.xml --format
uuid=$(field hurt uuid)
file=$BULKHEAD_STATE/compartment-mgr/vms/$uuid
[[ -w $file ]] || skip "no state folder at $file"
cp "$file" saved
restart() { # NAME: the supervisor starts it anew
        local root pid p
        root=$(cat "$BULKHEAD_RUN/supervise.pid")
        for pid in $(pgrep -x "$1"); do
                p=$(awk '/^PPid:/ { print $2 }' "/proc/$pid/status")
                ((p == root)) && kill -9 "$pid"
        done
        answers
}
flip "$file" 100
restart compartment-mgr
expect 0 bulkhead vm list
says damaged
says "$file"
expect 3 bulkhead vm show "$uuid"
says "$file"
says backup
expect 0 bulkhead status
says 'cannot be read'
expect 0 bulkhead vm start whole
cat saved >"$file"
restart compartment-mgr
expect 0 bulkhead vm show hurt

# The VM runs on with its disks; what svdm keeps of it is damaged.
held=$BULKHEAD_STATE/svdm/held-$(field whole uuid)
flip "$held" 60
restart svdm
expect 0 bulkhead status
says 'the disks are not known'
expect 0 bulkhead vm seal hurt hurt-seal.xml --format
expect 0 bulkhead vm start hurt
expect 0 bulkhead vm stop hurt
expect 0 bulkhead vm stop whole
expect 0 bulkhead vm start whole
expect 0 bulkhead vm stop whole
expect 0 bulkhead status
says_not 'the disks are not known'
