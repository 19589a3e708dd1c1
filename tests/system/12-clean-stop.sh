#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# update="clean-stop": after an orderly stop the seal follows the disk; after a power cut it does not.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/common.bash"

vm clean
sealing "disk:$work/clean-root.img luks:$work/clean-data.img" 'update="clean-stop"' >clean-seal.xml
expect 0 bulkhead vm seal clean clean-seal.xml --format
expect 0 bulkhead vm start clean
flip clean-root.img 77
expect 0 bulkhead vm stop clean
same "$(generation_of clean)" 2 'generation after a clean stop'
expect 0 bulkhead vm start clean
flip clean-root.img 78
expect 0 bulkhead vm destroy clean
expect 1 bulkhead vm start clean
says "disk:$work/clean-root.img"
flip clean-root.img 78
expect 0 bulkhead vm start clean
