#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The back-end for Xen by itself: what it builds is what xl sees, what differs from what was asked
# for does not run, a guest that ends or is ended leaves nothing behind, and what others started is
# left alone.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/../system/common.bash"
# shellcheck source=tests/xen/guest.bash
. "$(dirname "$0")/guest.bash"
try=/srv/bed/domain_try
id=6a1d0000-0000-4000-8000-000000000061
loops=()
waiting=
at_end() {
        local result=$?
        [[ $waiting ]] && kill "$waiting" 2>/dev/null
        xl destroy domain 2>/dev/null
        xenstore-rm "/local/domain/0/bulkhead/$id" 2>/dev/null
        umount "$work/mnt" 2>/dev/null
        for l in ${loops[@]+"${loops[@]}"}; do losetup -d "$l"; done
        (exit $result)
        at_exit
}
trap at_end EXIT

# Statuses of include/bulkhead/status.def as the driver prints them.
changed=4 exists=5 not_found=6 wrong_state=7 unsupported=10

# asks STATUS WORDS...: the driver answers with that status; its line is in $output.
asks() {
        local status=$1
        shift
        expect $((status ? 1 : 0)) $try "$@"
        [[ $output == "$status" || $output =~ ^(.*$'\n')?$status\  ]] ||
                fail "that is not status $status"
}
state() { $try list | awk -v id="$id" '$1 == id { print $4, $5, $6 }'; }
domid() { xl domid domain; }
# Nothing of domain N: not in Xen, not in the store, not in the kernel, no mark.
nothing_left() { # DOMID
        xl list | awk '{ print $2 }' | grep -qx "$1" && fail "domain $1 is still there"
        output=$(xenstore-ls -f / | grep -E "/(domain|libxl|vbd|vif|console)/$1(/| )|$id")
        [[ $output ]] && fail "left in the store: $output"
        output=$(find /sys/bus/xen-backend/devices -name "v[bi][df]-$1-*")
        [[ $output ]] && fail "left in the kernel: $output"
        return 0
}

mkdir files mnt
echo read-only >files/data
guest_disk root.img 16 files
guest_disk data.img 32
root=$(losetup -rf --show root.img) data=$(losetup -f --show data.img)
loops=("$root" "$data")
{
        guest_config domain "$root" "$data" \
                'bed.ip=10.66.0.3/24 bed.do=sum:/root/data,ping:10.66.0.1' \
                "'bridge=xenbr0,mac=00:16:3e:61:61:61'"
        echo "uuid = \"$id\""
} | sed "s/^memory.*/memory = $guest_memory\nmaxmem = $((guest_memory + 32))\nmaxvcpus = 2/" \
        >domain.cfg
cat domain.cfg
number() { stat -c '%Hr:%Lr' "$1" | { IFS=: read -r a b; printf '%x:%x' "$a" "$b"; }; }

# --- what it is on ---
expect 0 $try facts
says 'name=xen'
says \
        "version=$(cat /sys/hypervisor/version/major).$(cat /sys/hypervisor/version/minor)$(cat \
        /sys/hypervisor/version/extra)"
says "build-id=$(xl info | sed -n 's/^build_id *: //p')"
says "command-line=$(xl info | sed -n 's/^xen_commandline *: //p')"
[[ $(tail -n 2 <<<"$output" | tr '\n' ' ') =~ ^free-memory=[0-9]+\ total-memory=[0-9]+\ $ ]] ||
        fail 'memory does not come last'

# --- built paused ---
asks 0 create domain.cfg
first=$(domid)
says "0 $first"
same "$(state)" 'ours paused -' 'state'
same "$(xl list domain | awk 'NR == 2 { print $3, $4, $5, $6 }')" '96 1 --p--- 0.0' \
        'memory, CPUs, state and time in xl list'
back=/local/domain/0/backend
for d in "xvda $root r" "xvdb $data w"; do
        read -r vdev node mode <<<"$d"
        at=$(xenstore-ls -f "$back/vbd/$first" | sed -n "s|^\(.*\)/dev = \"$vdev\".*|\1|p")
        [[ $at ]] || fail "no $vdev"
        same "$(xenstore-read "$at/physical-device")" "$(number "$node")" "device of $vdev"
        same "$(xenstore-read "$at/mode")" "$mode" "access to $vdev"
