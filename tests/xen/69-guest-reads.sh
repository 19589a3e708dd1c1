#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A byte of a disk that the guest writes is changed outside while it is off. It starts, as headers
# alone are bound; its own read of that block fails, it reads all else, and Dom0's kernel says so.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/../system/common.bash"
# shellcheck source=tests/xen/guest.bash
. "$(dirname "$0")/guest.bash"
[[ $(bulkhead status) == *'kind '*xen* ]] || skip 'the daemons have a simulated hypervisor'
mebibytes=8 # of a file system of 15, which begins after 16 of LUKS2
bytes=$((mebibytes << 20)) place=$((27 << 20))

guest_disk root.img 16
truncate -s 32M data.img
guest_config reads "$work/root.img" "$work/data.img" \
        "bed.do=blocks:/disk/big:$mebibytes,sum:/disk/boots" >reads.cfg
sealing "vm:reads disk:$work/root.img luks:$work/data.img" >reads-seal.xml
made+=(reads)
forget reads
expect 0 bulkhead vm define reads.cfg
expect 0 bulkhead vm seal reads reads-seal.xml --format

round() { # LINE
        guest_forget reads
        expect 0 bulkhead vm start reads
        guest_says reads "guest reads: $1" 240
        guest_says reads 'guest reads: sum /disk/boots [0-9a-f]+'
        expect 0 bulkhead vm stop reads
}
round 'filled /disk/big'
flip data.img $place
dmesg --clear
round "4096 of $bytes bytes of /disk/big cannot be read"
dmesg | grep 'INTEGRITY AEAD ERROR' || fail "Dom0's kernel does not say it"
flip data.img $place
round "0 of $bytes bytes of /disk/big cannot be read"
