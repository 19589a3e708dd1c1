#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A job ends by `bulkhead cancel`, or with its connection, unless it has committed; what it began is
# undone, in all daemons. Workers that are stopped keep it from its end.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/common.bash"

held=
hold() { # WORKER: all of that name, and so whoever waits for them
        held=$(ours "$1")
        # shellcheck disable=SC2086
        kill -STOP $held
}
go_on() {
        # shellcheck disable=SC2086
        [[ $held ]] && kill -CONT $held 2>/dev/null
        held=
}
trap 'result=$?; go_on; (exit "$result"); at_exit' EXIT

no_jobs() { # within ten seconds
        local i
        for ((i = 0; i < 100; i++)); do
                [[ $(bulkhead jobs) != "no jobs" ]] || return 0
                pause 0.1
        done
        fail "still under way: $(bulkhead jobs)"
}
begin() { # COMMAND...: in the background; what it says goes to the file begun
        "$@" >begun 2>&1 &
        begun=$!
}
ended() { # STATUS
        local result
        wait "$begun"
        result=$?
        cat begun
        ((result == $1)) || fail "what was begun ended with $result instead of $1"
}
mapped() { ls /dev/mapper "$BULKHEAD_STATE/svdm" 2>/dev/null; }

vm cancelled

# A seal: header and VM are as they were, and the disk that was filled is named.
header_of() { head -c 16M "$1" | sha256sum; }
before=$(header_of cancelled-data.img)
hold measure_worker
begin bulkhead vm seal cancelled cancelled-seal.xml --format --no-recovery
job_of 'seal of VM cancelled'
pause 2 # until it is measured
expect 0 bulkhead cancel "$number"
says "job $number, seal of VM cancelled, is cancelled; nothing is sealed; --format has overwritten"
go_on
ended 3
grep -q 'it was cancelled' begun || fail 'the seal does not say that it was cancelled'
same "$(header_of cancelled-data.img)" "$before" 'the header after a seal that was cancelled'
same "$(state_of cancelled)" stopped 'the state'
same "$(generation_of cancelled)" 0 'the generation'
expect 0 bulkhead vm seal cancelled cancelled-seal.xml --format --yes --no-recovery

# A start, by `cancel` and with its connection: nothing is left mapped, and it is no refusal.
before=$(mapped)
for way in cancel TERM KILL; do
        hold measure_worker
        begin bulkhead vm start cancelled
        job_of 'start of VM cancelled'
        if [[ $way == cancel ]]; then
                expect 0 bulkhead cancel "$number" --quiet
                same "$output" '' 'what --quiet says'
        else
                kill -"$way" "$begun"
        fi
        no_jobs # while what measures is still held
        go_on
        wait "$begun"
        becomes cancelled stopped
        same "$(mapped)" "$before" "what is mapped after $way"
        same "$(field cancelled last_refusal)" '' 'the last refusal'
done
expect 0 bulkhead vm start cancelled

# Hibernation: the guest runs on. An image is left of none.
hold measure_worker
begin bulkhead vm hibernate cancelled
job_of 'hibernate of VM cancelled'
expect 0 bulkhead cancel "$number"
go_on
ended 3
same "$(state_of cancelled)" running 'the state'
expect 0 bulkhead vm hibernate cancelled
expect 0 bulkhead vm start cancelled

# An attestation is a job, too.
hold measure_worker
begin bulkhead attest cancelled-attest.xml -o evidence.xml
job_of 'attestation, for'
expect 0 bulkhead cancel "$number" --json
says attestation
python3 -m json.tool <<<"$output" >/dev/null || fail 'no JSON'
go_on
ended 3

# What is over is not found; what has committed says so, and does not end with its connection.
expect 1 bulkhead cancel "$number"
says 'not found'
expect 2 bulkhead cancel one
expect 2 bulkhead cancel
hold domain_worker
begin bulkhead vm stop cancelled
number=$((number + 1))
for ((i = 0; i < 100; i++)); do
        bulkhead cancel "$number" >refusal 2>&1
        grep -q 'not found' refusal || break
        pause 0.1
done
grep -q 'stop cannot be undone: it goes on to its end' refusal || fail "$(cat refusal)"
kill -KILL "$begun"
wait "$begun"
go_on
becomes cancelled stopped

# A change of passphrases, or of the definition: headers and definition are as they were.
echo 'a passphrase' >passphrase
before=$(sha256sum cancelled-data.img)
config cancelled 96 >less.cfg
for command in 'passphrase add cancelled --new-passphrase-file passphrase' \
        'define --replace less.cfg'; do
        hold measure_worker
        # shellcheck disable=SC2086
        begin bulkhead vm $command
        job_of 'of VM cancelled'
        expect 0 bulkhead cancel "$number"
        go_on
        ended 3
        same "$(sha256sum cancelled-data.img)" "$before" "the disk after $command"
        same "$(generation_of cancelled)" 1 'the generation'
done
expect 0 bulkhead vm passphrase add cancelled --new-passphrase-file passphrase
expect 0 bulkhead vm define --replace less.cfg
expect 0 bulkhead vm start cancelled
expect 0 bulkhead vm stop cancelled
