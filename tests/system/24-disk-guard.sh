#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A disk is touched only if nothing else has it, whatever either calls it; and what lies there is
# named before it is destroyed.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/common.bash"

luks() { # FILE: a LUKS2 disk that `pass` opens
        cryptsetup luksFormat -q --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 "$1" pass
}
refused() { # WHY: with every option, and the disk stays as it is
        local before option
        before=$(sha256sum <guard-data.img)
        for option in --format '--format --yes' '--format --yes --passphrase-file pass' \
                '--yes --passphrase-file pass'; do
                # shellcheck disable=SC2086
                expect "${2-1}" bulkhead vm seal guard guard-seal.xml $option
                says "$1"
        done
        same "$(sha256sum <guard-data.img)" "$before" 'the disk after a refusal'
}
without() { # OPTION...: asks, and has nobody to ask
        expect 1 setsid -w bulkhead vm seal guard guard-seal.xml "$@"
        says 'needs a yes'
}
printf 'a passphrase' >pass
vm guard

# Another VM's definition: the commonest mistake is a copied file with another name in it.
sed 's/^name = .*/name = "copy"/' guard.cfg >copy.cfg
made+=(copy)
forget copy
expect 0 bulkhead vm define copy.cfg
refused 'VM copy has it, too'
forget copy
# ... by another path of the same file,
ln guard-data.img other-name.img
sed 's/^name = .*/name = "copy"/; s/guard-data/other-name/' guard.cfg >copy.cfg
expect 0 bulkhead vm define copy.cfg
refused "VM copy has it as '$work/other-name.img'"
rm other-name.img
# ... and by a symbolic link, which could not be opened as it is.
ln -s guard-data.img other-name.img
refused 'VM copy has it as'
rm other-name.img
forget copy

# A domain that others started.
theirs() { # start|stop
        case $1,$(bulkhead status) in
        start,*simulated*) ln -sn "$work/guard-data.img" "$(sim_folder)/disk-of-theirs" ;;
        stop,*simulated*) rm "$(sim_folder)/disk-of-theirs" ;;
        start,*)
                printf '%s\n' 'name = "theirs"' 'memory = 128' \
                        "kernel = \"$BULKHEAD_GUEST/vmlinux\"" \
                        "disk = [ \"$work/guard-data.img,raw,xvda,rw\" ]" >theirs.cfg
                xl create -p theirs.cfg >/dev/null
                ;;
        stop,*) xl destroy theirs ;;
        esac
}
expect 0 theirs start
refused 'domain theirs has it'
expect 0 theirs stop

# What lies there is named, and only a yes destroys it.
mkfs.ext4 -q -L accounts guard-data.img 2>/dev/null
before=$(sha256sum guard-data.img)
without --format
says "$work/guard-data.img: an ext4 file system labelled accounts"
same "$(sha256sum guard-data.img)" "$before" 'the disk after a question'
# On a terminal it asks.
ask() { # ANSWER
        # The command asks its terminal, and script(1) gives it one.
        { pause 1; echo "$1"; } |
                script -qec 'bulkhead vm seal guard guard-seal.xml --format' /dev/null
}
if command -v script >/dev/null; then
        output=$(ask no 2>&1)
        says 'accounts'
        says 'This would be DESTROYED'
        same "$(sha256sum guard-data.img)" "$before" 'the disk after a no'
else
        echo 'not tried: a terminal, for which script(1) is missing'
fi
for made_by in 'mkswap -L pages' 'head -c 20M /dev/urandom' 'mkfs.xfs -q -L x' \
        'mkfs.vfat -n FAT'; do
        command -v "${made_by%% *}" >/dev/null || { echo "not tried: ${made_by%% *}"; continue; }
        rm guard-data.img
        truncate -s 24M guard-data.img
        case $made_by in
        head*) $made_by | dd of=guard-data.img conv=notrunc status=none ;;
        mkfs.xfs*) truncate -s 320M guard-data.img; $made_by guard-data.img >/dev/null 2>&1 ;;
        *) $made_by guard-data.img >/dev/null 2>&1 ;;
        esac
        without --format
        case $made_by in
        mkswap*) says 'a swap area labelled pages' ;;
        head*) says 'data of an unknown kind' ;;
        mkfs.xfs*) says 'an xfs file system labelled x' ;;
        *) says 'labelled FAT' ;;
        esac
done
# A member of a volume group is somebody's, whatever is answered: by its label (LVM2's, format 1).
rm guard-data.img
truncate -s 24M guard-data.img
if command -v pvcreate >/dev/null && pvcreate -q -f guard-data.img 2>/dev/null; then
        refused LVM2_member
else
        echo 'not tried: a physical volume of LVM, for which pvcreate is missing or needs a device'
fi
# ... or of an array: the superblock of mdadm, version 0.90, in the last 64 KiB.
truncate -s 24M guard-data.img
printf '\xfc\x4e\x2b\xa9\x00\x00\x00\x00\x5a\x00\x00\x00' |
        dd of=guard-data.img bs=1 seek=$((24 * 1048576 - 65536)) conv=notrunc status=none
