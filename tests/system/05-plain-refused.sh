#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A disk with data that is no LUKS2 disk is refused, untouched, with what to do.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/common.bash"

vm plain
mkfs.ext4 -q plain-data.img 2>/dev/null
before=$(sha256sum plain-data.img)
expect 1 bulkhead vm seal plain plain-seal.xml
says --format
same "$(sha256sum plain-data.img)" "$before" 'the disk after a refusal'
expect 1 bulkhead vm start plain
