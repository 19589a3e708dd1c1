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

# A LUKS2 disk whose first header is damaged: nothing formats it, and the remedy brings it back.
printf 'a passphrase' >pass
truncate -s 64M plain-data.img
cryptsetup luksFormat -q --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 \
        plain-data.img pass
dd if=/dev/zero of=plain-data.img bs=4096 count=1 conv=notrunc status=none
before=$(sha256sum plain-data.img)
for option in --format '--format --passphrase-file pass' '--passphrase-file pass'; do
        # shellcheck disable=SC2086
        expect 1 bulkhead vm seal plain plain-seal.xml $option
        says 'the second one is there'
        says "cryptsetup repair --type luks2 $work/plain-data.img"
        says_not reencrypt
done
same "$(sha256sum plain-data.img)" "$before" 'the disk after a refusal'
dd if=plain-data.img of=header.copy bs=1M count=16 status=none
expect 0 cryptsetup repair -q --type luks2 "$work/plain-data.img"
expect 0 cryptsetup open --test-passphrase --key-file pass plain-data.img

# Sealed, then zeroed: the seal still has the key, so nothing leads past it.
expect 0 bulkhead vm seal plain plain-seal.xml --passphrase-file pass
cryptsetup luksHeaderBackup -q plain-data.img --header-backup-file header
dd if=/dev/zero of=plain-data.img bs=1M count=16 conv=notrunc status=none
before=$(sha256sum plain-data.img)
expect 1 bulkhead vm start plain
says_not reencrypt
for option in --format ''; do
        # shellcheck disable=SC2086
        expect 1 bulkhead vm seal plain plain-seal.xml $option
        says luksHeaderRestore
        says_not reencrypt
        says_not --forget-key
done
same "$(sha256sum plain-data.img)" "$before" 'the disk after a refusal'
expect 0 cryptsetup luksHeaderRestore -q plain-data.img --header-backup-file header
expect 0 bulkhead vm start plain
