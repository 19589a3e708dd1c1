#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Any process is killed during seal, start and stop: the daemons come back, the VM is whole.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/common.bash"

vm killed
expect 0 bulkhead vm seal killed killed-seal.xml --format
# Only processes of this embedded default: they have its run folder among their arguments, or
# descend from one that has.
victims() { # NAME
        local pid root
        root=$(cat "$BULKHEAD_RUN/supervise.pid")
        for pid in $(pgrep -x "${1:0:15}"); do
                local p=$pid
                while ((p > 1)); do
                        ((p == root)) && echo "$pid" && break
                        p=$(awk '/^PPid:/ { print $2 }' "/proc/$p/status" 2>/dev/null || echo 0)
                done
        done
}
kinds=(compartment-mgr integrity-mgr svdm xml_worker config_worker domain_worker measure_worker
        policy_worker tpm_worker device_worker)
delays=(0.01)
[[ ${BULKHEAD_TEST_FULL-} ]] && delays=(0 0.01 0.03)
moments=(seal start stop)
for kind in "${kinds[@]}"; do
        # one moment a process, another one for the next
        [[ ${BULKHEAD_SLOW-} ]] && moments=("${moments[1]}" "${moments[2]}" "${moments[0]}")
        [[ $(victims "$kind") ]] || fail "there is no $kind"
        for what in "${moments[@]::$(rounds 3 1)}"; do
                for delay in "${delays[@]}"; do
                        case $what in
                        seal) command=(bulkhead vm seal killed killed-seal.xml) ;;
                        *) command=(bulkhead vm "$what" killed) ;;
                        esac
                        [[ $what == stop && $(state_of killed) != running ]] &&
                                bulkhead vm start killed >/dev/null 2>&1
                        "${command[@]}" >/dev/null 2>&1 &
                        sleep "$delay"
                        # shellcheck disable=SC2046
                        kill -9 $(victims "$kind") 2>/dev/null
                        wait $!
                        answers
                        case $(state_of killed) in
                        running | stopping) bulkhead vm destroy killed >/dev/null 2>&1 ;;
                        stopped) ;;
                        *) fail "$kind killed during $what after $delay: state $(state_of killed)" \
                                ;;
                        esac
                        for ((i = 0; i < 150; i++)); do
                                output=$(bulkhead vm start killed 2>&1) && break
                                [[ $output == *'is under way'* ||
                                        $output == *'remedy    repeat'* ]] || break
                                sleep 0.2
                        done
                        [[ $output == *running* ]] && output=$(bulkhead vm stop killed 2>&1) ||
                                fail "$kind killed during $what after $delay: $output"
                        # Bounded restarts: five in ten seconds.
                        sleep 1.5
                done
        done
        echo "$kind: killed ${#delays[@]} times in each of ${moments[*]::$(rounds 3 1)}"
done
