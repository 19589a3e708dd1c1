#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A real guest is given a disk and an interface while it runs, and loses them: it says so itself,
# and what is mapped comes and goes with them. A refusal leaves nothing.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/../system/common.bash"
# shellcheck source=tests/xen/guest.bash
. "$(dirname "$0")/guest.bash"
# shellcheck source=tests/xen/dom0/devices.bash
. /srv/bed/dom0/devices.bash
[[ $(bulkhead status) == *'kind '*xen* ]] || skip 'the daemons have a simulated hypervisor'
policy=/etc/bulkhead/networks
[[ -w /etc ]] || skip 'the policy of networks lies in the measured root'
install -d -m 0755 "${policy%/*}"
[[ -e $policy ]] && cp "$policy" saved
leave() {
        local result=$? v
        for v in ${made[@]+"${made[@]}"}; do forget "$v"; done
        if [[ -e $work/saved ]]; then cp "$work/saved" "$policy"; else rm -f "$policy"; fi
        ip link del bednear 2>/dev/null
        (exit "$result")
        at_exit
}
trap leave EXIT
if ! { ip link add bednear type bridge && ip link set bednear up; }; then fail 'no bridge'; fi
echo 'bednear *' >"$policy"

mkdir files
echo read-only >files/data
guest_disk root.img 16 files
truncate -s 64M data.img
cp "$guest_files/vmlinux" kernel
guest_config g "$work/root.img" "$work/data.img" bed.do=watch \
        "'mac=00:16:3e:10:00:02,bridge=bednear'" |
        sed "s|^kernel = .*|kernel = \"$work/kernel\"|; s/^memory = .*/memory = 160/" >g.cfg
sealing "vm:g disk:$work/root.img luks:$work/data.img" >g-seal.xml
made+=(g)
forget g
guest_forget g
expect 0 bulkhead vm define g.cfg
expect 0 bulkhead vm seal g g-seal.xml --format
root=$(dm_of g xvda) data=$(dm_of g xvdb)
expect 0 bulkhead vm start g
guest_says g 'has disks xvda xvdb, nics eth0'
guest_says g 'reads boot 1'

attached() {
        bulkhead vm show g --json | python3 -c '
import json, sys
vm = json.load(sys.stdin)
print(*[d["device"] for d in vm["disks"] + vm["interfaces"] if d["attached"]])'
}
# As Xen, the kernel and Bulkhead have it.
has() { # "DISKS INTERFACES" ATTACHED
        same "$(xl block-list g | tail -n +2 | wc -l) $(xl network-list g | tail -n +2 |
                wc -l)" "$1" 'disks and interfaces in xl'
        same "$(attached)" "$2" 'devices in vm show'
}
mapped() { dmsetup ls | grep -o "^bulkhead-[^ 	]*" | sort | tr '\n' ' '; }
gone() { # FILE: no loop device lies on it any more
        local i
        for ((i = 0; i < 100; i++)); do
                losetup -j "$1" | grep -q . || return 0
                pause 0.1
        done
        fail "$(losetup -j "$1")"
}
all="$root $data ${data}_dif "
same "$(mapped)" "$all" 'mapped by a start'
has '2 1' 'xvda xvdb vif0'

# --- a disk goes, its key with it, and comes ---
guest_forget g
expect 0 bulkhead vm detach g xvdb
guest_says g 'has disks xvda, nics eth0'
same "$(mapped)" "$root " 'mapped without xvdb'
gone "$work/data.img"
has '1 1' 'xvda vif0'
guest_forget g
expect 0 bulkhead vm attach g xvdb
guest_says g 'has disks xvda xvdb, nics eth0'
guest_says g 'reads boot 1'
same "$(mapped)" "$all" 'mapped with xvdb'
has '2 1' 'xvda xvdb vif0'
number=$(xenstore-ls -f "/local/domain/0/backend/vbd/$(xl domid g)" |
        sed -n 's|.*/physical-device = "\(.*\)"|\1|p' | sort)
same "$number" "$(for d in "$root" "$data"; do stat -Lc '%Hr %Lr' "/dev/mapper/$d" |
        { read -r a b; printf '%x:%x\n' "$a" "$b"; }; done | sort)" 'devices by number'

# --- the image, and the interface ---
guest_forget g
expect 0 bulkhead vm detach g xvda
guest_says g 'has disks xvdb, nics eth0'
same "$(mapped)" "$data ${data}_dif " 'mapped without xvda'
expect 0 bulkhead vm attach g xvda
guest_says g 'has disks xvda xvdb, nics eth0'
same "$(mapped)" "$all" 'mapped with xvda'
guest_forget g
expect 0 bulkhead vm detach g vif0
guest_says g 'has disks xvda xvdb, nics eth\*'
[[ ! $(ls /sys/class/net/bednear/brif) ]] || fail 'its interface is still on the bridge'
has '2 0' 'xvda xvdb'
guest_forget g
expect 0 bulkhead vm attach g vif0
guest_says g 'has disks xvda xvdb, nics eth0'
[[ -e /sys/class/net/bednear/brif/vif$(xl domid g).0 ]] || fail 'its interface is not on the bridge'
same "$(xl network-list g | awk 'NR == 2 { print $3 }')" 00:16:3e:10:00:02 'its MAC address'

# --- refusals leave all as it was ---
expect 1 bulkhead vm attach g xvdb
says 'attached already'
expect 1 bulkhead vm attach g xvdc
expect 0 bulkhead vm detach g xvdb
expect 0 bulkhead vm detach g vif0
flip kernel 5000
expect 1 bulkhead vm attach g xvdb
says kernel
expect 1 bulkhead vm attach g vif0
flip kernel 5000
echo 'other0 *' >"$policy"
expect 1 bulkhead vm attach g vif0
says 'bednear vm:g'
echo 'bednear *' >"$policy"
same "$(mapped)" "$root " 'mapped after refusals'
gone "$work/data.img"
has '1 0' 'xvda'

# --- what svdm keeps, and what a domain has, outlive the daemons ---
for d in svdm compartment-mgr; do
        kill -9 "$(cat "$BULKHEAD_RUN/$d.pid")"
        answers
done
guest_forget g
expect 0 bulkhead vm attach g xvdb
guest_says g 'has disks xvda xvdb'
kill -9 "$(cat "$BULKHEAD_RUN/svdm.pid")"
answers
same "$(mapped)" "$all" 'mapped after a kill of svdm'
expect 0 bulkhead vm detach g xvdb
same "$(mapped)" "$root " 'mapped after a detach'

# --- the next start has all; nothing is left of it ---
expect 0 bulkhead vm stop g
same "$(mapped)" '' 'mapped after a stop'
guest_forget g
expect 0 bulkhead vm start g
guest_says g 'has disks xvda xvdb, nics eth0'
guest_says g 'reads boot 2'
expect 0 bulkhead vm detach g xvdb
expect 0 bulkhead vm destroy g
nothing_left 'at the end'
