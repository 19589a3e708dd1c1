#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A changed image is sealed to anew; the key of the disks stays what it was.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/common.bash"

vm reseal
expect 0 bulkhead vm seal reseal reseal-seal.xml --format
uuid=$(cryptsetup luksUUID reseal-data.img)
head -c 1M /dev/urandom >reseal-root.img
expect 1 bulkhead vm start reseal
expect 0 bulkhead vm seal reseal reseal-seal.xml
says 'generation 2'
same "$(cryptsetup luksUUID reseal-data.img)" "$uuid" 'UUID of the disk'
expect 0 bulkhead vm start reseal
expect 0 bulkhead vm stop reseal
# A descriptor that never opens is refused while sealing, and the old seal stays.
sealing "disk:$work/not-there.img" >bad.xml
expect 1 bulkhead vm seal reseal bad.xml
echo '<sealing-desc/>' >bad.xml
expect 1 bulkhead vm seal reseal bad.xml
expect 0 bulkhead vm start reseal
