#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# update="clean-stop": after an orderly stop the seal follows the disk; after a power cut it does
# not.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/common.bash"

vm clean
# The guest's disk is measured whole; what it writes lies behind the header.
at=$((20 << 20))
disks="disk:$work/clean-root.img disk:$work/clean-data.img luks:$work/clean-data.img"
sealing "vm:clean $disks" 'update="clean-stop"' >clean-seal.xml
expect 0 bulkhead vm seal clean clean-seal.xml --format
expect 0 bulkhead vm start clean
flip clean-data.img $at
expect 0 bulkhead vm stop clean
same "$(generation_of clean)" 2 'generation after a clean stop'
expect 0 bulkhead vm start clean
flip clean-data.img $((at + 1))
expect 0 bulkhead vm destroy clean
expect 1 bulkhead vm start clean
says "disk:$work/clean-data.img"
flip clean-data.img $((at + 1))
expect 0 bulkhead vm start clean
expect 0 bulkhead vm stop clean
same "$(generation_of clean)" 3 'generation after a second clean stop'

# What the guest cannot write is not vouched for.
expect 0 bulkhead vm start clean
flip clean-root.img 77
expect 1 bulkhead vm stop clean
says "disk:$work/clean-root.img"
same "$(state_of clean)" stopping 'state after a stop that came half-way'
expect 1 bulkhead vm start clean
flip clean-root.img 77
expect 0 bulkhead vm stop clean
expect 0 bulkhead vm start clean
