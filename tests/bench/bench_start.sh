#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A sealed start beside `xl create` of the same guest, on a real Dom0 with the bed's files: medians
# of PAIRS (5) in which the two take turns, and their ratio. The ratio is also given without the
# time that sha256sum needs for what a seal measures: kernel, ramdisk and image. In the bed:
#   tests/xen/live run -t 900 "$(cat tests/bench/bench_start.sh)"
set -euo pipefail
export BULKHEAD_RUN=${BULKHEAD_RUN:-/run/bulkhead}
work=$(mktemp -d "${TMPDIR:-/var/tmp}/bench-start.XXXXXX")
loops=()
at_end() {
        bulkhead vm destroy bench >/dev/null 2>&1 || true
        bulkhead vm undefine --forget-key bench >/dev/null 2>&1 || true
        xl destroy bench >/dev/null 2>&1 || true
        ((${#loops[@]} == 0)) || losetup -d "${loops[@]}"
        rm -rf "$work"
}
trap at_end EXIT
cd "$work"
fail() { echo "bench_start: $*" >&2; exit 1; }
# shellcheck source=tests/xen/guest.bash
. /srv/bed/tests/xen/guest.bash

ms() { # COMMAND...
        local begun
        begun=$(date +%s%N)
        "$@" >out 2>&1 || { cat out; fail "$* failed"; }
        echo $((($(date +%s%N) - begun) / 1000000))
}
median() { sort -n "$1" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

mkdir files && head -c 1M /dev/urandom >files/data
guest_disk root.img 8 files
truncate -s 64M sealed.img
guest_config bench "$work/root.img" "$work/sealed.img" >bench.cfg
cat >seal.xml <<END
<sealing-desc><sealing type="tpm-based" key="k"><measurement-desc type="tpm">
<measureTarget name="vm:bench" dest="PCR16"/>
<measureTarget name="disk:$work/root.img" dest="PCR16"/>
<measureTarget name="luks:$work/sealed.img" dest="PCR16"/>
</measurement-desc></sealing></sealing-desc>
END
bulkhead vm define bench.cfg >/dev/null
bulkhead vm seal bench seal.xml --format >/dev/null
guest_disk plain.img 64
loops=("$(losetup -rf --show root.img)")
loops+=("$(losetup -f --show plain.img)")
guest_config bench "${loops[0]}" "${loops[1]}" >plain.cfg

for ((i = 0; i < ${PAIRS:-5}; i++)); do
        ms bulkhead vm start bench >>sealed
        bulkhead vm destroy bench >/dev/null
        ms xl create plain.cfg >>plain
        xl destroy bench
        ms sha256sum /srv/bed/guest/vmlinux /srv/bed/guest/initrd root.img >>hashed
        echo \
                "pair $((i + 1)): sealed start $(tail -n 1 sealed) ms, xl create $(tail -n 1 \
                plain) ms, sha256sum $(tail -n 1 hashed) ms"
done
echo "$(median sealed) $(median plain) $(median hashed)" | awk '{
        printf "medians: sealed start %d ms, xl create %d ms: ratio %.2f\n", $1, $2, $1 / $2
        printf "without %d ms of hashing: ratio %.2f\n", $3, ($1 - $3) / $2 }'
