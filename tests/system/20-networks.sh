#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A VM with an interface starts only where the host's policy names it for that bridge; and a check
# that its seal asks for over the current state is judged anew at each start.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/common.bash"
policy=${BULKHEAD_ETC:-/etc/bulkhead}/networks
mkdir -p "${policy%/*}" 2>/dev/null && [[ -w ${policy%/*} ]] ||
        skip 'the policy of networks lies in the measured root'
chmod 755 "${policy%/*}"
[[ -e $policy ]] && cp "$policy" saved
restore() { if [[ -e $work/saved ]]; then cp "$work/saved" "$policy"; else rm -f "$policy"; fi; }
trap 'r=$?; restore; (exit $r); at_exit' EXIT
bridge=${BULKHEAD_GUEST_BRIDGE:-xenbr0}

vm networked
forget networked
echo "vif = [ \"mac=00:16:3e:01:02:03,bridge=$bridge\" ]" >>networked.cfg
expect 0 bulkhead vm define networked.cfg
expect 0 bulkhead vm seal networked networked-seal.xml --format
rm -f "$policy"
expect 1 bulkhead vm start networked
says 'interface vif0'
says "$bridge vm:networked"
same "$(state_of networked)" stopped 'state after a refusal'
echo "other0 *" >"$policy"
expect 1 bulkhead vm start networked
printf '%s\n' "$bridge vm:networked" 'other0' >"$policy"
expect 1 bulkhead vm start networked
says 'line 2'
echo "$bridge vm:networked" >"$policy"
expect 0 bulkhead vm start networked
expect 0 bulkhead vm stop networked

# The state of the moment: nobody else's VM may run beside this one.
one_owner() { # OWNER
        sed -n '/<xsl:stylesheet/,$p' "$top/xslt-policies/one-owner.xsl" | sed "s/'uid:1000'/'$1'/"
}
vm alone --owner tls:tenant
{
        echo '<sealing-desc><sealing type="tpm-based" key="k"><measurement-desc type="tpm">'
        for t in "vm:alone" "disk:$work/alone-root.img" "luks:$work/alone-data.img"; do
                echo "<measureTarget name=\"$t\" dest=\"PCR16\"/>"
        done
        echo '<measureTarget name="vms:all" dest="PCR16" judged="yes"/></measurement-desc>'
        echo '<predicate>'
        one_owner tls:tenant
        echo '</predicate></sealing></sealing-desc>'
} >alone-seal.xml
expect 0 bulkhead vm seal alone alone-seal.xml --format
expect 0 bulkhead vm start alone
expect 0 bulkhead vm stop alone
expect 0 bulkhead vm start networked
expect 1 bulkhead vm start alone
says "networked: 'runs here, and its owner is uid:0'"
same "$(state_of alone)" stopped 'state after a refusal'
expect 0 bulkhead vm stop networked
expect 0 bulkhead vm start alone
expect 0 bulkhead vm stop alone
