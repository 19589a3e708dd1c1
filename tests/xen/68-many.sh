#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Ten sealed guests started at once all come up; many rounds of start and stop leave nothing behind:
# no domain, mapped device, loop device, key, mark or file, no descriptor, TPM handle or memory.
# ROUNDS: how many (20; fewer on a slow machine).
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/../system/common.bash"
# shellcheck source=tests/xen/guest.bash
. "$(dirname "$0")/guest.bash"
# shellcheck source=tests/xen/dom0/devices.bash
. /srv/bed/dom0/devices.bash
[[ $(bulkhead status) == *'kind '*xen* ]] || skip 'the daemons have a simulated hypervisor'
rounds=${ROUNDS:-$(rounds 20 5)}

mkdir files
echo read-only >files/data
guest_disk root.img 8 files
guest() { # NAME
        truncate -s 24M "$1.img"
        guest_config "$1" "$work/root.img" "$work/$1.img" >"$1.cfg"
        sealing "vm:$1 disk:$work/root.img luks:$work/$1.img" >"$1-seal.xml"
        made+=("$1")
        forget "$1"
        guest_forget "$1"
        bulkhead vm define "$1.cfg" >/dev/null || fail "define $1"
        bulkhead vm seal "$1" "$1-seal.xml" --format >/dev/null || fail "seal $1"
}
# Everything of a host that a VM may leave something in, a line each.
traces() {
        xl list | awk 'NR > 1 && $2 != 0 { print "domain", $1 }'
        what_is_left
        xenstore-ls -f /local/domain/0/bulkhead 2>/dev/null | grep -v '^/local/domain/0/bulkhead = '
        find /sys/bus/xen-backend/devices -mindepth 1 -printf 'back end %f\n'
        find /var/lib/bulkhead/svdm -name 'held-*' -o -name 'memory-*'
        find /var/lib/bulkhead/compartment-mgr/vms -name 'domain-*'
        return 0
}
no_traces() { # WHEN: the kernel lets go a moment later
        local i left
        for ((i = 0; i < 100; i++)); do
                left=$(traces)
                [[ $left ]] || return 0
                pause 0.1
        done
        fail "$1: left behind: $left"
}
warm() { # the daemons and what lives as long as they do: PIDs
        local d w
        for d in compartment-mgr integrity-mgr svdm; do
                d=$(cat "$BULKHEAD_RUN/$d.pid")
                echo "$d"
                for w in $(pgrep -P "$d"); do echo "$w"; done
        done
}
processes() { warm | xargs -I{} cat /proc/{}/comm | sort | uniq -c | xargs; }
descriptors() { for p in $(warm); do ls "/proc/$p/fd"; done | wc -l; }
resident() { for p in $(warm); do awk '/^VmRSS/ { print $2 }' "/proc/$p/status"; done |
        awk '{ n += $1 } END { print n }'; }
handles() { # of the TPM: the resource manager shows to each only its own, so this one goes past it
        tpm2_getcap -T device:/dev/tpm0 handles-transient handles-loaded-session \
                handles-saved-session 2>&1 | grep -c 0x
}

no_traces 'before'

# --- rounds ---
guest one
once() {
        bulkhead vm start one >said 2>&1 || fail "start: $(cat said)"
        bulkhead vm destroy one >said 2>&1 || fail "destroy: $(cat said)"
}
once
once
once
no_traces 'after the first rounds'
before="$(processes), $(descriptors) descriptors, $(handles) TPM handles" kib=$(resident)
for ((i = 0; i < rounds; i++)); do once; done
no_traces "after $rounds rounds"
after="$(processes), $(descriptors) descriptors, $(handles) TPM handles" kib_now=$(resident)
echo "$rounds rounds: $after; resident KiB $kib, then $kib_now"
same "$after" "$before" 'what the daemons have'
((kib_now <= kib + 2048)) || fail "memory: $kib KiB, after $rounds rounds $kib_now"

# --- ten at once: Dom0 comes before the guests, as docs/operations.md has it ---
expect 0 xl sched-credit2 -d 0 -w 4096
names=(one)
for ((i = 2; i <= 10; i++)); do
        guest "g$i"
        names+=("g$i")
done
guest_forget one
begun=$SECONDS
for n in "${names[@]}"; do
        bulkhead vm start "$n" >"said-$n" 2>&1 &
done
wait
for n in "${names[@]}"; do
        [[ $(state_of "$n") == running ]] || fail "$n: $(cat "said-$n")"
done
for n in "${names[@]}"; do guest_says "$n" 'mounted its disk xvdb' 300; done
echo "ten guests have mounted their encrypted disks after $((SECONDS - begun)) s"
for n in "${names[@]}"; do bulkhead vm destroy "$n" >/dev/null & done
wait
no_traces 'after ten guests'
