#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# One changed byte, in image or header, and the VM does not start; restored, it does.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/common.bash"

vm tamper
expect 0 bulkhead vm seal tamper tamper-seal.xml --format --no-recovery
digest=$(sha256sum tamper-root.img | cut -d' ' -f1)
flip tamper-root.img 4242
expect 1 bulkhead vm start tamper
says "disk:$work/tamper-root.img"
says "$digest"
says "$(sha256sum tamper-root.img | cut -d' ' -f1)"
says remedy
same "$(state_of tamper)" stopped 'state after a refusal'
expect 0 bulkhead vm show tamper
says 'last refusal'
flip tamper-root.img 4242
expect 0 bulkhead vm start tamper
expect 0 bulkhead vm stop tamper

# Somebody who has the volume key or a passphrase can write a good header that is another one.
cp tamper-data.img saved.img
python3 - tamper-data.img <<'PY'
import sys, re, hashlib
# Another UUID in both headers, checksums made good: only a measurement can tell.
d = bytearray(open(sys.argv[1], 'rb').read(16 << 20))
size = int.from_bytes(d[8:16], 'big')
for at in (0, size):
    d[at + 168:at + 172] = b'0000' if d[at + 168:at + 172] != b'0000' else b'1111'
    d[at + 448:at + 512] = bytes(64)
    d[at + 448:at + 480] = hashlib.sha256(d[at:at + size]).digest()
with open(sys.argv[1], 'r+b') as f:
    f.write(d)
PY
cryptsetup isLuks --type luks2 tamper-data.img || fail 'the changed header has to be a good one'
expect 1 bulkhead vm start tamper
cp saved.img tamper-data.img

# The seal is this VM's: a new VM with the same name, disks and configuration is another one.
expect 1 bulkhead vm define tamper.cfg
expect 0 bulkhead vm start tamper
expect 0 bulkhead vm stop tamper
expect 1 bulkhead vm undefine tamper
says --forget-key
expect 0 bulkhead vm undefine tamper --forget-key
expect 0 bulkhead vm define tamper.cfg
expect 1 bulkhead vm start tamper
