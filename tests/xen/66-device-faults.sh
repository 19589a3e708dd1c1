#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Each step of mapping fails once, is deceived once, or is killed: nothing stays mapped, nobody
# else's device is touched, and the next start succeeds. Then rounds, after which nothing is more
# than before.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/../system/common.bash"
# shellcheck source=tests/xen/dom0/devices.bash
. /srv/bed/dom0/devices.bash
devices_dm
rounds=${rounds:-$(rounds 20 5)} kills=${kills:-$(rounds 6 3)}

vm a
expect 0 bulkhead vm seal a a-seal.xml --format
starts() { expect 0 bulkhead vm start a; expect 0 bulkhead vm stop a; nothing_left 'after a stop'; }
starts

# --- somebody else has the name: not touched, and said ---
for device in xvda xvdb xvdb_dif; do
        name=$(dm_of a "$device")
        expect 0 dmsetup create "$name" --table '0 8 error'
        expect 3 bulkhead vm start a
        says "$name"
        same "$(dmsetup table "$name")" '0 8 error ' "the foreign $name"
        expect 0 dmsetup remove "$name"
        nothing_left "after a start with $device occupied"
done

# --- no loop devices ---
expect 0 mv /dev/loop-control /dev/loop-control.away
bulkhead vm start a >said 2>&1
result=$?
mv /dev/loop-control.away /dev/loop-control
cat said
[[ $result == [13] && $(cat said) == *'modprobe loop'* ]] || fail 'without /dev/loop-control'
nothing_left 'without /dev/loop-control'

# --- no room for a tree ---
cp a-root.img before.img
truncate -s 256M a-root.img
# fallocate does not get the last blocks, so they are written; then 1.5 MB are given back.
filler=/var/lib/bulkhead/filler
expect 0 fallocate -l $(($(stat -f -c '%f * %S' /var/lib/bulkhead) - (48 << 20))) $filler
cat /dev/zero >$filler.rest 2>/dev/null
truncate -s -1500000 $filler.rest
bulkhead vm start a >said 2>&1
result=$?
rm -f $filler $filler.rest
cat said
[[ $result == 3 && $(cat said) == *'No space left'* ]] || fail 'without room'
nothing_left 'without room for a tree'

# --- what lies there is not what it was ---
expect 1 bulkhead vm start a # another image
nothing_left 'after a refusal'
truncate -s 1M a-root.img
expect 0 bulkhead vm start a # the same again, on a new tree
bulkhead vm stop a >/dev/null
truncate -s 1000000 a-root.img
expect 1 bulkhead vm start a
says 'truncate -s %4096'
for bad in 'ln -s before.img a-root.img' 'mkfifo a-root.img' 'mkdir a-root.img' \
        'printf "QFI\373\0\0\0\2\0\0\0\0\0\1\0\0" >a-root.img; truncate -s 1M a-root.img'; do
        rm -rf a-root.img
        eval "$bad"
        expect 1 bulkhead vm start a
        says a-root.img
        nothing_left "after '$bad'"
done
rm -f a-root.img
cp before.img a-root.img
starts

# --- a loop device re-pointed under a running VM: reads fail, they do not change ---
expect 0 bulkhead vm start a
loop=$(losetup --list --noheadings --output NAME,BACK-FILE |
        awk -v f="$work/a-root.img" '$2 == f {print $1}')
head -c 1M /dev/urandom >evil.img
python3 -c 'import fcntl,os,sys
fcntl.ioctl(os.open(sys.argv[1], 0), 0x4C06, os.open(sys.argv[2], 0))' "$loop" evil.img ||
        fail 'LOOP_CHANGE_FD'
same "$(unreadable "/dev/mapper/$(dm_of a xvda)" | wc -w)" 256 \
        'blocks of another file that are unreadable'
bulkhead vm stop a >/dev/null
nothing_left 'after a re-pointed loop device'
starts

# --- killed: svdm while a VM runs ---
svdm_again() {
        local i
        for ((i = 0; i < 600; i++)); do
                bulkhead status 2>/dev/null | grep -q 'svdm  *answers' && return 0
                pause 0.1
        done
        fail 'svdm does not come back'
}
expect 0 bulkhead vm start a
before=$(dmsetup ls | sort)
kill -9 "$(cat /run/bulkhead/svdm.pid)"
svdm_again
same "$(dmsetup ls | sort)" "$before" 'mapped after a restart'
expect 0 bulkhead vm stop a
nothing_left 'after the stop of an adopted VM'

# --- killed at any time of a start: svdm, its worker, the job ---
for ((i = 0; i < kills; i++)); do
        bulkhead vm start a >/dev/null 2>&1 &
        started=$!
        sleep "0.$((RANDOM % 9))"
        svdm=$(cat /run/bulkhead/svdm.pid)
        worker=$(pgrep -P "$svdm" device_worker)
        # shellcheck disable=SC2046
        case $((i % 3)) in
        0) kill -9 "$svdm" ;;
        1) kill -9 "$worker" ;;
        2) kill -9 $(pgrep -P "$worker") ;;
        esac 2>/dev/null
        wait "$started"
        svdm_again
        [[ $(state_of a) == running ]] && bulkhead vm stop a
        expect 0 bulkhead vm start a
        expect 0 bulkhead vm stop a
        nothing_left "after kill $i"
done

# --- left by a dead operation, of a VM that nobody knows: svdm clears it up when it starts; what is
# of other VMs stays ---
expect 0 bulkhead vm start a
name=$(dm_of a xvda)
expect 0 dmsetup create not-bulkhead --table '0 8 error'
kill -9 "$(cat /run/bulkhead/supervise.pid)" "$(cat /run/bulkhead/svdm.pid)" \
        "$(cat /run/bulkhead/compartment-mgr.pid)"
rm -f /var/lib/bulkhead/svdm/held-*
expect 0 /srv/bed/dom0/daemons restart
dmsetup ls | grep -q "$name" && fail 'what a dead svdm left is still mapped'
expect 0 dmsetup remove not-bulkhead
bulkhead vm destroy a >/dev/null 2>&1
nothing_left 'after a restart'

# --- rounds ---
of_svdm() { # descriptors and resident KiB of svdm and its warm worker
        local svdm worker
        svdm=$(cat /run/bulkhead/svdm.pid)
        worker=$(pgrep -P "$svdm" device_worker)
        echo "$(find "/proc/$svdm/fd" "/proc/$worker/fd" -type l | wc -l)" \
                "$(awk '/^VmRSS/ {s += $2} END {print s}' "/proc/$svdm/status" \
                        "/proc/$worker/status")"
}
for ((i = 0; i < 3; i++)); do starts >/dev/null; done
read -r fds kib < <(of_svdm)
for ((i = 0; i < rounds; i++)); do
        expect 0 bulkhead vm start a >/dev/null
        expect 0 bulkhead vm stop a >/dev/null
done
nothing_left "after $rounds rounds"
read -r fds_now kib_now < <(of_svdm)
echo "descriptors $fds, then $fds_now; resident KiB $kib, then $kib_now"
same "$fds_now" "$fds" 'descriptors'
((kib_now <= kib + 1024)) || fail "memory: $kib KiB, after $rounds rounds $kib_now"
