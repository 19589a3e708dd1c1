#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Real guests under Bulkhead: a sealed start, and what follows when a guest shuts down, reboots,
# crashes, is ended by xl, or when compartment-mgr or xenstored were away meanwhile.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/../system/common.bash"
# shellcheck source=tests/xen/guest.bash
. "$(dirname "$0")/guest.bash"
[[ $(bulkhead status) == *'kind '*xen* ]] || skip 'the daemons have a simulated hypervisor'

# guest NAME [COMMANDS [LINE]]: without disks, sealed to its kernel, ramdisk and configuration.
guest() {
        { guest_config "$1" '' '' "${2:+bed.do=$2}"; [[ ! ${3-} ]] || echo "$3"; } >"$1.cfg"
        [[ ! ${3-} ]] || sed -i "0,/^${3%% *} /{/^${3%% *} /d}" "$1.cfg"
        sealing "vm:$1" >"$1-seal.xml"
        made+=("$1")
        forget "$1"
        guest_forget "$1"
        expect 0 bulkhead vm define "$1.cfg"
        expect 0 bulkhead vm seal "$1" "$1-seal.xml"
}
within() { # SECONDS COMMAND...: until it succeeds
        local seconds=$1 until=$((SECONDS + 3 * $1))
        shift
        while ((SECONDS < until)); do
                "$@" && return 0
                pause 0.2
        done
        bulkhead vm list
        fail "not within $((3 * seconds)) s: $*"
}
is() { [[ $(state_of "$1") == "$2" ]]; }
no_domain() { ! xl domid "$1" >/dev/null 2>&1; }

# It runs, and the list is what xl says.
guest idle idle
expect 0 bulkhead vm start idle
guest_says idle 'guest idle: idle'
same "$(field idle domid)" "$(xl domid idle)" domid
same "$(($(field idle memory) >> 20))" "$(xl list idle | awk 'NR == 2 { print $3 }')" memory

# compartment-mgr killed: it takes the guest over, running or suspended.
expect 0 bulkhead vm suspend idle
kill -9 "$(cat "$BULKHEAD_RUN/compartment-mgr.pid")"
answers
within 30 is idle suspended
expect 0 bulkhead vm resume idle
guest_forget idle
guest_says idle 'alive'
kill -9 "$(cat "$BULKHEAD_RUN/compartment-mgr.pid")"
answers
within 30 is idle running

# Ended by xl behind Bulkhead's back; then by the guest's own wish.
xl destroy idle
within 30 is idle stopped
expect 0 bulkhead vm start idle
guest_forget idle
guest_says idle 'alive'
xl shutdown idle
within 60 is idle stopped
no_domain idle || fail 'its domain is left'

# It reboots: cleared away, measured and started again. (Whether that is too fast is a matter of how
# fast the bed is: the unit tests ask.)
guest loop reboot
expect 0 bulkhead vm start loop
twice() { (($(guest_said loop | grep -c 'ends: reboot') >= 2)); }
within 180 twice
ended() { bulkhead vm destroy loop; } # busy while it is just being started again
within 60 ended
no_domain loop || fail 'its domain is left'

guest crashes crash 'on_crash = "preserve"'
expect 0 bulkhead vm start crashes
within 60 is crashes preserved
expect 0 xl domid crashes
expect 0 bulkhead vm destroy crashes
no_domain crashes || fail 'its domain is left'

# Its kernel is another: refused, by name, and no domain is left.
cp "$guest_files/vmlinux" kernel
sed "s|^kernel.*|kernel = \"$work/kernel\"|; s/idle/other/g" idle.cfg >other.cfg
made+=(other)
forget other
expect 0 bulkhead vm define other.cfg
sealing vm:other >other-seal.xml
expect 0 bulkhead vm seal other other-seal.xml
flip kernel 4097
expect 1 bulkhead vm start other
says 'vm:other (kernel)'
no_domain other || fail 'its domain is left'
flip kernel 4097
guest_forget other
expect 0 bulkhead vm start other
guest_says other 'guest other: idle'
expect 0 bulkhead vm stop other --timeout 60
says_not 'no clean stop'

# Started by others: listed, and left alone.
guest_config theirs '' '' >theirs.cfg
expect 0 xl create theirs.cfg
trap 'r=$?; xl destroy theirs 2>/dev/null; (exit $r); at_exit' EXIT
expect 0 bulkhead vm list
[[ $output =~ theirs\ .*foreign ]] || fail 'it is not listed as foreign'
expect 1 bulkhead vm destroy theirs
says 'foreign domain'
expect 0 xl domid theirs
xl destroy theirs

# One that took the UUID of ours.
uuid=$(field other uuid)
{ guest_config theirs '' ''; echo "uuid = \"$uuid\""; } >theirs.cfg
expect 0 xl create theirs.cfg
expect 1 bulkhead vm start other
says 'foreign domain'
expect 0 bulkhead vm destroy other
expect 0 xl domid theirs
xl destroy theirs

# The facts are the hypervisor's own.
attesting PCR16 hypervisor:xen vm:idle vms:all >facts.xml
expect 0 bulkhead attest facts.xml -o evidence.xml --trust "$trust"
for f in xen_version build_id xen_commandline; do
        value=$(xl info | sed -n "s/^$f *: //p" | sed 's/ *$//')
        [[ $value ]] || continue
        grep -qF -- "$value" evidence.xml || fail "the evidence does not say $f: $value"
done
