#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# No two VMs have one MAC address, however it is written: vm define refuses it, --check says so.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/common.bash"

nic() { # NAME MAC
        config "$1" 64
        echo "vif = [ \"mac=$2,bridge=br0\" ]"
}
vm wired
forget wired
nic wired 00:16:3e:81:ab:cd >wired.cfg
cp wired-root.img twin-root.img
cp wired-data.img twin-data.img
nic twin 00:16:3E:81:AB:CD >twin.cfg
nic other 00:16:3e:81:ab:ce >other.cfg

# Of files that are checked together, without a daemon; and of the VMs that there are.
expect 1 env BULKHEAD_RUN="$work/none" bulkhead vm define --check wired.cfg twin.cfg other.cfg
says "twin.cfg:"
says "'00:16:3e:81:ab:cd', which wired.cfg has"
same "$(grep -c ': good: ' <<<"$output")" 2 'good files'
expect 0 bulkhead vm define wired.cfg
made+=(twin)
expect 0 bulkhead vm define --check wired.cfg # it would replace that VM
expect 1 bulkhead vm define --check twin.cfg
says "'00:16:3e:81:ab:cd', which VM wired has"
grep -qE '^twin.cfg:[0-9]+:1: wrong: vif mac$' <<<"$output" || fail 'no line of vif'

expect 1 bulkhead vm define twin.cfg
says 'interface vif0 of VM twin'
says "'00:16:3e:81:ab:cd', which vif0 of VM wired has"
expect 1 bulkhead vm define wired.cfg
says_not 'MAC' # the name is what is wrong

# A definition that is replaced keeps its own address, and gets no other VM's.
sed 's/,*mac=[^,]*,//' twin.cfg >fresh.cfg
expect 0 bulkhead vm define fresh.cfg
expect 0 bulkhead vm define --replace wired.cfg
expect 1 bulkhead vm define --replace twin.cfg
says "which vif0 of VM wired has"
sed -i s/ab:cd/ab:ce/ wired.cfg
expect 0 bulkhead vm define --replace wired.cfg
expect 0 bulkhead vm define --replace twin.cfg
