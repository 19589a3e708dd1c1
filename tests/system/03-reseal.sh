#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Sealed anew: with what the present seal gives, or, after a change, with a passphrase of the disk.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/common.bash"

vm reseal
expect 0 bulkhead vm seal reseal reseal-seal.xml --format --no-recovery
uuid=$(cryptsetup luksUUID reseal-data.img)
expect 0 bulkhead vm seal reseal reseal-seal.xml
says 'generation 2'
same "$(cryptsetup luksUUID reseal-data.img)" "$uuid" 'UUID of the disk'
same "$(cryptsetup luksDump reseal-data.img | grep -c ': luks2$')" 1 'number of key slots'
expect 0 bulkhead vm start reseal
expect 0 bulkhead vm stop reseal
# --format, typed again from a shell's history, does not destroy what a sealed VM has written.
expect 1 bulkhead vm seal reseal reseal-seal.xml --format
says 'the same without --format'
says_not --forget-key
same "$(cryptsetup luksUUID reseal-data.img)" "$uuid" 'UUID of the disk'
# A descriptor that never opens is refused while sealing, and the old seal stays.
sealing "vm:reseal disk:$work/not-there.img" >bad.xml
expect 1 bulkhead vm seal reseal bad.xml
echo '<sealing-desc/>' >bad.xml
expect 1 bulkhead vm seal reseal bad.xml
expect 0 bulkhead vm start reseal
expect 0 bulkhead vm stop reseal

# After a change the old seal gives no key, so nobody can seal to the new state without another one.
vm changed
echo -n secret-of-before >old
cryptsetup luksFormat -q --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 \
        changed-data.img old
expect 0 bulkhead vm seal changed changed-seal.xml --passphrase-file old
head -c 1M /dev/urandom >changed-root.img
expect 1 bulkhead vm start changed
expect 1 bulkhead vm seal changed changed-seal.xml
expect 0 bulkhead vm seal changed changed-seal.xml --passphrase-file old
says 'generation 2'
expect 0 bulkhead vm start changed
expect 0 bulkhead vm stop changed

# The same with a new disk that was given a passphrase.
vm fresh
expect 0 bulkhead vm seal fresh fresh-seal.xml --format --passphrase-file old
same "$(cryptsetup luksDump fresh-data.img | grep -c ': luks2$')" 2 'number of key slots'
same "$(cryptsetup luksDump fresh-data.img |
        grep -c 'PBKDF: *argon2id')" 1 'slots that are guessed slowly'
cryptsetup open --test-passphrase --key-file old fresh-data.img ||
        fail 'the passphrase does not open it'
expect 0 bulkhead vm start fresh
expect 0 bulkhead vm stop fresh
flip fresh-root.img 99
expect 1 bulkhead vm start fresh
expect 1 bulkhead vm seal fresh fresh-seal.xml
expect 0 bulkhead vm seal fresh fresh-seal.xml --passphrase-file old
expect 0 bulkhead vm start fresh
