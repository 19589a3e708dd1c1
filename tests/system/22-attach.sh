#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Disks and interfaces come to a running VM and go: only those of its definition, only after the
# checks of a start, and a refusal leaves everything as it was.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/common.bash"
[[ $(bulkhead status) == *simulated* ]] || skip 'plays the guest: needs the simulated hypervisor'
policy=${BULKHEAD_ETC:-/etc/bulkhead}/networks
mkdir -p "${policy%/*}"
chmod 755 "${policy%/*}"
[[ -e $policy ]] && cp "$policy" saved
restore() { if [[ -e $work/saved ]]; then cp "$work/saved" "$policy"; else rm -f "$policy"; fi; }
trap 'r=$?; restore; (exit $r); at_exit' EXIT
echo 'xenbr0 *' >"$policy"

attached() { # NAME: its devices that its domain has
        bulkhead vm show "$1" --json | python3 -c '
import json, sys
vm = json.load(sys.stdin)
print(*[d["device"] for d in vm["disks"] + vm["interfaces"] if d["attached"]])'
}

vm a
forget a
echo 'vif = [ "mac=00:16:3e:01:02:03,bridge=xenbr0" ]' >>a.cfg
expect 0 bulkhead vm define a.cfg
expect 0 bulkhead vm seal a a-seal.xml --format
same "$(attached a)" '' 'before a start'
expect 1 bulkhead vm attach a xvdb
says 'bulkhead vm start a'
expect 1 bulkhead vm detach a xvdb
expect 2 bulkhead vm attach a
expect 2 bulkhead vm attach a xvdb vif0
expect 0 bulkhead vm start a
same "$(attached a)" 'xvda xvdb vif0' 'a start attaches all'

# --- go and come ---
for d in xvda xvdb vif0; do
        expect 1 bulkhead vm attach a $d
        says 'attached already'
        expect 0 bulkhead vm detach a $d
        [[ $(attached a) != *$d* ]] || fail "$d is still there"
        expect 1 bulkhead vm detach a $d
        says 'not attached'
        expect 0 bulkhead vm show a
        says 'not attached'
        expect 0 bulkhead vm attach a $d
        [[ $(attached a) == *$d* ]] || fail "$d is not there"
done
for d in xvdc vif1 kernel; do
        expect 1 bulkhead vm attach a $d
        says 'of its definition'
        expect 1 bulkhead vm detach a $d
done

# --- a guest that does not let go keeps its disk ---
holds=$(sim_folder)/holds-$(field a uuid)
echo xvdb >"$holds"
expect 3 bulkhead vm detach a xvdb
same "$(attached a)" 'xvda xvdb vif0' 'after a guest kept its disk'
rm "$holds"

# --- measured and judged as at a start ---
expect 0 bulkhead vm detach a xvdb
expect 0 bulkhead vm detach a vif0
flip a-root.img 5000
expect 1 bulkhead vm attach a xvdb
says a-root.img
expect 1 bulkhead vm attach a vif0
says a-root.img
flip a-root.img 5000
flip vmlinuz 2
expect 1 bulkhead vm attach a xvdb
flip vmlinuz 2
same "$(attached a)" 'xvda' 'after refusals'
same "$(state_of a)" running 'state after refusals'

# --- permitted as at a start ---
echo 'other0 *' >"$policy"
expect 1 bulkhead vm attach a vif0
says 'xenbr0 vm:a'
echo 'xenbr0 *' >"$policy"
expect 0 bulkhead vm attach a vif0

# --- a disk that was given back is still its VM's: no other VM is sealed with it ---
vm b
forget b
sed 's/b-data.img/a-data.img/' b.cfg >b2.cfg
expect 0 bulkhead vm define b2.cfg
sed 's/b-data.img/a-data.img/' b-seal.xml >b2-seal.xml
expect 1 bulkhead vm seal b b2-seal.xml
says 'VM a has it, too'
expect 0 bulkhead vm attach a xvdb
expect 3 bulkhead vm seal b b2-seal.xml
says 'holds it'
forget b

# --- what is attached outlives the daemons; the next start has all ---
expect 0 bulkhead vm detach a xvda
same "$(attached a)" 'xvdb vif0' 'one is away'
expect 0 bulkhead vm stop a
expect 0 bulkhead vm start a
same "$(attached a)" 'xvda xvdb vif0' 'a start attaches all'
expect 0 bulkhead vm detach a xvdb
guest_ends a reboot
for ((i = 0; i < 100; i++)); do
        [[ $(attached a) == 'xvda xvdb vif0' ]] && break
        pause 0.1
done
same "$(attached a)" 'xvda xvdb vif0' 'so does a reboot'
expect 0 bulkhead vm stop a

# --- a seal that follows what was written cannot be judged while the VM writes ---
sealing "vm:a disk:$work/a-root.img disk:$work/a-data.img luks:$work/a-data.img" \
        'update="clean-stop"' >a-clean.xml
expect 0 bulkhead vm seal a a-clean.xml
expect 0 bulkhead vm start a
expect 0 bulkhead vm detach a xvdb
expect 1 bulkhead vm attach a xvdb
says clean-stop
expect 0 bulkhead vm stop a
expect 0 bulkhead vm start a
same "$(attached a)" 'xvda xvdb vif0' 'after all'
expect 0 bulkhead vm stop a
