#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# integrity-mgr's state folder is away for a while, or its approvals were emptied: nothing is
# believed without its MAC, nothing is given up, and the refusals say which folder it is about.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/common.bash"

other=$work/run
trap '"$top/scripts/down" "$other" --quiet; rm -rf "$work"' EXIT
B=$(dirname "$(command -v bulkhead)")
export B
down() { expect 0 "$top/scripts/down" "$other"; }
up() { expect 0 "$top/scripts/up" "$other" --no-setup; answers; }
starts() { # NAME
        expect 0 bulkhead vm start "$1"
        expect 0 bulkhead vm stop "$1"
}
# What is written anew by somebody else, with a good checksum and without a MAC.
edit() { # FILE
        python3 - "$1" <<'PY' || fail 'not edited'
import hashlib, sys
d = bytearray(open(sys.argv[1], 'rb').read())
version = int.from_bytes(d[24:28], 'big')
assert version & 0x10000, 'no MAC'
d = d[:-32]
d[24:28] = (version & 0xffff).to_bytes(4, 'big')
d[28:36] = (len(d) - 68).to_bytes(8, 'big')
d[36:68] = hashlib.sha256(bytes(d[:36]) + bytes(d[68:])).digest()
open(sys.argv[1], 'r+b').write(d)
open(sys.argv[1], 'r+b').truncate(len(d))
PY
}

expect 0 "$top/scripts/up" "$other" --no-setup
# shellcheck source=/dev/null
. "$other/env"
answers
vm early # before there is any key
openssl rand -base64 24 >pass
expect 0 bulkhead host setup --passphrase-file pass
down
cp -p "$BULKHEAD_STATE/integrity-mgr/host" host-without-approvals
up
expect 0 bulkhead host approve --passphrase-file pass
vm kept
printf %s 'correct horse' >day
expect 0 bulkhead vm seal kept kept-seal.xml --format --passphrase-file day
starts kept
uuid=$(field kept uuid)
mine=$BULKHEAD_STATE/integrity-mgr
cp -p "$BULKHEAD_STATE/compartment-mgr/vms/$uuid" definition

# The folder is not mounted yet.
down
mv "$mine" away
mkdir -m 0700 "$mine"
chown --reference=away "$mine"
edit "$BULKHEAD_STATE/compartment-mgr/vms/$uuid"
up
expect 0 bulkhead vm list
says unknown
expect 3 bulkhead vm start kept
says 'not mounted'
expect 3 bulkhead vm define early.cfg
says 'not mounted'
expect 3 bulkhead vm undefine --forget-key kept
down
cp -p definition "$BULKHEAD_STATE/compartment-mgr/vms/$uuid"
rm -rf "$mine"
mv away "$mine"
up
starts kept

# The approvals were emptied, and the MAC of a definition was taken away.
down
cp -p "$mine/host" host-approved
cp -p host-without-approvals "$mine/host"
edit "$BULKHEAD_STATE/compartment-mgr/vms/$uuid"
up
expect 3 bulkhead vm start kept
says 'had its first one'
says 'bulkhead host approve'
# The approval does not make it a new host: the table of seals is kept, and so is the need of MACs.
expect 0 bulkhead host approve --passphrase-file pass
expect 3 bulkhead vm start "$uuid"
says 'one without a MAC'
down
cp -p definition "$BULKHEAD_STATE/compartment-mgr/vms/$uuid"
up
starts kept
expect 0 bulkhead vm list
says early