done
same "$(xenstore-read "$back/vif/$first/0/bridge" "$back/vif/$first/0/mac")" \
        $'xenbr0\n00:16:3e:61:61:61' 'the interface'
[[ -e /sys/class/net/xenbr0/brif/vif$first.0 ]] || fail 'its interface is not on the bridge'
# No guest may write that it is ours.
same "$(xenstore-ls -fp /local/domain/0/bulkhead | sed 's/.*(\(.*\))/\1/' |
        sort -u)" n0 'who may write the marks'

# --- compared: each difference by its name, and it stays paused ---
difference() { # CHANGE SUBJECT...
        asks $changed unpause domain.cfg "$first" "$1"
        says "${@:2}"
        same "$(state)" 'ours paused -' "state after $1"
}
difference name=other 'name of domain'
difference memory=97 'memory of domain'
difference maxmem=129 'maxmem of domain'
difference vcpus=2 'CPU 1 of domain'
difference maxvcpus=3 'maxvcpus of domain'
difference cmdline=init=/bin/sh 'kernel command line'
difference disks=1 'number of vbd devices'
difference node=1 'device xvda'
difference writable=1 'access to device xvda'
difference device=xvdc 'device xvdc'
difference nics=0 'number of vif devices'
difference bridge=other 'bridge of vif0'
difference mac=00:16:3e:61:61:62 'MAC address of vif0'
asks $changed unpause domain.cfg $((first + 1))
asks $wrong_state resume "$id"
asks $wrong_state suspend "$id"
asks $exists create domain.cfg
says 'bulkhead vm destroy domain'
# Dom0's end of a device is made to point elsewhere.
at=$(xenstore-ls -f "$back/vbd/$first" | sed -n 's|^\(.*\)/dev = "xvda".*|\1|p')
xenstore-write "$at/physical-device" 1:1
asks $changed unpause domain.cfg "$first"
says "found '1:1'"
xenstore-write "$at/physical-device" "$(number "$root")"
# A device that nobody asked for.
xenstore-write "/libxl/$first/device/vkbd/0/backend" /local/domain/0/backend/vkbd
asks $changed unpause domain.cfg "$first"
says vkbd
xenstore-rm "/libxl/$first/device/vkbd"

# --- runs ---
$try wait 3 >waited 2>&1 &
waiting=$!
for _ in {1..50}; do [[ -s waited ]] && break; pause 0.1; done
same "$(cat waited)" changed 'the first wait'
guest_forget domain
asks 0 unpause domain.cfg "$first"
guest_says domain 'mounted its root xvda, 1 files'
guest_says domain 'mounted its disk xvdb'
guest_says domain "sum /root/data $(sha256sum files/data | cut -d' ' -f1)"
guest_says domain '10.66.0.1 answers'
same "$(state)" 'ours running -' 'state'
asks $changed unpause domain.cfg "$first"
asks $wrong_state resume "$id"

# --- suspended in memory ---
asks 0 suspend "$id"
same "$(state)" 'ours paused suspended' 'state'
[[ $(xl list domain | awk 'NR == 2 { print $5 }') == *p* ]] || fail 'xl does not see it paused'
count=$(guest_said domain | grep -c alive)
sleep 3
same "$(guest_said domain | grep -c alive)" "$count" 'what a suspended guest says'
asks $wrong_state suspend "$id"
asks $changed unpause domain.cfg "$first"
asks 0 resume "$id"
guest_says domain "alive $((count + 2))"

# --- stopped: it is asked, and ends by itself ---
asks 0 stop "$id" 60
says clean
guest_says domain 'unmounted its disk'
nothing_left "$first"
asks $not_found stop "$id" 60
asks $not_found destroy "$id"
asks $not_found unpause domain.cfg "$first"
for _ in {1..50}; do kill -0 $waiting 2>/dev/null || break; pause 0.1; done
kill -0 $waiting 2>/dev/null && fail "not told that the guest ended: $(cat waited)"
same "$(cat waited)" $'changed\nchanged\nchanged' 'what was told'
waiting=

