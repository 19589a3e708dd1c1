#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A real guest hibernates: its memory to LUKS2 with integrity, its domain gone; awake, it goes on
# where it was. An image that was changed is not read; a full disk, or a daemon that dies meanwhile,
# leaves the guest running.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/../system/common.bash"
# shellcheck source=tests/xen/guest.bash
. "$(dirname "$0")/guest.bash"
# shellcheck source=tests/xen/dom0/devices.bash
. /srv/bed/dom0/devices.bash
[[ $(bulkhead status) == *'kind '*xen* ]] || skip 'the daemons have a simulated hypervisor'
filler=
# shellcheck disable=SC2154
trap 'r=$?; [[ ! $filler ]] || rm -f "$filler"; (exit $r); at_exit' EXIT

mkdir files
echo read-only >files/data
guest_disk sleeper-root.img 16 files
truncate -s 64M sleeper-data.img
guest_config sleeper "$work/sleeper-root.img" "$work/sleeper-data.img" \
        'bed.do=keep:/disk/kept:before' >sleeper.cfg
sealing "vm:sleeper disk:$work/sleeper-root.img luks:$work/sleeper-data.img" >sleeper-seal.xml
made+=(sleeper)
forget sleeper
expect 0 bulkhead vm define sleeper.cfg
expect 0 bulkhead vm seal sleeper sleeper-seal.xml --format
uuid=$(field sleeper uuid)
image=/var/lib/bulkhead/svdm/memory-$uuid.img
count() { guest_said sleeper | sed -n 's/.*: alive //p' | tail -n 1; }
awake() { # it counts on, from where it was
        guest_says sleeper "alive $((${1:-$last} + 2))" 240
        guest_said sleeper | grep -qE 'mounted its|boot 2' && fail 'it booted instead of waking'
        return 0
}
asleep() {
        same "$(state_of sleeper)" hibernating state
        xl domid sleeper 2>/dev/null && fail 'its domain is left'
        nothing_left 'while it hibernates'
}

guest_forget sleeper
expect 0 bulkhead vm start sleeper
guest_says sleeper 'keep /disk/kept'
guest_says sleeper 'alive 3'
begun=$(date +%s%N)
expect 0 bulkhead vm hibernate sleeper
echo "hibernating: $((($(date +%s%N) - begun) / 1000000)) ms"
asleep
last=$(count)
expect 0 cryptsetup luksDump "$image"
says 'integrity: hmac(sha256)'
grep -qaF 'bed.name=sleeper' "$image" && fail 'its memory lies there in the clear'

# --- changed outside: not read, and not lost ---
guest_forget sleeper
at=$(($(stat -c %s "$image") / 2))
flip "$image" $at
expect 1 bulkhead vm start sleeper
says 'changed outside'
asleep
flip "$image" $at
flip sleeper-root.img 700000
expect 1 bulkhead vm start sleeper
says sleeper-root.img
asleep
flip sleeper-root.img 700000

# --- awake ---
begun=$(date +%s%N)
expect 0 bulkhead vm start sleeper
echo "waking: $((($(date +%s%N) - begun) / 1000000)) ms"
awake
[[ ! -e $image ]] || fail 'the image is left'
dmsetup ls | grep -q memory && fail 'the image is still mapped'
xl list

# --- no room: the guest runs on ---
free=$(df --output=avail -B1M /var/lib/bulkhead | tail -n 1)
filler=/var/lib/bulkhead/filler
fallocate -l $((free - 60))M "$filler" || skip "no file of $((free - 60)) MiB can be made"
expect 3 bulkhead vm hibernate sleeper
says 'MiB that are free'
rm "$filler"
filler=
same "$(state_of sleeper)" running state
last=$(count)
awake

# --- each daemon killed in the middle: it runs on, or hibernates, never half ---
is_mapped() { dmsetup ls | grep -q memory; }
is_saved() { [[ $(xl list sleeper | awk 'NR == 2 { print $5 }') == *s* ]]; }
for daemon in $(rounds "compartment-mgr svdm integrity-mgr" compartment-mgr); do
        moment=is_mapped
        [[ $daemon == compartment-mgr ]] && moment=is_saved
        bulkhead vm hibernate sleeper >killed 2>&1 &
        for ((i = 0; i < 600; i++)); do $moment && break; pause 0.05; done
        kill -9 "$(cat "$BULKHEAD_RUN/$daemon.pid")"
        wait $!
        cat killed
        answers
        for ((i = 0; i < 300; i++)); do
                state=$(state_of sleeper)
                [[ $state == hibernating ]] && ! xl domid sleeper >/dev/null 2>&1 && break
                [[ $state == running ]] && ! is_saved && break
                pause 0.2
        done
        echo "$daemon was killed: $state"
        [[ $state == hibernating ]] && expect 0 bulkhead vm start sleeper
        last=$(count)
        awake
done

# --- a second time, and given up: then it boots, with what it had synced ---
expect 0 bulkhead vm hibernate sleeper
asleep
expect 0 bulkhead vm destroy sleeper
[[ ! -e $image ]] || fail 'the image that was given up is left'
guest_forget sleeper
expect 0 bulkhead vm start sleeper
guest_says sleeper 'boot 2'
expect 0 bulkhead vm stop sleeper
nothing_left 'at the end'
