#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A seal is cancelled while the TPM works on it, which nothing interrupts. What cancel says is what
# is so, then and after the next operation on the VM: nothing is sealed behind anybody's back.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/common.bash"

held=()
trap 'result=$?; kill -CONT "${held[@]}" 2>/dev/null; (exit "$result"); at_exit' EXIT
hold() { kill -STOP "$@" && held+=("$@"); }
let_go() { kill -CONT "$@"; }
vm late
header_of() { head -c 16M "$1" | sha256sum; }
empty=$(header_of late-data.img)
mapfile -t measure < <(ours measure_worker)
mapfile -t tpm < <(ours tpm_worker)
hold "${measure[@]}"
bulkhead vm seal late late-seal.xml --format >begun 2>&1 &
begun=$!
job_of 'seal of VM late'
a_while
hold "${tpm[@]}"
let_go "${measure[@]}"
a_while
bulkhead cancel "$number" >cancelled 2>&1 &
cancelling=$!
a_while
kill -0 "$cancelling" || fail "cancel returned while nobody knew: $(cat cancelled)"
let_go "${tpm[@]}"
wait "$cancelling"
cancelled=$?
wait "$begun"
same "$(head -c 4 cancelled)" 'job ' "what cancel says, status $cancelled"
same "$(field late generation)" 0 'the generation of a seal that was cancelled'
# What settles comes with the next operation.
bulkhead vm start late >/dev/null 2>&1 && fail 'a VM starts whose seal was cancelled'
same "$(field late generation)" 0 'the generation after the next operation'
same "$(header_of late-data.img)" "$empty" 'the header after a seal that was cancelled'

expect 0 bulkhead vm seal late late-seal.xml --format --yes
expect 0 bulkhead vm start late
expect 0 bulkhead vm stop late
