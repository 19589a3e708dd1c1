#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Any process is killed during seal, start and stop: the daemons come back, the VM is whole.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/common.bash"

vm killed
expect 0 bulkhead vm seal killed killed-seal.xml --format
# Of different daemons by turns: the supervisor gives up on a daemon whose lives are short.
kinds=(compartment-mgr integrity-mgr svdm xml_worker measure_worker device_worker config_worker
        content_worker         policy_worker domain_worker tpm_worker)
delays=(0.01)
[[ ${BULKHEAD_TEST_FULL-} ]] && delays=(0 0.01 0.03)
moments=(seal start stop)

kill_during() { # KIND MOMENT DELAY
        local i state command=(bulkhead vm "$2" killed)
        [[ $2 == seal ]] && command=(bulkhead vm seal killed killed-seal.xml)
        [[ $2 == stop && $(state_of killed) != running ]] &&
                bulkhead vm start killed >/dev/null 2>&1
        "${command[@]}" >/dev/null 2>&1 &
        pause "$3"
        # shellcheck disable=SC2046
        kill -9 $(ours "$1") 2>/dev/null
        wait $!
        answers
        state=$(state_of killed)
        # A daemon may answer once before it finds that its worker is gone, and is started anew.
        [[ $state ]] || { answers; state=$(state_of killed); }
        case $state in
        running | stopping) bulkhead vm destroy killed >/dev/null 2>&1 ;;
        stopped) ;;
        *) fail "$1 killed during $2 after $3: state $state" ;;
        esac
        for ((i = 0; i < 150; i++)); do
                output=$(bulkhead vm start killed 2>&1) && break
                [[ $output =~ 'is under way'|'remedy    repeat'|'cannot be reached' ]] || break
                pause 0.2
        done
        [[ $output == *running* ]] || fail "$1 killed during $2 after $3: $output"
        output=$(bulkhead vm stop killed 2>&1) || fail "$1 killed during $2 after $3: $output"
}

# Each round kills each process at another moment; three rounds have killed each at every moment.
rounds=$(rounds 3 1)
for ((round = 0; round < rounds; round++)); do
        for ((k = 0; k < ${#kinds[@]}; k++)); do
                kind=${kinds[k]} what=${moments[(k + round + 1) % 3]}
                [[ $(ours "$kind") ]] || fail "there is no $kind"
                for delay in "${delays[@]}"; do kill_during "$kind" "$what" "$delay"; done
                echo "$kind: killed ${#delays[@]} times during $what"
        done
done
