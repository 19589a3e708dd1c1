#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The LUKS2 header of a sealed disk is gone: whatever is asked, the answer is to write nothing, and
# how the header comes back. A disk that was never used is no such disk.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/common.bash"

printf 'a passphrase' >pass
printf 'another' >other

# Never used: told of --format, and of no header.
vm lost
untouched() {
        says 'an empty one'
        says '--format'
        says_not luksHeaderRestore
        says_not reencrypt
}
expect 1 bulkhead vm seal lost lost-seal.xml --passphrase-file pass
untouched
expect 1 bulkhead vm passphrase list lost
untouched

# What it says then is pasted.
[[ $output =~ (bulkhead vm seal [0-9a-f-]{36}) ]] || fail 'no command'
# shellcheck disable=SC2086
expect 0 ${BASH_REMATCH[1]} lost-seal.xml --format --passphrase-file pass
expect 0 bulkhead vm start lost
expect 0 bulkhead vm stop lost

asked() { # each command that opens the disk
        local command
        for command in 'start lost' 'seal lost lost-seal.xml' \
                'seal lost lost-seal.xml --passphrase-file pass' \
                'seal lost lost-seal.xml --passphrase-file pass --forget-key' \
                'passphrase list lost' \
                'passphrase add lost --new-passphrase-file other' \
                'passphrase add lost --passphrase-file pass --new-passphrase-file other' \
                'passphrase remove lost --passphrase-file pass --last' \
                'define --replace lost.cfg' \
                'define --replace --passphrase-file pass lost.cfg'; do
                # shellcheck disable=SC2086
                expect 1 bulkhead vm $command
                says 'write nothing to this disk: the seal still has its key'
                says "cryptsetup luksHeaderRestore $work/lost-data.img --header-backup-file FILE"
                says_not reencrypt
                says_not 'measured with'
                says_not --format
        done
        expect 1 bulkhead vm undefine lost
        says 'put it back'
}
cryptsetup luksHeaderBackup -q lost-data.img --header-backup-file header
dd if=/dev/urandom of=lost-data.img bs=1M count=1 seek=20 conv=notrunc status=none
cp lost-data.img whole.img
for damage in zero urandom; do
        dd if=/dev/$damage of=lost-data.img bs=1M count=16 conv=notrunc status=none
        before=$(sha256sum lost-data.img)
        asked
        same "$(sha256sum lost-data.img)" "$before" 'the disk after a refusal'
done
# An image that was made anew, and a file system of somebody else.
rm lost-data.img
truncate -s 24M lost-data.img
asked
mkfs.ext4 -q lost-data.img 2>/dev/null
asked
cp whole.img lost-data.img
dd if=/dev/zero of=lost-data.img bs=1M count=16 conv=notrunc status=none
expect 0 cryptsetup luksHeaderRestore -q lost-data.img --header-backup-file header
expect 0 bulkhead vm start lost
expect 0 bulkhead vm stop lost
