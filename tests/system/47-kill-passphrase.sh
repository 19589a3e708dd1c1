#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Any process is killed while a passphrase is added, changed or removed. At each moment the disk
# opens with the old passphrase or with the new one, and the VM starts afterwards.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/common.bash"

opens() { # KEY-FILE
        cryptsetup open --test-passphrase --disable-locks --key-file "$1" phrase-data.img \
                2>/dev/null
}
slots() { cryptsetup luksDump --disable-locks phrase-data.img | grep -c ': luks2$'; }
starts() { # WHAT
        local i
        for ((i = 0; i < 150; i++)); do
                output=$(bulkhead vm start phrase 2>&1) && break
                [[ $output =~ 'is under way'|'remedy    repeat'|'cannot be reached' ]] || break
                pause 0.2
        done
        [[ $output == *running* ]] || fail "$1: $output"
        for ((i = 0; i < 150; i++)); do
                output=$(bulkhead vm stop phrase 2>&1) && return
                [[ $output =~ 'is under way'|'remedy    repeat'|'cannot be reached' ]] || break
                pause 0.2
        done
        fail "$1: $output"
}

vm phrase
for k in always one two; do printf %s "a passphrase, $k" >$k; done
expect 0 bulkhead vm seal phrase phrase-seal.xml --format --passphrase-file always
expect 0 bulkhead vm passphrase add phrase --new-passphrase-file one
kinds=(compartment-mgr integrity-mgr svdm device_worker tpm_worker)
[[ ! ${BULKHEAD_SLOW-} ]] || kinds=(integrity-mgr svdm device_worker)
delays=(0.5)
[[ ${BULKHEAD_TEST_FULL-} ]] && delays=(0.02 0.1 0.2 0.4 0.6 0.8 1.0)
now=one next=two before=0 after=0

killed() { # KIND DELAY WORDS...: of a change that makes $next the passphrase, or keeps $now
        local kind=$1 delay=$2 what="$1 killed after $2 during ${*:3}"
        shift 2
        bulkhead vm passphrase "$@" >/dev/null 2>&1 &
        pause "$delay"
        # shellcheck disable=SC2046
        kill -9 $(ours "$kind") 2>/dev/null
        opens always || fail "$what: the other passphrase is gone"
        wait $!
        answers
        starts "$what"
        opens always || fail "$what: the other passphrase is gone"
}
for delay in "${delays[@]}"; do
        for kind in "${kinds[@]}"; do
                what="$kind killed after $delay"
                killed "$kind" "$delay" change phrase --passphrase-file $now \
                        --new-passphrase-file $next
                if opens $next; then
                        opens $now && fail "$what: both open"
                        last=$now now=$next next=$last after=$((after + 1))
                else
                        opens $now || fail "$what: neither opens"
                        before=$((before + 1))
                fi
                same "$(slots)" 3 "$what: number of key slots"
                killed "$kind" "$delay" add phrase --new-passphrase-file $next
                if opens $next; then
                        after=$((after + 1))
                else
                        before=$((before + 1))
                        expect 0 bulkhead vm passphrase add phrase --new-passphrase-file $next
                fi
                killed "$kind" "$delay" remove phrase --passphrase-file $next
                if opens $next; then
                        before=$((before + 1))
                        expect 0 bulkhead vm passphrase remove phrase --passphrase-file $next
                else
                        after=$((after + 1))
                fi
                same "$(slots)" 3 "$what: number of key slots"
                echo "$what: $before times as before, $after times changed"
        done
done
((before && after)) || echo 'all kills were on one side of the commit: other delays would tell more'
