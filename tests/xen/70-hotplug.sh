#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Xen's script for interfaces fails, or hangs: start and stop end in time and leave nothing. And a
# guest that writes into its part of xenstore deceives nobody about its devices.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/../system/common.bash"
# shellcheck source=tests/xen/guest.bash
. "$(dirname "$0")/guest.bash"
# shellcheck source=tests/xen/dom0/devices.bash
. /srv/bed/dom0/devices.bash
[[ $(bulkhead status) == *'kind '*xen* ]] || skip 'the daemons have a simulated hypervisor'
[[ -w /etc ]] || skip "Xen's scripts lie in the measured root"
policy=/etc/bulkhead/networks script=/etc/xen/scripts/vif-bridge
install -d -m 0755 "${policy%/*}"
[[ -e $policy ]] && cp "$policy" saved
cp -a "$script" real
leave() {
        local result=$?
        cp -a "$work/real" "$script"
        pkill -f 'sleep 98765'
        forget hooked
        if [[ -e $work/saved ]]; then cp "$work/saved" "$policy"; else rm -f "$policy"; fi
        (exit "$result")
        at_exit
}
trap leave EXIT
script_is() { # LINES: what it does instead, before the real one
        printf '#!/bin/sh\n%s\nexec %s/real "$@"\n' "$1" "$work" >"$script.new"
        chmod 0755 "$script.new"
        mv "$script.new" "$script"
}
nothing() { # WHEN
        xl domid hooked >/dev/null 2>&1 && fail "$1: its domain is left"
        nothing_left "$1"
        same "$(cd /sys/class/net/xenbr0/brif && echo vif*)" 'vif*' "$1: ports of the bridge"
        same "$(state_of hooked)" stopped "$1: its state"
}

echo 'xenbr0 *' >"$policy"
guest_disk root.img 16
guest_config hooked "$work/root.img" '' '' "'mac=00:16:3e:10:00:02,bridge=xenbr0'" >hooked.cfg
sealing "vm:hooked disk:$work/root.img" >hooked-seal.xml
made+=(hooked)
forget hooked
expect 0 bulkhead vm define hooked.cfg
expect 0 bulkhead vm seal hooked hooked-seal.xml

# --- it fails, it hangs ---
script_is 'exit 1'
expect 3 bulkhead vm start hooked
says 'vif-bridge online'
nothing 'after a script that fails'
script_is '[ "$1" = online ] && sleep 98765'
expect 3 bulkhead vm start hooked
says 'vif-bridge online'
pkill -f 'sleep 98765'
nothing 'after a script that hangs'

# --- at the end ---
script_is '[ "$1" = offline ] && sleep 98765'
guest_forget hooked
expect 0 bulkhead vm start hooked
guest_says hooked 'alive 1'
expect 0 bulkhead vm destroy hooked \
        # libxl gives up on the script; the interface goes with its domain
pkill -f 'sleep 98765'
nothing 'after a stop with a script that hangs'

# --- what a guest can write ---
cp -a real "$script"
guest_forget hooked
expect 0 bulkhead vm start hooked
guest_says hooked 'alive 1'
own=/local/domain/$(xl domid hooked)
[[ $(xenstore-ls -p "$own/device/vbd/51712") == *"(n$(xl domid hooked)"* ]] ||
        fail 'those keys are not the guest'"'"'s'
for key in backend backend-id state ring-ref; do
        xenstore-write "$own/device/vbd/51712/$key" /local/domain/0/backend/vbd/0/1
        xenstore-write "$own/device/vif/0/$key" 99999999999999999999
done
xenstore-write "$own/device/vbd/51728/backend" /local/domain/0/backend/vbd/0/1
xenstore-write "$own/device/vbd/51728/state" 4
bulkhead vm list | grep -E 'hooked +running' || fail 'it is no longer told as running'
attached() { bulkhead vm show hooked --json | grep -c '"attached":true'; }
same "$(attached)" 2 'disk and interface that are told as attached'
expect 0 bulkhead vm detach hooked vif0
same "$(cd /sys/class/net/xenbr0/brif && echo vif*)" 'vif*' 'ports of the bridge'
same "$(attached)" 1 'the disk that is told as attached'
expect 0 bulkhead vm destroy hooked
nothing 'after a guest that lied'
expect 0 bulkhead vm start hooked
expect 0 bulkhead vm destroy hooked
nothing 'at the end'
