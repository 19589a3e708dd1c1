#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The checks that a seal asks for before a device is opened: judged over the current state at each
# start, for each device, and nothing is left where one refuses.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/common.bash"
policy=${BULKHEAD_ETC:-/etc/bulkhead}/networks
install -d -m 0755 "${policy%/*}" 2>/dev/null
[[ -w ${policy%/*} ]] || skip 'the policy of networks lies in the measured root'
[[ -e $policy ]] && cp "$policy" saved
restore() { if [[ -e $work/saved ]]; then cp "$work/saved" "$policy"; else rm -f "$policy"; fi; }
leave() {
        local result=$?
        restore
        (exit "$result")
        at_exit
}
trap leave EXIT
bridge=${BULKHEAD_GUEST_BRIDGE:-xenbr0}
echo "$bridge owner:tls:tenant" >"$policy"

predicate() { # NAME FROM TO: a ready-made one, a value of it changed
        sed -n '/<xsl:stylesheet/,$p' "$top/xslt-policies/$1.xsl" | sed "s/'$2'/'$3'/"
}
sealing_with() { # CHECKS
        sealing "vm:guarded disk:$work/guarded-root.img luks:$work/guarded-data.img" |
                sed "s|</sealing></sealing-desc>||"
        printf '%s</sealing></sealing-desc>\n' "$1"
}

vm guarded --owner tls:tenant
forget guarded
echo "vif = [ \"mac=00:16:3e:01:02:04,bridge=$bridge\" ]" >>guarded.cfg
expect 0 bulkhead vm define guarded.cfg --owner tls:tenant
sealing_with '<deviceCheck device="vif7" ref="vm-runs"/>' >missing.xml
expect 1 bulkhead vm seal guarded missing.xml --format
says vif7
sealing_with '<deviceCheck device="vif0" ref="no-such"/>' >missing.xml
expect 1 bulkhead vm seal guarded missing.xml --format
says no-such
firewall_runs=$(predicate vm-runs uid:1000 tls:tenant | sed "s/'firewall01'/'firewall'/")
sealing_with "<deviceCheck device=\"*\">$(predicate one-owner uid:1000 tls:tenant)</deviceCheck>$(
        )<deviceCheck device=\"vif0\">$firewall_runs</deviceCheck>" >guarded-seal.xml
# A check that does not hold now would refuse the next start: so it is not sealed.
expect 1 bulkhead vm seal guarded guarded-seal.xml --format
says 'device vif0, check number 2'
says "firewall: 'is no VM of this host'"
vm firewall --owner tls:tenant
expect 0 bulkhead vm seal firewall firewall-seal.xml --format
expect 0 bulkhead vm start firewall
expect 0 bulkhead vm seal guarded guarded-seal.xml --format
expect 0 bulkhead vm stop firewall

# The interface waits for the firewall; the disks do not.
expect 1 bulkhead vm start guarded
says 'device vif0, check number 2'
says "firewall: 'does not run: stopped'"
same "$(state_of guarded)" stopped 'state after a refusal'
expect 0 bulkhead vm start firewall
expect 0 bulkhead vm start guarded

# An interface that comes back is checked as at a start: policy, check, state of the moment.
expect 0 bulkhead vm detach guarded vif0
expect 0 bulkhead vm stop firewall
expect 1 bulkhead vm attach guarded vif0
says 'device vif0, check number 2'
says "firewall: 'does not run: stopped'"
expect 0 bulkhead vm start firewall
echo "$bridge vm:firewall" >"$policy"
expect 1 bulkhead vm attach guarded vif0
says "$bridge vm:guarded"
echo "$bridge owner:tls:tenant" >"$policy"
expect 0 bulkhead vm attach guarded vif0
same "$(state_of guarded)" running 'state after a refused attach, and a permitted one'
expect 0 bulkhead vm stop guarded

# Somebody else's VM: no device of this one is opened, and no new seal leads past that.
vm intruder --owner tls:somebody
expect 0 bulkhead vm seal intruder intruder-seal.xml --format
expect 0 bulkhead vm start intruder
expect 1 bulkhead vm start guarded
says 'device xvda, check number 1'
says "intruder: 'runs here, and its owner is tls:somebody'"
expect 1 bulkhead vm seal guarded guarded-seal.xml
says 'device xvda, check number 1'
sealing_with '' >unchecked.xml
expect 1 bulkhead vm seal guarded unchecked.xml
says 'device xvda, check number 1'
same "$(generation_of guarded)" 1 'the generation after a refused seal'
expect 0 bulkhead vm stop intruder
expect 0 bulkhead vm start guarded
expect 0 bulkhead vm stop guarded
expect 0 bulkhead vm stop firewall

# Sealed again while the checks agree, without them.
expect 0 bulkhead vm start firewall
expect 0 bulkhead vm seal guarded unchecked.xml
expect 0 bulkhead vm stop firewall
expect 0 bulkhead vm start guarded
expect 0 bulkhead vm stop guarded
