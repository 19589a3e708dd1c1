#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Another kernel, another configuration: refused by name. A seal that leaves the kernel out is none.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/common.bash"

vm boots
sealing "disk:$work/boots-root.img luks:$work/boots-data.img" >without.xml
expect 1 bulkhead vm seal boots without.xml --format
says "boot file $work/vmlinuz"
says '<measureTarget name="vm:boots" dest="PCR16"/>'
# The refusal says which line to add, and with that line it works.
line=$(sed -n 's/.*add to the descriptor: \(<measureTarget .*\/>\).*/\1/p' <<<"$output")
sed "s|</measurement-desc>|$line&|" without.xml >with.xml
# The first --format has filled the disk, so the next asks for no yes; of another file it does.
mv boots-data.img filled.img
cp --sparse=always filled.img boots-data.img
expect 1 setsid -w bulkhead vm seal boots with.xml --format
says 'data of an unknown kind'
mv filled.img boots-data.img
expect 0 bulkhead vm seal boots with.xml --format
expect 0 bulkhead vm start boots
expect 0 bulkhead vm stop boots

digest=$(sha256sum vmlinuz | cut -d' ' -f1)
cp vmlinuz saved
echo another >vmlinuz
expect 1 bulkhead vm start boots
says 'vm:boots (kernel)'
says "$digest"
says "$(sha256sum vmlinuz | cut -d' ' -f1)"
same "$(state_of boots)" stopped 'state after a refusal'
cp saved vmlinuz
expect 0 bulkhead vm start boots
expect 0 bulkhead vm stop boots

# A target with the kernel's own path covers it, too; the facts of another VM cover nothing.
boot="disk:$work/vmlinuz ${BULKHEAD_GUEST:+disk:$BULKHEAD_GUEST/initrd}"
sealing "$boot disk:$work/boots-root.img luks:$work/boots-data.img" >path.xml
expect 0 bulkhead vm seal boots path.xml
echo another >vmlinuz
expect 1 bulkhead vm start boots
says "disk:$work/vmlinuz"
cp saved vmlinuz
vm others
sealing "vm:others disk:$work/boots-root.img luks:$work/boots-data.img" >others.xml
expect 1 bulkhead vm seal boots others.xml
says 'vm:others'
expect 0 bulkhead vm start boots
expect 0 bulkhead vm stop boots
