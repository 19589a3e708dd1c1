#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a VM is given: disks under dm-crypt and dm-integrity, images under dm-verity, from loop
# devices that go with them. What was measured is what is read, whatever happens to the files; all
# is gone when the VM stops. dmsetup, losetup, cryptsetup and veritysetup are the judges.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/../system/common.bash"
# shellcheck source=tests/xen/dom0/devices.bash
. /srv/bed/dom0/devices.bash
devices_dm

# --- what is mapped ---
vm a
nothing_left 'before'
expect 0 bulkhead vm seal a a-seal.xml --format
nothing_left 'after formatting'
expect 0 cryptsetup luksDump a-data.img
says 'integrity: hmac(sha256)'
expect 0 bulkhead vm start a
root=$(dm_of a xvda) data=$(dm_of a xvdb)
expect 0 dmsetup table "$root"
says ' verity 1 '
[[ $(blockdev --getro "/dev/mapper/$root") == 1 ]] || fail 'the image can be written'
cmp a-root.img "/dev/mapper/$root" || fail 'the image reads otherwise'
hash=$(dmsetup table "$root" | cut -d' ' -f12)
expect 0 veritysetup format --no-superblock --salt - --hash sha256 a-root.img their.hash
says "$hash"
expect 0 dmsetup table "$data"
says 'capi:authenc(hmac(sha256),xts(aes))-plain64'
says ' integrity:32:aead'
expect 0 dmsetup table --showkeys "$data"
says ' :96:logon:cryptsetup:'
expect 0 dmsetup table "${data}_dif"
says ' integrity '
says ' 32768 32 J '
expect 0 cryptsetup status "$data"
says 'aes-xts-plain64'
ours="^ *1 .*($work/a-|/trees/)"
(($(losetup --list --noheadings --output AUTOCLEAR,BACK-FILE | grep -cE "$ours") == 3)) ||
        fail "loop devices: $(losetup --list)"
same "$(losetup --list --noheadings --output RO,BACK-FILE | grep -E "($work/a-root|/trees/)" |
        awk '{print $1}' | sort -u)" 1 'read-only'
expect 0 bulkhead status
says_not 'no integrity'

# --- what the guest writes stays, and nothing of it is on the disk in the clear ---
expect 0 mkfs.ext4 -q "/dev/mapper/$data"
mkdir mnt
expect 0 mount "/dev/mapper/$data" mnt
head -c 300000 /dev/urandom >wrote
cp wrote mnt/ && sync
grep -qaF "$(head -c 16 wrote | tr -d '\0\n')" a-data.img &&
        fail 'the data lies on the disk in the clear'

# --- busy: who has it is named, and afterwards all goes on ---
bulkhead vm destroy a && fail 'a mounted disk was unmapped'
expect 3 bulkhead vm start a
says "mounted on $work/mnt"
expect 0 umount mnt
expect 0 bulkhead vm start a
expect 0 mount "/dev/mapper/$data" mnt
cmp wrote mnt/wrote || fail 'what was written is not there'
expect 0 umount mnt

# --- an image changed while it is mapped: the changed block cannot be read, the others can ---
same "$(unreadable "/dev/mapper/$root")" '' 'unreadable before'
flip a-root.img 700000
same "$(unreadable "/dev/mapper/$root")" 170 'unreadable blocks of the image'
bulkhead vm stop a >/dev/null
nothing_left 'after a stop'
grep -q 'not what its hash tree says' /var/log/bed/svdm.log || fail 'the log does not say it'
expect 1 bulkhead vm start a
says a-root.img
says_not 'Input/output'
nothing_left 'after a refused start'
flip a-root.img 700000
expect 0 bulkhead vm start a

# --- a byte of a disk that the guest writes, changed outside: that block alone ---
same "$(unreadable "/dev/mapper/$data")" '' 'unreadable before'
dmesg --clear
flip a-data.img $((20 << 20))
bad=$(unreadable "/dev/mapper/$data")
[[ $bad =~ ^[0-9]+$ ]] || fail "unreadable blocks of the disk: '$bad' instead of one"
dmesg | grep -qi 'integrity' || fail 'the kernel does not say it'
flip a-data.img $((20 << 20))
same "$(unreadable "/dev/mapper/$data")" '' 'unreadable after it was restored'
bulkhead vm stop a >/dev/null

# --- two VMs, one image: each has a mapping of its own, on one tree ---
cp -a a-data.img b-data.img
sed "s/^name.*/name = \"b\"/; s|a-data|b-data|" a.cfg >b.cfg
sed 's|a-data|b-data|; s|vm:a|vm:b|' a-seal.xml >b-seal.xml
truncate -s 0 b-data.img && truncate -s 24M b-data.img
made+=(b)
expect 0 bulkhead vm define b.cfg
expect 0 bulkhead vm seal b b-seal.xml --format
expect 0 bulkhead vm start a
expect 0 bulkhead vm start b
same "$(dmsetup table "$(dm_of b xvda)" | cut -d' ' -f12)" \
        "$(dmsetup table "$root" | cut -d' ' -f12)" 'root hash'
bulkhead vm stop a >/dev/null
cmp a-root.img "/dev/mapper/$(dm_of b xvda)" || fail 'the other VM lost its image'
bulkhead vm stop b >/dev/null
nothing_left 'after both have stopped'
ls /var/lib/bulkhead/svdm/trees >trees
(($(grep -c '^[0-9a-f]\{64\}$' trees) <= $(grep -c '^of-' trees))) ||
        fail "trees that nobody needs: $(cat trees)"

# --- a disk of the admin's without integrity stays so, and is named ---
echo -n 'a passphrase' >old
truncate -s 24M c-data.img
cryptsetup luksFormat -q --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 \
        --key-file old c-data.img
sed 's|b-data|c-data|; s/"b"/"c"/' b.cfg >c.cfg
sed 's|b-data|c-data|; s|vm:b|vm:c|' b-seal.xml >c-seal.xml
made+=(c)
expect 0 bulkhead vm define c.cfg
expect 0 bulkhead vm seal c c-seal.xml --passphrase-file old
expect 0 bulkhead vm start c
expect 0 dmsetup table "$(dm_of c xvdb)"
says ' crypt aes-xts-plain64 :64:logon:'
expect 0 bulkhead status
says "$work/c-data.img"
says 'no integrity'
bulkhead vm stop c >/dev/null
nothing_left 'at the end'
