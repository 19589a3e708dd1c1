#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Start, stop and seal of one VM at once, a hundred times: refused or done, never half.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/common.bash"

vm storm
expect 0 bulkhead vm seal storm storm-seal.xml --format --no-recovery
n=$(rounds 34 6) tries=$(rounds 5 100) pause=$(rounds 0.02 0.3)
for c in "start storm" "stop storm" "seal storm storm-seal.xml"; do
        for ((i = 0; i < n; i++)); do
                # "Busy" is an answer, too, but not the one that is wanted: asks again, a few times.
                for ((try = 0; try < tries; try++)); do
                        # shellcheck disable=SC2086
                        bulkhead vm $c >/dev/null 2>&1
                        result=$?
                        ((result == 3)) || break
                        sleep "$pause"
                done
                echo "$c $result" >>results
        done &
done
wait
sort results | uniq -c
same "$(wc -l <results)" $((3 * n)) 'answers'
grep -qv ' [013]$' results && fail 'an exit status that cannot be'
grep -q 'start storm 0' results || fail 'none started'
grep -q 'seal storm .* 0' results || fail 'none was sealed'
answers
[[ $(state_of storm) == running ]] && expect 0 bulkhead vm stop storm
same "$(state_of storm)" stopped 'state'
cryptsetup isLuks --type luks2 storm-data.img || fail 'the disk is no LUKS2 disk any more'
same "$(cryptsetup luksDump storm-data.img | grep -c ': luks2$')" 1 'number of key slots'
expect 0 bulkhead vm start storm
expect 0 bulkhead vm stop storm
