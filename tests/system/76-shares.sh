#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Whoever attests one VM as fast as the host lets it, over 30 connections, keeps no admin from
# starting and stopping another VM. An admin's attestations have no more places than a verifier's.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/common.bash"

cli=$(command -v bulkhead)
group=$(getent group bulkhead-verifier | cut -d: -f3)
who=(env)
as_verifier=(setpriv --reuid nobody --regid nogroup "--groups=$group")
if ((EUID == 0)) && [[ $group ]] && "${as_verifier[@]}" test -x "$cli"; then
        who=("${as_verifier[@]}")
fi

flood() { # NAME CONNECTIONS COMMAND...: until the file `over` is there
        local name=$1 i
        for ((i = 0; i < $2; i++)); do
                until [[ -e over ]]; do
                        "${@:3}" "$cli" attest flooded-attest.xml 2>&1 >/dev/null </dev/null
                done >"$name-$i.out" &
        done
}
start_and_stop() {
        local i
        for ((i = 0; i < $(rounds 4 1); i++)); do
                expect 0 bulkhead vm start needed
                expect 0 bulkhead vm stop needed
        done
}

vm flooded --owner nobody
vm needed
# Long enough that attestations meet: all of the 30 measure this.
head -c "$(rounds 16M 1M)" /dev/urandom >flooded-root.img
chmod 0755 "$work"
chmod 0644 ./*.xml
expect 0 bulkhead vm seal flooded flooded-seal.xml --format
expect 0 bulkhead vm seal needed needed-seal.xml --format
trap 'result=$?; touch over; wait; (exit "$result"); at_exit' EXIT

echo "30 connections of ${who[*]}"
flood verifier 30 "${who[@]}"
start_and_stop
touch over
wait
rm over

echo '30 connections of an admin'
flood admin 30 env
start_and_stop
touch over
wait
cat ./admin-*.out | sort | uniq -c | head -n 20
grep -qs 'at most 16 attestations at once' ./admin-*.out ||
        fail 'no attestation was refused for want of a place'
