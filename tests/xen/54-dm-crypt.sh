#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A disk that Bulkhead made opens with cryptsetup on real dm-crypt and takes a file system; what is
# written there does not disturb its seal.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/../system/common.bash"
# after common.bash, whose own end it calls
trap 'r=$?; umount "$work/mnt" 2>/dev/null; cryptsetup close bed-crypt 2>/dev/null
        (exit $r); at_exit' EXIT

echo -n 'a passphrase of the admin' >old
vm crypt
expect 0 bulkhead vm seal crypt crypt-seal.xml --format --passphrase-file old
expect 0 cryptsetup open --type luks2 --key-file old crypt-data.img bed-crypt
expect 0 dmsetup table bed-crypt
says ' crypt '
of_header() { cryptsetup luksDump crypt-data.img | sed -n "s/^[ \t]*$1: //p" | head -n 1; }
expect 0 cryptsetup status bed-crypt
says "cipher:  $(of_header cipher)"
says "integrity: $(of_header integrity)"
says 'keysize: 768 bits'
expect 0 mkfs.ext4 -q /dev/mapper/bed-crypt
mkdir mnt
expect 0 mount /dev/mapper/bed-crypt mnt
head -c 1M /dev/urandom >data
expect 0 cp data mnt/data
expect 0 umount mnt
expect 0 cryptsetup close bed-crypt
grep -qaF "$(head -c 16 data | tr -d '\0\n')" crypt-data.img &&
        fail 'the data lies on the disk in the clear'
expect 0 bulkhead vm start crypt
expect 0 bulkhead vm stop crypt
expect 0 cryptsetup open --type luks2 --key-file old crypt-data.img bed-crypt
expect 0 mount -o ro /dev/mapper/bed-crypt mnt
cmp data mnt/data || fail 'the data are others'
expect 0 umount mnt
expect 0 cryptsetup close bed-crypt
