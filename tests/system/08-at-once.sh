#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Requests for the one PCR 16 (and 23, and the log) at once all get right answers.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/common.bash"

n=8
for ((i = 0; i < n; i++)); do
        head -c $((100000 + i)) /dev/urandom >"$i.img"
        case $((i % 4)) in 2) dest=PCR23 ;; 3) dest=LOG ;; *) dest=PCR16 ;; esac
        attesting "$dest" "disk:$work/$i.img" >"$i.xml"
        openssl rand -hex 32 >"$i.challenge"
done
for ((i = 0; i < n; i++)); do
        bulkhead attest "$i.xml" -o "$i-evidence.xml" --challenge "$(cat "$i.challenge")" \
                --trust "$trust" >"$i.out" 2>&1 &
done
wait
for ((i = 0; i < n; i++)); do
        cat "$i.out"
        expect 0 bulkhead verify "$i-evidence.xml" --trust "$trust" \
                --challenge "$(cat "$i.challenge")"
        grep -q "sha256:$(sha256sum "$i.img" | cut -d' ' -f1)" "$i-evidence.xml" ||
                fail "the disk of request $i"
done
# Evidence for one challenge does not answer another one.
expect 1 bulkhead verify 0-evidence.xml --trust "$trust" --challenge "$(cat 1.challenge)"
