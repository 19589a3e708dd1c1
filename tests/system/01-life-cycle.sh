#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The life of a VM: defined, sealed, started, stopped, forgotten; and what is not possible when.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/common.bash"

vm life
expect 1 bulkhead vm start life
expect 0 bulkhead vm list
says life
expect 0 bulkhead vm seal life life-seal.xml --format --no-recovery
says 'generation 1'
cryptsetup isLuks --type luks2 life-data.img || fail 'the data disk is no LUKS2 disk'
expect 0 bulkhead vm show life --json
python3 -c 'import json,sys; d=json.loads(sys.argv[1])
assert len(d["disks"])==2 and d["generation"]==1 and d["config"], d' "$output" ||
        fail 'vm show --json'
expect 0 bulkhead vm start life
says running
expect 1 bulkhead vm start life
expect 1 bulkhead vm seal life life-seal.xml
expect 1 bulkhead vm undefine life
expect 0 bulkhead vm stop life
says stopped
expect 1 bulkhead vm stop life
expect 0 bulkhead vm start life
expect 0 bulkhead vm destroy life
expect 1 bulkhead vm undefine life
says --forget-key
expect 0 bulkhead vm undefine --forget-key life
expect 1 bulkhead vm show life
expect 1 bulkhead vm start nobody
expect 2 bulkhead vm start
