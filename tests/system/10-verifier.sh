#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A verifier sees and attests what it owns, and nothing else; a stranger gets nothing.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/common.bash"

((EUID == 0)) || skip 'needs root to become another user'
getent group bulkhead-verifier >/dev/null || skip 'there is no group bulkhead-verifier'
group=$(getent group bulkhead-verifier | cut -d: -f3)
cli=$(command -v bulkhead)
as() { # GROUPS COMMAND...
        local groups=$1
        shift
        setpriv --reuid nobody --regid nogroup "$groups" "$@"
}
as --clear-groups test -x "$cli" || skip "$cli cannot be entered by nobody"
verifier="--groups=$group" stranger=--clear-groups
vm mine --owner nobody
vm theirs --owner root
expect 0 bulkhead vm seal mine mine-seal.xml --format
chmod 0755 "$work"
chmod 0644 ./*.xml
expect 0 as "$verifier" "$cli" vm list
says mine
says_not theirs
expect 0 as "$verifier" "$cli" vm show mine
expect 1 as "$verifier" "$cli" vm show theirs
for c in "vm start mine" "vm stop mine" "vm destroy mine" "vm undefine mine" \
        "vm seal mine mine-seal.xml" \
        "vm define mine.cfg" "host approve --print x" "host setup --passphrase-file mine.cfg"; do
        # shellcheck disable=SC2086
        expect 1 as "$verifier" "$cli" $c
        says denied
done
# The group that is named grants what was asked for: to a verifier and to a stranger.
chmod 0644 ./*.cfg
echo 'correct horse' >pass
chmod 0644 pass
while read -r c; do
        for who in "$verifier" "$stranger"; do
                # shellcheck disable=SC2086
                expect 1 as "$who" "$cli" $c </dev/null
                says denied
                says 'bulkhead-admin'
                says_not 'bulkhead-verifier'
        done
done <<END
vm start mine
vm stop mine
vm destroy mine
vm suspend mine
vm resume mine
vm hibernate mine
vm autostart mine
vm attach mine xvdb
vm detach mine xvdb
vm undefine mine
vm seal mine mine-seal.xml
vm seal theirs theirs-seal.xml --format
vm seal nosuch mine-seal.xml --passphrase-file pass
vm define mine.cfg
vm define --replace mine.cfg
vm passphrase list mine
vm passphrase add mine --passphrase-file pass --new-passphrase-file pass
host setup --passphrase-file pass
host approve --passphrase-file pass
host approvals
host retire --yes
END
for c in 'vm list' 'vm show mine' 'attest mine-attest.xml' 'cancel 1'; do
        # shellcheck disable=SC2086
        expect 1 as "$stranger" "$cli" $c
        says 'about VMs of your own, as a member of the group bulkhead-verifier'
done
challenge=$(openssl rand -hex 32)
as "$verifier" "$cli" attest mine-attest.xml --challenge "$challenge" --trust "$trust" \
        >evidence.xml || fail 'attest what is his'
expect 0 as "$verifier" "$cli" verify evidence.xml --trust "$trust" --challenge "$challenge"
expect 1 as "$verifier" "$cli" attest theirs-attest.xml
says denied
# Nobody else stands in the queue of a socket at which he may not ask.
expect 0 as "$stranger" test -w "$BULKHEAD_RUN/bulkhead.sock"
for s in admin integrity-mgr svdm; do
        expect 1 as "$verifier" test -w "$BULKHEAD_RUN/$s.sock"
        expect 1 as "$stranger" test -w "$BULKHEAD_RUN/$s.sock"
done
expect 1 as "$stranger" "$cli" vm list
expect 1 as "$stranger" "$cli" attest mine-attest.xml
expect 0 as "$stranger" "$cli" status