# --- what it says when it ends by itself; and its end is another's business ---
sed -i 's/ bed.ip=[^"]*"/"/; s/^vif.*//' domain.cfg # it has been seen: from here on disks alone
for end in poweroff reboot crash; do
        mount "$data" mnt
        printf '%s\n' "$end" >mnt/commands
        umount mnt
        asks 0 create domain.cfg
        n=$(domid)
        ((n != first)) || fail 'that domid was used before'
        asks 0 unpause domain.cfg "$n"
        for ((i = 0; i < 300; i++)); do [[ $(state) == *shutdown* ]] && break; pause 0.2; done
        same "$(state)" "ours shutdown $end" 'state'
        [[ $(domid) == "$n" ]] || fail "somebody took domain $n away"
        asks 0 stop "$id" 60
        if [[ $end == poweroff ]]; then says clean; else says 'by force'; fi
        nothing_left "$n"
done

# --- a guest that does not listen ---
mount "$data" mnt
rm mnt/commands
umount mnt
asks 0 create domain.cfg
n=$(domid)
asks 0 unpause domain.cfg "$n"
asks 0 stop "$id" 0
says 'by force'
nothing_left "$n"
# --- one that never ran ---
asks 0 create domain.cfg
n=$(domid)
asks 0 stop "$id" 60
says 'by force'
nothing_left "$n"
# --- a child that was killed while it built ---
$try create domain.cfg &
victim=$!
for ((i = 0; i < 300; i++)); do xl domid domain >/dev/null 2>&1 && break; pause 0.1; done
kill -9 $victim || fail 'it was built before it could be killed'
wait $victim 2>/dev/null
n=$(domid)
same "$(state)" 'ours paused -' 'state of what is half built'
asks $changed unpause domain.cfg "$n"
asks 0 destroy "$id"
nothing_left "$n"

# --- a domid that came again: the mark is of another domain ---
asks 0 create domain.cfg
n=$(domid)
xenstore-write "/local/domain/0/bulkhead/$id" "built $((n + 1))"
same "$(state)" 'foreign paused -' 'state'
asks $wrong_state unpause domain.cfg "$n"
asks $wrong_state destroy "$id"
xenstore-write "/local/domain/0/bulkhead/$id" "built $n"
asks 0 destroy "$id"
nothing_left "$n"

# --- what others started: seen, and left alone; its name and its UUID are taken ---
sed "s/\"$id\"/\"6a1d0000-0000-4000-8000-0000000000ff\"/" domain.cfg >others.cfg
expect 0 xl create -p others.cfg
expect 0 $try list
says '6a1d0000-0000-4000-8000-0000000000ff domain'
says foreign
asks $exists create domain.cfg
says 'xl destroy'
asks $wrong_state destroy 6a1d0000-0000-4000-8000-0000000000ff
expect 0 xl destroy domain
sed 's/^name.*/name = "others"/' domain.cfg >others.cfg
expect 0 xl create -p others.cfg
asks $exists create domain.cfg
asks $wrong_state stop "$id" 1
expect 0 xl domid others
expect 0 xl destroy others

# --- refused before anything is built ---
{ cat domain.cfg; echo "vif = [ 'bridge=xenbr9,mac=00:16:3e:61:61:61' ]"; } >no-bridge.cfg
asks $not_found create no-bridge.cfg
says 'a bridge xenbr9'
sed 's/^type.*/type = "hvm"/' domain.cfg >hvm.cfg
asks $unsupported create hvm.cfg
sed 's/^memory.*/memory = 100000/; s/^maxmem.*//' domain.cfg >large.cfg
asks 19 create large.cfg
says 'MiB that are free'
sed "s|$root|$work/root.img|" domain.cfg >file.cfg
asks $unsupported create file.cfg
echo 'no kernel' >kernel
sed "s|^kernel.*|kernel = \"$work/kernel\"|" domain.cfg >no-kernel.cfg
asks 29 create no-kernel.cfg
same "$(state)" '' 'a domain with no kernel'
output=$(xenstore-ls -f / | grep -F "$id")
same "$output" '' 'what is left of it'
