#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The bed's own ground: a PV guest that plain xl starts mounts its disks, keeps what it wrote, says
# so on its console, ends cleanly when asked, and reaches Dom0 on the bridge. Nothing of Bulkhead.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/../system/common.bash"
# shellcheck source=tests/xen/guest.bash
. "$(dirname "$0")/guest.bash"
loop=
# shellcheck disable=SC2154
trap 'r=$?; xl destroy plain 2>/dev/null; [[ ! $loop ]] || losetup -d "$loop"; (exit $r); at_exit' \
        EXIT

mkdir files
head -c 100000 /dev/urandom >files/data
guest_disk root.img 16 files
guest_disk data.img 32
loop=$(losetup -f --show data.img)
guest_config plain "$work/root.img" "$loop" \
        'bed.ip=10.66.0.2/24 bed.do=sum:/root/data,ping:10.66.0.1' "'bridge=xenbr0'" >plain.cfg
cat plain.cfg
guest_forget plain
begun=$(date +%s%N)
expect 0 xl create plain.cfg
echo "xl create: $((($(date +%s%N) - begun) / 1000000)) ms"
guest_says plain 'guest plain: mounted its root xvda, 1 files'
guest_says plain 'guest plain: mounted its disk xvdb, 0 files'
guest_says plain 'guest plain: boot 1'
guest_says plain "guest plain: sum /root/data $(sha256sum files/data | cut -d' ' -f1)"
guest_says plain 'guest plain: 10.66.0.1 answers'
guest_says plain 'guest plain: alive 1'
expect 0 xl shutdown plain
guest_says plain 'guest plain: unmounted its disk'
guest_gone plain

# Its disk keeps what it was told, and takes commands.
mkdir mnt
mount "$loop" mnt
same "$(cat mnt/boots)" 1 'boots on its disk'
printf '%s\n' keep:/disk/kept:yes crash >mnt/commands
umount mnt
guest_config plain '' "$loop" >plain.cfg
guest_forget plain
expect 0 xl create plain.cfg
guest_says plain 'guest plain: boot 2'
guest_says plain 'guest plain: ends: crash'
guest_gone plain
mount "$loop" mnt
same "$(cat mnt/kept)" yes 'what the guest kept'
umount mnt
