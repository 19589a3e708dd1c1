#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Whoever has the disk gives a VM another owner while the daemons are away: that VM is named and
# left alone, all others are not concerned. Only root gives a VM to somebody else.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/common.bash"

other=$work/run
trap '"$top/scripts/down" "$other" --quiet; rm -rf "$work"' EXIT
B=$(dirname "$(command -v bulkhead)")
export B
expect 0 "$top/scripts/up" "$other"
# shellcheck source=/dev/null
. "$other/env"
vm edited
vm whole
for v in edited whole; do expect 0 bulkhead vm seal "$v" "$v-seal.xml" --format; done
uuid=$(field edited uuid)
file=$BULKHEAD_STATE/compartment-mgr/vms/$uuid
cp -p "$file" kept
expect 0 "$top/scripts/down" "$other"
python3 - "$file" <<'PY' || fail 'not edited'
import hashlib, sys
# Magic, kind, version, length, SHA-256; then the record, in which the owner is kind 1 and a text.
d = bytearray(open(sys.argv[1], 'rb').read())
at = d.index(b'edited') + len(b'edited')
assert d[at] == 1, d[at:at + 8]
length = int.from_bytes(d[at + 1:at + 5], 'big')
for i in range(at + 1, at + 12):
    if chr(d[i]).isdigit():
        d[i] = ord('7')
        break
d[36:68] = hashlib.sha256(bytes(d[:36]) + bytes(d[68:])).digest()
open(sys.argv[1], 'r+b').write(d)
PY
expect 0 "$top/scripts/up" "$other"
answers
expect 0 bulkhead vm list
says "$uuid"
says damaged
says whole
expect 3 bulkhead vm start "$uuid"
says 'one that was changed'
says "$file"
expect 0 bulkhead vm start whole
expect 0 bulkhead vm stop whole
# The backup helps.
expect 0 "$top/scripts/down" "$other"
cp -p kept "$file"
expect 0 "$top/scripts/up" "$other"
answers
expect 0 bulkhead vm start edited
expect 0 bulkhead vm stop edited
openssl ecparam -name prime256v1 -genkey -noout 2>/dev/null | openssl pkey -pubout -out public.pem
# The host's file taken away is no host that was never set up: nothing is believed, nothing runs.
expect 0 "$top/scripts/down" "$other"
mv "$BULKHEAD_STATE/integrity-mgr/host" host
expect 0 "$top/scripts/up" "$other" --no-setup
answers
for c in 'vm start edited' 'host setup --site-key public.pem'; do
        # shellcheck disable=SC2086
        expect 3 bulkhead $c
        says "the file host of integrity-mgr's state folder"
        says 'put that file back'
done
expect 0 bulkhead status
says 'put that file back'
expect 0 bulkhead vm list
says unknown
expect 0 "$top/scripts/down" "$other"
mv host "$BULKHEAD_STATE/integrity-mgr/host"
expect 0 "$top/scripts/up" "$other"
answers
expect 0 bulkhead vm start edited
expect 0 bulkhead vm stop edited
# No door admits these.
sed -i 's/edited/another/' edited.cfg
expect 1 bulkhead vm define edited.cfg --owner vm:00000000-0000-4000-8000-000000000001
says 'uid:NUMBER or tls:NAME'
expect 1 bulkhead vm define edited.cfg --owner host:000102030405060708090a0b0c0d0e0f