refused linux_raid_member
# An empty disk needs none; a VM that was sealed and whose record is gone is never formatted.
rm guard-data.img
truncate -s 24M guard-data.img
expect 0 bulkhead vm seal guard guard-seal.xml --format
expect 1 bulkhead vm seal guard guard-seal.xml --format --yes

# A disk that is sealed for another VM of this host, under a name of its own here.
cp --sparse=always guard-data.img moved-data.img
sed 's/^name = .*/name = "moved"/; s/guard-data/moved-data/' guard.cfg >moved.cfg
sealing "vm:moved disk:$work/guard-root.img luks:$work/moved-data.img" >moved-seal.xml
made+=(moved)
forget moved
expect 0 bulkhead vm define moved.cfg
for option in --format '--format --yes' '--yes --passphrase-file pass'; do
        # shellcheck disable=SC2086
        expect 1 bulkhead vm seal moved moved-seal.xml $option
        says 'it is sealed for VM guard'
done
# ... and for one that is not defined here: another host may have it, so it takes a yes.
forget guard
expect 1 setsid -w bulkhead vm seal moved moved-seal.xml --format
says 'sealed for a VM that is not defined here'
forget moved

# A disk that comes in with another definition is adopted, so the same holds for it.
vm kept
expect 0 bulkhead vm seal kept kept-seal.xml --format --passphrase-file pass
vm lent
expect 0 bulkhead vm seal lent lent-seal.xml --format --passphrase-file pass
sed "s|kept-data.img\" ]|kept-data.img\", \"$work/lent-data.img,raw,xvdc,rw\" ]|" kept.cfg >more.cfg
sealing "vm:kept disk:$work/kept-root.img luks:$work/kept-data.img luks:$work/lent-data.img" \
        >more-seal.xml
replace() { # STATUS OPTION...
        expect "$1" bulkhead vm define --replace --descriptor more-seal.xml \
                --passphrase-file pass "${@:2}" more.cfg
}
before=$(sha256sum lent-data.img)
replace 1 --yes
says 'VM lent has it, too'
# Undefined on another host, so that its token is still there.
cp --sparse=always lent-data.img as-sealed.img
forget lent
cat as-sealed.img >lent-data.img
replace 1
says "$work/lent-data.img"
says 'sealed for a VM that is not defined here'
says 'needs a yes'
same "$(sha256sum lent-data.img)" "$before" 'the disk after a refusal'
same "$(generation_of kept)" 1 'generation after a refusal'
expect 0 bulkhead vm start kept
expect 0 bulkhead vm stop kept
replace 0 --yes
same "$(generation_of kept)" 2 'generation'
expect 0 bulkhead vm start kept
expect 0 bulkhead vm stop kept
forget kept

# The host itself.
rm guard-data.img
truncate -s 24M guard-data.img
luks guard-data.img
vm_again() { expect 0 bulkhead vm define guard.cfg; }
vm_again
tried=0
if loop=$(losetup --show -f guard-data.img 2>/dev/null); then
        tried=1
        refused "under $loop" 3
        losetup -d "$loop"
else
        echo 'not tried: a loop device, which this machine has not'
fi
rm guard-data.img
fallocate -l 24M guard-data.img
chmod 600 guard-data.img
mkswap guard-data.img >/dev/null
if swapon guard-data.img 2>/dev/null; then
        tried=1
        refused 'the host swaps to it' 3
        swapoff guard-data.img
else
        echo 'not tried: a swap file, which this machine does not take'
fi
mkfs.ext4 -q -F guard-data.img 2>/dev/null
mkdir mounted
if mount -o loop guard-data.img mounted 2>/dev/null; then
        tried=1
        refused 'under /dev/loop' 3
        umount mounted
else
        echo 'not tried: a mount, which this machine does not permit'
fi
# A loop device that is named for the guest is the file that lies under it.
if loop=$(losetup --show -f guard-data.img 2>/dev/null); then
        sed "s/^name = .*/name = \"copy\"/; s|target=[^ ]*data.img|target=$loop|" guard.cfg \
                >copy.cfg
        expect 0 bulkhead vm define copy.cfg
        refused "VM copy has it as '$loop'"
        losetup -d "$loop"
        forget copy
fi
((tried)) || echo 'nothing of the host could be tried'

# A mere definition takes no disk from the VM that is sealed: its owner is warned, and seals again.
vm rightful
expect 0 bulkhead vm seal rightful rightful-seal.xml --format --passphrase-file pass
sed 's/^name = .*/name = "claimant"/' rightful.cfg >claimant.cfg
made+=(claimant)
forget claimant
expect 0 bulkhead vm define claimant.cfg
expect 0 bulkhead vm seal rightful rightful-seal.xml
says 'warning: '
says 'bulkhead vm undefine claimant'
expect 0 bulkhead vm start rightful
expect 0 bulkhead vm stop rightful
sed 's/vm:rightful/vm:claimant/' rightful-seal.xml >claimant-seal.xml
expect 1 bulkhead vm seal claimant claimant-seal.xml --format --yes
# To undefine it says nothing of disks that are another VM's, and does nothing to them.
before=$(sha256sum <rightful-data.img)
expect 0 bulkhead vm undefine claimant
says_not 'data.img'
same "$(sha256sum <rightful-data.img)" "$before" 'the disk that claimant named, too'
