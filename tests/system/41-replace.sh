#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# vm define --replace: what was sealed opens, the new definition and the new seal count together;
# the VM's data, UUID and MAC addresses stay.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/common.bash"

starts() { # NAME
        expect 0 bulkhead vm start "$1"
        expect 0 bulkhead vm stop "$1"
}

# Not sealed: simply replaced, by the name in the file.
vm rep
uuid=$(field rep uuid)
config rep 160 >rep.cfg
echo "vif = [ 'bridge=br7' ]" >>rep.cfg
expect 0 bulkhead vm define --replace rep.cfg
same "$(field rep uuid)" "$uuid" 'UUID'
mac=$(bulkhead vm show rep --json | grep -o '"mac":"[^"]*"')
[[ $mac ]] || fail 'no MAC address'
expect 1 bulkhead vm define rep.cfg
says 'exists already'

# Sealed: memory, with the seal of the disks' passphrase never asked for.
echo secret >pass
expect 0 bulkhead vm seal rep rep-seal.xml --format --passphrase-file pass
generation=$(generation_of rep)
expect 0 bulkhead vm autostart rep
config rep 192 >rep.cfg
echo "vif = [ 'bridge=br7' ]" >>rep.cfg
expect 0 bulkhead vm define --replace rep.cfg
says_not refused
same "$(generation_of rep)" $((generation + 1)) 'generation'
same "$(field rep uuid)" "$uuid" 'UUID'
same "$(bulkhead vm show rep --json | grep -o '"mac":"[^"]*"')" "$mac" 'MAC address'
same "$(field rep autostart)" true autostart
sed -i /^vif/d rep.cfg # no bridge of this host is permitted
expect 0 bulkhead vm define --replace rep.cfg
starts rep

# A new name, another owner, another kernel, another read-only disk: the descriptor follows.
echo 'another kernel' >vmlinuz.new
[[ ${BULKHEAD_GUEST-} ]] && cp vmlinuz vmlinuz.new
head -c 1M /dev/urandom >second.img
sed "s/rep\"/rep2\"/; s,$work/vmlinuz\",$work/vmlinuz.new\",; s,rep-root.img,second.img," \
        rep.cfg >rep2.cfg
made+=(rep2)
expect 0 bulkhead vm define --replace=rep --owner uid:4711 rep2.cfg
expect 0 bulkhead vm show rep2
says uid:4711
says "$uuid"
says 'name="vm:rep2"'
says "name=\"disk:$work/second.img\""
expect 1 bulkhead vm show rep
starts rep2
echo x >>vmlinuz.new
expect 1 bulkhead vm start rep2
says kernel

# What the seal does not open is not replaced either; a passphrase opens it.
sed -i 's/memory = .*/memory = 224/' rep2.cfg
expect 1 bulkhead vm define --replace rep2.cfg
says kernel
expect 0 bulkhead vm define --replace --passphrase-file pass rep2.cfg
starts rep2
# So do the bytes of a key file, which the first line of the same file is not.
printf 'two\nlines\n' >key
expect 0 bulkhead vm passphrase add rep2 --new-key-file key
echo y >>vmlinuz.new
expect 1 bulkhead vm define --replace --passphrase-file key rep2.cfg
expect 0 bulkhead vm define --replace --key-file key rep2.cfg
starts rep2

# Disks that come and go.
sed '/xvdb/d; s/second.img",/second.img"]/' rep2.cfg >less.cfg
expect 1 bulkhead vm define --replace less.cfg
says "rep-data.img"
says 'bulkhead vm detach rep2 xvdb'
truncate -s 24M more.img
sed "s,rep-data.img\" ],rep-data.img\"\, \"$work/more.img\,raw\,xvdc\,rw\" ]," rep2.cfg >more.cfg
expect 1 bulkhead vm define --replace more.cfg
says '--passphrase-file'
# A further read-only disk has to be measured.
head -c 1M /dev/urandom >third.img
sed "s,rep-data.img\" ],rep-data.img\"\, \"$work/third.img\,raw\,xvdc\,ro\" ]," rep2.cfg >third.cfg
expect 1 bulkhead vm define --replace third.cfg
says "third.img"
sealing "vm:rep2 disk:$work/second.img disk:$work/third.img luks:$work/rep-data.img" >third.xml
expect 0 bulkhead vm define --replace third.cfg --descriptor third.xml
starts rep2

# Not while it runs; not under a name that another VM has.
expect 0 bulkhead vm start rep2
expect 1 bulkhead vm define --replace third.cfg
says 'bulkhead vm stop rep2'
expect 0 bulkhead vm stop rep2
vm other
sed 's/rep2"/other"/' third.cfg >taken.cfg
expect 1 bulkhead vm define --replace=rep2 taken.cfg
says 'another VM'
starts rep2

# Killed at any moment: the old pair or the new one, and the VM starts.
config_of() { bulkhead vm show rep2 | grep -oE '"memory":[0-9]+,"name"'; }
memory=224
kinds=(compartment-mgr integrity-mgr svdm)
delays=(0.02 0.1 0.3 0.6)
old=0 new=0
for delay in "${delays[@]}"; do
        for kind in "${kinds[@]}"; do
                memory=$((memory + 1))
                sed -i "s/memory = .*/memory = $memory/" third.cfg
                before=$(config_of)
                [[ $before ]] || fail "no configuration"
                bulkhead vm define --replace third.cfg >/dev/null 2>&1 &
                pause "$delay"
                # shellcheck disable=SC2046
                kill -9 $(ours "$kind") 2>/dev/null
                wait $!
                answers
                for ((i = 0; i < 150; i++)); do
                        output=$(bulkhead vm start rep2 2>&1) && break
                        [[ $output =~ 'is under way'|'remedy    repeat'|'cannot be reached' ]] ||
                                break
                        pause 0.2
                done
                [[ $output == *running* ]] || fail "$kind killed after $delay: $output"
                case $(config_of) in
                "$before") old=$((old + 1)) ;;
                "\"memory\":$memory,\"name\"") new=$((new + 1)) ;;
                *) fail "$kind killed after $delay: neither definition" ;;
                esac
                expect 0 bulkhead vm stop rep2
        done
done
echo "$old times the old pair, $new times the new one"
