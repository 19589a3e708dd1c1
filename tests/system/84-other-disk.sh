#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Another LUKS disk lies where a sealed one was, or a sealed one is left out: no command gives up
# the seal's key of the first without being told to, and none says of one disk what is true of the
# other.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/common.bash"

uuid_of() { cryptsetup luksUUID "$1"; }
luks() { # DISK
        truncate -s 24M "$1"
        cryptsetup luksFormat -q --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 "$1" pass
}
starts() { expect 0 bulkhead vm start "$1"; expect 0 bulkhead vm stop "$1"; }
refused() { # COMMAND...: with both disks, and without --forget-key as the first advice
        expect 1 "$@"
        says "$work/key-data.img"
        says "$(uuid_of sealed.img)"
        says 'put that disk back'
}

printf 'a passphrase' >pass
vm key
expect 0 bulkhead vm seal key key-seal.xml --format --no-recovery
starts key
generation=$(generation_of key)

# The wrong one is mounted there, and its passphrase is at hand.
mv key-data.img sealed.img
luks key-data.img
before=$(sha256sum key-data.img)
refused bulkhead vm start key
says_not --forget-key
for command in 'seal key key-seal.xml' 'define --replace key.cfg'; do
        # shellcheck disable=SC2086
        refused bulkhead vm $command
        # shellcheck disable=SC2086
        refused bulkhead vm $command --passphrase-file pass
        says "$(uuid_of key-data.img)"
        says --forget-key
done
same "$(generation_of key)" "$generation" generation
same "$(sha256sum key-data.img)" "$before" 'the disk after a refusal'
expect 0 bulkhead vm passphrase list key
says 'not the disk that was sealed'
# Its own passphrase opens it, but the key that would go is that of the other.
refused bulkhead vm undefine key
says "$(uuid_of key-data.img)"
says_not 'its only key'
# Nor does the seal have the only key of a disk that it was not made for.
printf '{"type":"luks2-keyring","keyslots":["0"],"key_description":"x"}' |
        cryptsetup token import --json-file - key-data.img
refused bulkhead vm undefine key
says_not 'its only key'
cryptsetup token remove --token-id 0 key-data.img

# The right one is put back: nothing was lost.
mv key-data.img other.img
mv sealed.img key-data.img
starts key
expect 1 bulkhead vm undefine key
says 'its only key'

# A definition under another path, where another disk lies; and one that leaves the disk out.
sed "s,key-data.img,other.img," key.cfg >moved.cfg
sed "s,key-data.img,other.img,g" key-seal.xml >moved.xml
cp key-data.img sealed.img
refused bulkhead vm define --replace --descriptor moved.xml --passphrase-file pass moved.cfg
says --forget-key
sed '/xvdb/d; s/root.img",/root.img" ]/' key.cfg >less.cfg
sealing "vm:key disk:$work/key-root.img" >less.xml
expect 1 bulkhead vm define --replace --descriptor less.xml less.cfg
says key-data.img
says 'name it in the file again'
says --forget-key
starts key
same "$(sha256sum <key-data.img)" "$(sha256sum <sealed.img)" 'the disk after a refusal'

# Whoever says so gives the key up. What is said of the disks is then said of the new one.
expect 0 bulkhead vm define --replace --forget-key --descriptor moved.xml --passphrase-file pass \
        moved.cfg
starts key
expect 0 bulkhead vm passphrase list key
says_not 'not the disk'
mv other.img new.img
mv key-data.img other.img
expect 1 bulkhead vm undefine key
says "$(uuid_of new.img)"
says_not 'its only key'
mv other.img key-data.img
mv new.img other.img
expect 0 bulkhead vm undefine key
says 'a passphrase opens it'

# The same by vm seal, and by a definition without the disk.
vm key
luks key-data.img
expect 0 bulkhead vm seal key key-seal.xml --passphrase-file pass
mv key-data.img sealed.img
luks key-data.img
refused bulkhead vm seal key key-seal.xml --passphrase-file pass
expect 0 bulkhead vm seal key key-seal.xml --passphrase-file pass --forget-key
starts key
sed '/xvdb/d; s/root.img",/root.img" ]/' key.cfg >less.cfg
expect 0 bulkhead vm define --replace --forget-key --descriptor less.xml less.cfg
starts key
expect 2 bulkhead vm seal key less.xml --format --forget-key
says 'leave --forget-key out'
expect 2 bulkhead vm define --forget-key key.cfg
