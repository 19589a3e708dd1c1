#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A LUKS2 disk with data is adopted by adding a key slot; its own passphrase goes on opening it.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/common.bash"

vm adopt
echo -n secret-of-before >old
echo not-that >wrong
cryptsetup luksFormat -q --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 adopt-data.img \
        old ||
        fail 'cryptsetup luksFormat'
uuid=$(cryptsetup luksUUID adopt-data.img)
before=$(sha256sum adopt-data.img)
expect 1 bulkhead vm seal adopt adopt-seal.xml --passphrase-file wrong
same "$(sha256sum adopt-data.img)" "$before" 'the disk after a refusal'
expect 0 bulkhead vm seal adopt adopt-seal.xml --passphrase-file old
same "$(cryptsetup luksUUID adopt-data.img)" "$uuid" 'UUID of the disk'
cryptsetup open --test-passphrase --key-file old adopt-data.img ||
        fail 'the old passphrase no longer opens it'
same "$(cryptsetup luksDump adopt-data.img | grep -c ': luks2$')" 2 'number of key slots'
expect 0 bulkhead vm start adopt
