#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `vm seal --format` is cancelled, or fails, before and after it has begun to fill the disk: what is
# said is so. Workers that are stopped hold it at either side.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/common.bash"

command -v python3 >/dev/null || skip 'python3 is missing'
held=()
trap 'result=$?; kill -CONT "${held[@]}" 2>/dev/null; (exit "$result"); at_exit' EXIT
hold() { # WORKER: all of that name
        mapfile -t held < <(ours "$1")
        kill -STOP "${held[@]}"
}
go_on() { kill -CONT "${held[@]}" 2>/dev/null; held=(); }
fresh() { # the disk, with something in it that nobody knows: it is looked at
        rm -f written-data.img
        printf 'something' >written-data.img
        truncate -s 24M written-data.img
}
image() { sha256sum <written-data.img; }
head_of() { head -c 16M written-data.img | sha256sum; }
cat >interrupt.py <<'EOP'
import os, signal, subprocess, sys, time

# The first Ctrl-C once there is a job and the file go, the others a second after each other.
signal.signal(signal.SIGINT, signal.default_int_handler)
p = subprocess.Popen(sys.argv[2:], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
for _ in range(100):
    jobs = subprocess.run(["bulkhead", "jobs"], capture_output=True).stdout
    if os.path.exists("go") and b"seal of VM" in jobs:
        break
    time.sleep(0.1)
time.sleep(10 if os.environ.get("BULKHEAD_SLOW") else 1)
for _ in range(int(sys.argv[1])):
    if p.poll() is None:
        p.send_signal(signal.SIGINT)
    time.sleep(1)
print("left" if p.poll() is not None else "waits")
print(p.communicate(timeout=90)[0].decode() + "ended with", p.returncode)
EOP

vm written
fresh
blank=$(image)
header=$(head_of)

# Before the first write: the content worker says what lies there, and is held.
hold content_worker
bulkhead vm seal written written-seal.xml --format --yes >begun 2>&1 &
begun=$!
job_of 'seal of VM written'
a_while
expect 0 bulkhead cancel "$number"
says "job $number, seal of VM written, is cancelled; what it began is undone"
go_on
wait "$begun"
same "$(image)" "$blank" 'the disk of a seal that was cancelled before it wrote'
grep -q 'it was cancelled' begun || fail "$(cat begun)"
grep -qE 'overwritten|recovery  |all the same' begun && fail "$(cat begun)"
same "$(field written overwritten)" '' 'what was overwritten'

# After it: what is measured is the disk as it will be.
hold measure_worker
bulkhead vm seal written written-seal.xml --format --yes >begun 2>&1 &
begun=$!
job_of 'seal of VM written'
a_while
expect 0 bulkhead cancel "$number" --json
same "$(python3 -c 'import json, sys; print(json.load(sys.stdin)["overwritten"])' <<<"$output")" \
        "$work/written-data.img" 'what cancel names'
go_on
wait "$begun"
[[ $(image) != "$blank" ]] || fail 'nothing was written, so this test shows nothing'
same "$(head_of)" "$header" 'the header'
grep -q "it was cancelled; --format has overwritten $work/written-data.img; nothing is" begun ||
        fail "$(cat begun)"
grep -qE 'recovery  |all the same' begun && fail "a key of nothing: $(cat begun)"
same "$(field written overwritten)" "$work/written-data.img" 'what was overwritten'
expect 0 bulkhead vm show written
says "overwritten $work/written-data.img"

# Ctrl-C at either side; the second one says what goes on, and leaves.
touch go
expect 0 bulkhead vm undefine written # what it says of earlier tries ends with it
expect 0 bulkhead vm define written.cfg
for worker in content_worker measure_worker; do
        fresh
        hold "$worker"
        expect 0 python3 interrupt.py 1 bulkhead vm seal written written-seal.xml --format --yes
        go_on
        says 'interrupted; waiting for what becomes of the seal'
        says 'ended with -2'
        says_not 'recovery  '
        if [[ $worker == content_worker ]]; then
                says 'written: not sealed; nothing was written to its disks'
                same "$(image)" "$blank" 'the disk'
        else
                says "written: not sealed; --format has overwritten $work/written-data.img"
                says 'once more: bulkhead vm seal written written-seal.xml --format'
        fi
done
rm go
fresh
hold measure_worker # and then the TPM, which nothing interrupts
python3 interrupt.py 2 bulkhead vm seal written written-seal.xml --format --yes >begun &
begun=$!
job_of 'seal of VM written'
a_while
mapfile -t tpm < <(ours tpm_worker)
kill -STOP "${tpm[@]}"
go_on
held=("${tpm[@]}")
a_while
touch go
wait "$begun"
go_on
output=$(<begun)
echo "$output"
says 'interrupted; waiting for what becomes of the seal'
says 'leaves at once, and the recovery key is never shown then'
says 'bulkhead jobs shows it'
says left
says 'ended with -2'
for ((i = 0; i < 300; i++)); do
        [[ $(bulkhead jobs) != "no jobs" ]] || break
        pause 0.1
done
same "$(field written generation)" 0 'the generation'

# A refusal after the first write names the disk, too, and tells no key.
fresh
sealing "vm:written disk:$work/none.img luks:$work/written-data.img" >none-seal.xml
bulkhead vm seal written none-seal.xml --format --yes >begun 2>&1 && fail 'sealed to nothing'
output=$(<begun)
says "written: not sealed; --format has overwritten $work/written-data.img"
says_not 'recovery  '

# What was lost then is told as long as nothing is sealed: a try that ends before it writes does not
# end that.
bulkhead vm seal written none-seal.xml --passphrase-file none >begun 2>&1 && fail 'sealed'
same "$(field written overwritten)" "$work/written-data.img" 'what was overwritten'

# What is sealed in the end was overwritten on purpose.
fresh
expect 0 bulkhead vm seal written written-seal.xml --format --yes
same "$(field written overwritten)" '' 'what was overwritten'
expect 0 bulkhead vm start written
expect 0 bulkhead vm stop written

# A disk that another VM has: refused, and no key is printed.
sed 's/^name = .*/name = "other"/' written.cfg >other.cfg
made+=(other)
forget other
expect 0 bulkhead vm define other.cfg
expect 1 bulkhead vm seal other written-seal.xml --format --yes
says 'VM written has it, too'
says_not 'recovery  '
says_not 'all the same'
forget other
