#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A sealed pvh guest keeps what it wrote, hibernates and wakes.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/../system/common.bash"
BED_GUESTS=pvh
# shellcheck source=tests/xen/guest.bash
. "$(dirname "$0")/guest.bash"
[[ $(bulkhead status) == *'kind '*xen* ]] || skip 'the daemons have a simulated hypervisor'
xl info virt_caps | grep -qw hvm ||
        skip 'this machine has no nested paging, which Xen needs for pvh guests: XEN_GUESTS=pvh'

mkdir files
echo read-only >files/data
guest_disk root.img 16 files
truncate -s 32M data.img
guest_config pvh "$work/root.img" "$work/data.img" bed.do=sum:/disk/boots >pvh.cfg
sealing "vm:pvh disk:$work/root.img luks:$work/data.img" >pvh-seal.xml
made+=(pvh)
forget pvh
expect 0 bulkhead vm define pvh.cfg
expect 0 bulkhead vm seal pvh pvh-seal.xml --format

guest_forget pvh
expect 0 bulkhead vm start pvh
guest_says pvh 'guest pvh: boot 1'
expect 0 bulkhead vm hibernate pvh
guest_forget pvh
expect 0 bulkhead vm start pvh
guest_says pvh 'guest pvh: alive'
expect 0 bulkhead vm stop pvh

guest_forget pvh
expect 0 bulkhead vm start pvh
guest_says pvh 'guest pvh: boot 2'
expect 0 bulkhead vm stop pvh
