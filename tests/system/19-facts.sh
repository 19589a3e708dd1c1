#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What is attested of a VM, of the hypervisor and of all VMs, and by whom.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/common.bash"

kind=$(bulkhead status | grep -q simulated && echo sim || echo xen)
vm facts
attesting PCR16 vm:facts "hypervisor:$kind" vms:all vms:own >facts.xml
expect 0 bulkhead attest facts.xml -o evidence.xml --trust "$trust"
[[ $(cat evidence.xml) == *"sha256:$(sha256sum vmlinuz | cut -d' ' -f1)"* ]] ||
        fail 'the kernel is not in the evidence'
for t in '<value name="memory">128<' '<value name="kind">'$kind'<' 'type="vms-vm"' \
        '<value name="free-memory">'; do
        grep -q -- "$t" evidence.xml || fail "the evidence has no $t"
done
c=$(sed -n 's/^challenge *//p' <<<"$output")
expect 0 bulkhead verify evidence.xml --trust "$trust" --descriptor facts.xml --challenge "$c"

for t in vm:nobody hypervisor:other vms:some; do
        attesting PCR16 "$t" >bad.xml
        expect 1 bulkhead attest bad.xml -o bad-evidence.xml --trust "$trust"
        says "${t#*:}"
done
expect 1 bulkhead measure vm:facts
says 'compartment-mgr'
expect 1 bulkhead measure "vm:$work/facts.cfg"
says 'compartment-mgr'
# A seal to the hypervisor opens. vms:own is for attestations, so a seal with it is refused.
sealing "vm:facts disk:$work/facts-root.img luks:$work/facts-data.img hypervisor:$kind" \
        >facts-seal.xml
expect 0 bulkhead vm seal facts facts-seal.xml --format
# What is attested of a VM keeps nothing of it: not from the next attestation, not from a start.
attesting PCR16 vm:facts >facts-of-vm.xml
expect 0 bulkhead attest facts-of-vm.xml -o evidence.xml --trust "$trust"
expect 0 bulkhead attest facts-of-vm.xml -o evidence.xml --trust "$trust"
expect 0 bulkhead vm start facts
expect 0 bulkhead attest facts-of-vm.xml -o running.xml --trust "$trust"
[[ $(cat running.xml) == *"sha256:$(sha256sum vmlinuz | cut -d' ' -f1)"* ]] ||
        fail 'the kernel of a VM that runs is not in the evidence'
expect 0 bulkhead vm stop facts
sealing "vm:facts disk:$work/facts-root.img luks:$work/facts-data.img vms:own" >facts-seal.xml
expect 1 bulkhead vm seal facts facts-seal.xml
says vms:all
