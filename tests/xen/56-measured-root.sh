#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What of Dom0 is measured, and `status` says so: PCR 4 is what the EFI file gives, the root is
# read-only under dm-verity, a changed block of its disk cannot be read, only the state is writable.
# In a Dom0 that was booted the direct way `status` claims none of that.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/../system/common.bash"
export TPM2TOOLS_TCTI=device:/dev/tpmrm0
tcb() { bulkhead status "$@" | sed -n '/^tcb$/,/^$/p'; }
unread=/srv/bed/unread # a file that nothing has read since this boot

if ! grep -q bulkhead.roothash= /proc/cmdline; then
        output=$(tcb)
        echo "$output"
        same "$(grep -c 'WARNING: not measured' <<<"$output")" 2 'warnings of status'
        exit 0
fi
# shellcheck disable=SC2154
trap 'r=$?; umount "$work/esp" 2>/dev/null; [[ ! ${at-} ]] || put_back; (exit $r); at_exit' EXIT

# --- PCR 4, by the TPM's own tools ---------------------------------------------------------------
modprobe -a vfat nls_cp437 nls_ascii
mkdir esp
expect 0 mount -o ro /dev/vdc esp
efi=esp/EFI/BOOT/BOOTX64.EFI
output=$(tcb --image "$efi")
echo "$output"
says "that of $efi"
says_not 'not measured'
pcr=$(tpm2_pcrread sha256:4 | grep -oE '[0-9A-F]{64}' | tr '[:upper:]' '[:lower:]')
[[ $pcr ]] || fail 'tpm2_pcrread'
says "PCR 4 is $pcr"
cp "$efi" other.efi
flip other.efi 2000000
output=$(tcb --image other.efi)
says 'WARNING: not that of other.efi'

# --- the root ------------------------------------------------------------------------------------
[[ $(dmsetup table bulkhead-root) == *" verity "* ]] || fail 'the root is not dm-verity'
hash=$(dmsetup table bulkhead-root | grep -oE 'sha256 [0-9a-f]{64}' | cut -d' ' -f2)
grep -qw "bulkhead.roothash=$hash" /proc/cmdline || fail 'the root hash is not on the command line'
same "$(stat -Lc %Hr:%Lr /dev/mapper/bulkhead-root)" "$(stat -c %Hd:%Ld /)" "device of /"
same "$(stat -fc %T /)" squashfs "file system of /"
for f in /etc/default/bulkhead /usr/libexec/bulkhead/new /usr/lib/bulkhead/plugins/new.so \
        /srv/new; do
        touch "$f" 2>/dev/null && fail "$f can be written"
done
expect 1 bash -c 'echo x >/dev/mapper/bulkhead-root'
# What can be written on disk is the state and the logs, and neither runs anything.
same "$(awk '$1 ~ "^/dev/vd" && $4 ~ "^rw" { print $2 }' /proc/mounts | sort | tr '\n' ' ')" \
        '/var/lib/bulkhead /var/log ' 'writable disks'
same "$(awk '$1 ~ "^/dev/vd" && $4 ~ "^rw" && $4 !~ "nosuid,nodev,noexec"' /proc/mounts)" '' \
        'what could run there'

# --- its disk changed underneath -----------------------------------------------------------------
mark='bed: a file that'' nothing reads' # but for this script, which is on that disk too
at=$(grep -abom1 "$mark" /dev/vda | cut -d: -f1)
[[ $at ]] || fail "$unread is not found on the disk"
change() { printf '%s' "$1" | dd of=/dev/vda bs=1 seek="$at" conv=notrunc,fsync 2>/dev/null; }
put_back() { change b; at=''; }
change B
expect 1 cat "$unread"
says 'Input/output error'
expect 0 bulkhead status
put_back
echo 3 >/proc/sys/vm/drop_caches
expect 0 grep -q "$mark" "$unread"
