#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The storage root key is lost. Evicted, it is made again as the refusal and docs/tasks.md say, and
# nothing is lost; with a cleared TPM the same commands give another key, and what is said there of
# another mainboard is done with a passphrase.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/common.bash"

command -v tpm2_createprimary >/dev/null || skip 'no tpm2-tools'
other=$work/run
trap 'leave_hosts "$other"' EXIT
B=$(dirname "$(command -v bulkhead)")
export B
"$top/scripts/up" "$other" --no-setup || fail 'up'
# shellcheck source=/dev/null
. "$other/env"
(umask 077 && echo 'correct horse' >site.pass && echo 'battery staple' >web01.pass)
tasks=$top/docs/tasks.md
# The commands of that paragraph, as they are written there.
paragraph() { # NUMBER
        awk -v n="$1" '/^### /{on = /What if the storage root key is gone/}
                on && /^    /{if (!was) k++; if (k == n) print substr($0, 5)}
                {was = /^    /}' "$tasks"
}
name() { tpm2_readpublic -c 0x81000001 2>/dev/null | sed -n 's/^name: //p'; }
gone() { tpm2_evictcontrol -Q -C o -c 0x81000001 || fail evict; }

expect 0 bulkhead host setup --passphrase-file site.pass
expect 0 bulkhead host approve --passphrase-file site.pass
vm web01
expect 0 bulkhead vm seal web01 web01-seal.xml --format --passphrase-file web01.pass
srk=$(name)
[[ $srk ]] || fail 'no Name'

# --- evicted: the remedy is pasted
gone
expect 1 bulkhead vm start web01
says 'storage root key 0x81000001'
says 'none'
remedy=$(sed -n 's/^ *remedy .*again: //p' <<<"$output")
[[ $remedy ]] || fail 'no remedy'
bash -c "$remedy" || fail 'the remedy'
same "$(name)" "$srk" 'the Name of the key'
expect 0 bulkhead vm start web01
expect 0 bulkhead vm stop web01

# --- evicted, and somebody else's key in its place: the document's commands
gone
tpm2_createprimary -Q -C o -c else.ctx && tpm2_evictcontrol -Q -C o -c else.ctx 0x81000001 ||
        fail 'a key of somebody else'
expect 1 bulkhead vm start web01
says "$(name)"
gone
paragraph 1 >commands
grep -q 'tpm2_evictcontrol' commands || fail 'no commands'
bash -e commands || fail 'the commands of that paragraph'
same "$(name)" "$srk" 'the Name of the key'
expect 0 bulkhead vm start web01
expect 0 bulkhead vm stop web01

# --- the RSA template is that of tpm2-tools and others, too: a host takes such a key over
"$top/scripts/down" "$other" --quiet
rm -rf "$other"
"$top/scripts/up" "$other" --no-setup || fail 'up'
paragraph 2 >rsa
bash -e rsa && tpm2_evictcontrol -Q -C o -c srk.ctx 0x81000001 || fail 'an RSA key'
srk=$(name)
expect 0 bulkhead host setup --passphrase-file site.pass
expect 0 bulkhead host approve --passphrase-file site.pass
gone
bash -e rsa && tpm2_evictcontrol -Q -C o -c srk.ctx 0x81000001 || fail 'an RSA key'
same "$(name)" "$srk" 'the Name of the RSA key'
vm web01
expect 0 bulkhead vm seal web01 web01-seal.xml --format --passphrase-file web01.pass

# --- cleared: another key, and the next question there
"$top/scripts/down" "$other" --quiet
"$top/scripts/swtpm.sh" start "$other/tpm" >/dev/null
tpm2_clear -c p || fail 'tpm2_clear'
"$top/scripts/swtpm.sh" stop "$other/tpm"
"$top/scripts/up" "$other" --no-setup || fail 'up'
expect 1 bulkhead vm start web01
says 'storage root key 0x81000001'
bash -e rsa && tpm2_evictcontrol -Q -C o -c srk.ctx 0x81000001 || fail 'an RSA key'
[[ $(name) != "$srk" ]] || fail 'a cleared TPM makes the same key'
expect 1 bulkhead vm start web01
says 'storage root key 0x81000001'
gone
"$top/scripts/down" "$other" --quiet
mv "$other/state/integrity-mgr" integrity-mgr-of-the-old-board
"$top/scripts/up" "$other" --no-setup || fail 'up'
expect 0 bulkhead host setup --passphrase-file site.pass
expect 0 bulkhead host approve --passphrase-file site.pass
expect 0 bulkhead vm seal web01 web01-seal.xml --passphrase-file web01.pass
expect 0 bulkhead vm start web01
expect 0 bulkhead vm stop web01
