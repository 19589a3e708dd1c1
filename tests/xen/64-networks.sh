#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A guest is on the bridge that its definition and the host's policy name, and on no other: somebody
# on each bridge is asked. Where it may not be, or a check of its interface says no, nothing is
# built.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/../system/common.bash"
# shellcheck source=tests/xen/guest.bash
. "$(dirname "$0")/guest.bash"
[[ $(bulkhead status) == *'kind '*xen* ]] || skip 'the daemons have a simulated hypervisor'
policy=/etc/bulkhead/networks
[[ -w /etc ]] || skip 'the policy of networks lies in the measured root'
install -d -m 0755 "${policy%/*}"
[[ -e $policy ]] && cp "$policy" saved
restore() {
        if [[ -e $work/saved ]]; then cp "$work/saved" "$policy"; else rm -f "$policy"; fi
        ip netns del near 2>/dev/null
        ip netns del far 2>/dev/null
        ip link del bednear 2>/dev/null
        ip link del bedfar 2>/dev/null
}
leave() {
        local result=$? v
        for v in ${made[@]+"${made[@]}"}; do forget "$v"; done # off their bridges
        restore
        (exit "$result")
        at_exit
}
trap leave EXIT

# Two bridges, with somebody on each, in one and the same network of addresses.
side() { # NAME ADDRESS
        ip link add "bed$1" type bridge && ip link set "bed$1" up && ip netns add "$1" &&
                ip link add "$1-a" type veth peer name "$1-b" &&
                ip link set "$1-a" master "bed$1" up &&
                ip link set "$1-b" netns "$1" && ip -n "$1" addr add "$2/24" dev "$1-b" &&
                ip -n "$1" link set "$1-b" up
}
modprobe veth
side near 10.67.0.1 || fail 'no bridge bednear'
side far 10.67.0.2 || fail 'no bridge bedfar'
ports() { (cd "/sys/class/net/$1/brif" && echo vif*); }
nothing_left() {
        xl domid "$1" >/dev/null 2>&1 && fail 'its domain is left'
        same "$(ports bednear) $(ports bedfar)" 'vif* vif*' 'ports of the bridges'
        same "$(state_of "$1")" stopped 'its state'
}
guest() { # NAME BRIDGE [MAC]
        guest_config "$1" '' '' \
                "bed.ip=10.67.0.9/24 bed.do=ping:10.67.0.1,ping:10.67.0.1,ping:10.67.0.2,idle" \
                "'mac=${3:-00:16:3e:10:00:01},bridge=$2'" >"$1.cfg"
        sealing "vm:$1" >"$1-seal.xml"
        made+=("$1")
        forget "$1"
        guest_forget "$1"
        expect 0 bulkhead vm define "$1.cfg"
}

# Not permitted: no file, then a file for the other one; a bridge that is not there.
guest linked bednear
expect 0 bulkhead vm seal linked linked-seal.xml
rm -f "$policy"
expect 1 bulkhead vm start linked
says 'bednear vm:linked'
nothing_left linked
echo 'bedfar *' >"$policy"
expect 1 bulkhead vm start linked
nothing_left linked
printf '%s\n' 'bednear vm:linked' 'bedgone *' >"$policy"
guest lost bedgone 00:16:3e:10:00:03
expect 0 bulkhead vm seal lost lost-seal.xml
expect 1 bulkhead vm start lost
says 'bridge bedgone'
says 'ip link add bedgone type bridge'
nothing_left lost

# Permitted: it is there, and only there.
expect 0 bulkhead vm start linked
domid=$(xl domid linked)
same "$(ports bednear)" "vif$domid.0" 'ports of its bridge'
same "$(ports bedfar)" 'vif*' 'ports of the other bridge'
same "$(xenstore-read "/local/domain/0/backend/vif/$domid/0/bridge")" bednear \
        'the bridge in the store'
same "$(xenstore-read "/local/domain/0/backend/vif/$domid/0/mac")" 00:16:3e:10:00:01 \
        'the MAC in the store'
guest_says linked '10.67.0.1 answers'
guest_says linked '10.67.0.2 is silent'
expect 0 bulkhead vm stop linked --timeout 60
nothing_left linked

# A check of the interface comes after the disks are unlocked: they are given back.
vm checked
forget checked
echo "vif = [ 'mac=00:16:3e:10:00:02,bridge=bednear' ]" >>checked.cfg
expect 0 bulkhead vm define checked.cfg
echo 'bednear vm:linked vm:checked' >"$policy"
sed -n '/<xsl:stylesheet/,$p' "$top/xslt-policies/one-owner.xsl" |
        sed "s/'uid:1000'/'uid:0'/" >sheet
{
        sed 's|</sealing></sealing-desc>||' checked-seal.xml
        echo "<deviceCheck device=\"vif0\">$(cat sheet)</deviceCheck></sealing></sealing-desc>"
} >checks.xml
expect 0 bulkhead vm seal checked checks.xml --format
guest_config theirs '' '' >theirs.cfg
expect 0 xl create theirs.cfg
before=$(dmsetup ls | sort; losetup --list --noheadings --output BACK-FILE | sort)
bulkhead vm start checked >out 2>&1
result=$?
after=$(dmsetup ls | sort; losetup --list --noheadings --output BACK-FILE | sort)
xl destroy theirs
same "$result" 1 'the start beside another VM'
output=$(cat out)
says 'device vif0, check number 1'
says "theirs: 'runs here, started by others"
nothing_left checked
guest_gone theirs
same "$after" "$before" 'mapped and loop devices'

# The state that a check is given is Xen's own: others' guests are seen.
{
        sed 's|</sealing></sealing-desc>||' linked-seal.xml
        echo "<deviceCheck device=\"*\">$(cat sheet)</deviceCheck></sealing></sealing-desc>"
} >alone.xml
expect 0 bulkhead vm seal linked alone.xml
expect 0 bulkhead vm start linked
expect 0 bulkhead vm destroy linked
expect 0 xl create theirs.cfg
bulkhead vm start linked >out 2>&1
result=$?
xl destroy theirs
same "$result" 1 'the start beside another VM'
output=$(cat out)
says 'device vif0, check number 1'
says "theirs: 'runs here, started by others"
nothing_left linked
guest_gone theirs
expect 0 bulkhead vm start linked
expect 0 bulkhead vm destroy linked
nothing_left linked
