#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Ctrl-C in `vm seal --format`, at any moment: the command says what became of the seal, and so it
# is. Either nothing is sealed, and the disk is as it was or named as overwritten, or the VM is
# sealed and starts, and the recovery key was printed.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/common.bash"

command -v python3 >/dev/null || skip 'python3 is missing'
cat >interrupt.py <<'EOF'
import signal, subprocess, sys, time

signal.signal(signal.SIGINT, signal.default_int_handler)
p = subprocess.Popen(sys.argv[2:], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
time.sleep(float(sys.argv[1]))
p.send_signal(signal.SIGINT)
print(p.communicate(timeout=90)[0].decode() + "ended with", p.returncode)
EOF
vm ctrl
empty=$(sha256sum <ctrl-data.img)
undone=0 finished=0
for delay in 0.02 0.1 0.2 0.3 0.5 0.8 1.2 2; do
        expect 0 python3 interrupt.py "$delay" bulkhead vm seal ctrl ctrl-seal.xml --format
        if [[ $(field ctrl generation) == 0 ]]; then
                undone=$((undone + 1))
                says_not 'recovery  '
                says 'ended with -2'
                [[ $(sha256sum <ctrl-data.img) == "$empty" ]] && lost= || lost=yes
                if [[ $lost ]]; then
                        says "ctrl: not sealed; --format has overwritten $work/ctrl-data.img, now"
                elif [[ $output == *interrupted* && $output != *overwritten* ]]; then
                        says 'not sealed; nothing was written' # a job may die as it begins to
                fi
                rm ctrl-data.img
                truncate -s 24M ctrl-data.img
                continue
        fi
        finished=$((finished + 1))
        says 'sealed (generation 1)'
        [[ $output =~ recovery\ +([a-z-]{71}) ]] || fail 'no recovery key was printed'
        printf %s "${BASH_REMATCH[1]}" >recovery
        cryptsetup open --test-passphrase --disable-locks --key-file recovery ctrl-data.img ||
                fail 'the recovery key does not open the disk'
        expect 0 bulkhead vm start ctrl
        expect 0 bulkhead vm stop ctrl
        expect 0 bulkhead vm undefine ctrl
        rm ctrl-data.img
        truncate -s 24M ctrl-data.img
        expect 0 bulkhead vm define ctrl.cfg
done
echo "$undone undone, $finished finished"

# On a terminal, how far a long measurement is (its rate: test_tools); not with --quiet, and nowhere
# else.
head -c 500M /dev/urandom >big.img
attesting PCR16 "disk:$work/big.img" >big.xml
warm=$(ours measure_worker)
# What a terminal shows while the job that measures is held.
attest() {
        local job='' i
        script -qec "bulkhead attest big.xml -o evidence.xml $*" /dev/null >terminal &
        while [[ ! $job ]] && kill -0 $! 2>/dev/null; do
                job=$(ours measure_worker | grep -vxF "$warm" | head -n 1)
        done
        [[ ! $job ]] || kill -STOP "$job" 2>/dev/null || true
        for ((i = 0; i < 20; i++)); do
                ! grep -q % terminal || break
                pause 0.1
        done
        [[ ! $job ]] || kill -CONT "$job" 2>/dev/null || true
        wait $!
        output=$(tr '\r' '\n' <terminal)
}
# A job that was done before it was held shows nothing: then once more.
for ((i = 0; i < 10; i++)); do
        attest
        [[ ! $output ]] || break
done
says 'disk:/'
says ' %'
attest --quiet
same "$output" '' 'what --quiet shows'
expect 0 bulkhead attest big.xml -o evidence.xml
says_not '%'
