#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Other plug-in files that measure the same open the same seals; a plug-in that is missing, or that
# measures another version, is named.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/common.bash"

other=$work/run
trap '"$top/scripts/down" "$other" --quiet; rm -rf "$work"' EXIT
from=$(dirname "$(command -v bulkhead)")
B=$work/build
export B
mkdir -p "$B/plugins"
for f in "$from"/{bulkhead,compartment-mgr,integrity-mgr,svdm,disk_hotplug} "$from"/*_worker; do
        [[ ! -f $f ]] || ln "$f" "$B" 2>/dev/null || cp "$f" "$B"
done
cp "$from"/plugins/*.so "$B/plugins"
expect 0 "$top/scripts/up" "$other"
# shellcheck source=/dev/null
. "$other/env"

# Replaced as a package manager would: another file of that name.
install_plugin() { # FILE NAME
        chmod 0755 "$1"
        mv "$1" "$B/plugins/$2.so"
}
another_build() {
        cp "$from/plugins/$1.so" new
        echo another build >>new
        install_plugin new "$1"
}
another_version() {
        cp "$from/plugins/$1.so" new
        python3 - new <<'PY' || fail 'no plug-in'
import struct, subprocess, sys
path = sys.argv[1]
def told(*command):
    return subprocess.run([*command, path], capture_output=True, text=True, check=True).stdout
at = next(int(l.split()[0], 16) for l in told('nm', '-D').splitlines()
          if l.split()[-1] == 'bulkhead_measure_plugin')
for line in told('readelf', '-SW').splitlines():
    f = line.replace('[ ', '[').split()
    if len(f) > 5 and f[0][1:-1].isdigit() and int(f[3], 16) <= at < int(f[3], 16) + int(f[5], 16):
        where = at - int(f[3], 16) + int(f[4], 16) + 16  # size, abi, name
with open(path, 'r+b') as file:
    file.seek(where)
    version = struct.unpack('=I', file.read(4))[0]
    assert version == 1
    file.seek(where)
    file.write(struct.pack('=I', version + 1))
PY
        install_plugin new "$1"
}
starts() {
        expect 0 bulkhead vm start update
        expect 0 bulkhead vm stop update
}

vm update
expect 0 bulkhead vm seal update update-seal.xml --format
starts
for p in vm disk luks; do another_build "$p"; done
starts
expect 0 bulkhead attest update-attest.xml --challenge 00112233445566778899aabbccddeeff \
        --trust "$other/trust" --output evidence.xml
expect 0 bulkhead verify evidence.xml --trust "$other/trust" \
        --challenge 00112233445566778899aabbccddeeff --descriptor update-attest.xml
says_not 'NOT TRUSTED'
another_version luks
expect 1 bulkhead vm start update
says 'plug-in luks'
says 'version 1'
says 'version 2'
same "$(state_of update)" stopped 'state after a refusal'
rm "$B/plugins/luks.so"
expect 1 bulkhead vm start update
says "plug-in luks: not found"
another_build luks
starts
