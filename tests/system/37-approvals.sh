#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Approvals are listed; an epoch is retired, and nobody is locked out unsaid.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/common.bash"

other=$work/run
B=$(dirname "$(command -v bulkhead)")
export B
trap 'leave_hosts "$other"' EXIT
"$top/scripts/up" "$other" --no-setup || fail 'up'
# shellcheck source=/dev/null
. "$other/env"
(umask 077 && echo 'correct horse' >pass && echo 'wrong horse' >wrong)
approvals() { expect 0 bulkhead host approvals "$@"; }
epoch() { bulkhead host approvals --json | grep -oE '"epoch":[0-9]+' | head -n 1 | cut -d: -f2; }

# --- listed ----------------------------------------------------------------------------------
expect 3 bulkhead host approvals
says 'bulkhead host setup'
expect 3 bulkhead host retire --yes
expect 0 bulkhead host setup --passphrase-file pass
approvals
says 'The present state is not approved'
expect 0 bulkhead host approve --passphrase-file pass
approvals
says 'the present state of this host'
says 'approved 20'
says "by uid:$(id -u)"
says "sha256:$(tpm2_pcrread sha256:4 | grep -oE '[0-9A-F]{64}' | tr '[:upper:]' '[:lower:]')"
expect 0 bulkhead host approve --passphrase-file pass --pcr "4=$(printf %064d 1)"
approvals
says 'another state'
approvals --json
says '"standing":"present"'
says '"standing":"good"'
says "\"by\":\"uid:$(id -u)\""
vm held
expect 0 bulkhead vm seal held held-seal.xml --format

# --- retired: with the present state, and then without ----------------------------------------
before=$(epoch)
expect 2 bulkhead host retire --passphrase-file pass
expect 2 bulkhead host retire --print to-sign
expect 2 bulkhead host retire </dev/null
says 'Epoch'
says 'No sealed VM'
says '--yes'
same "$(epoch)" "$before" 'the epoch after a refusal'
expect 1 bulkhead host retire --approve-present --yes --passphrase-file wrong
same "$(epoch)" "$before" 'the epoch after a wrong passphrase'
expect 0 bulkhead vm start held
expect 0 bulkhead vm stop held
expect 0 bulkhead host retire --approve-present --yes --passphrase-file pass
says 'The present state of this host is approved'
same "$(epoch)" "$((before + 1))" 'the next epoch'
approvals
says 'retired: opens nothing'
says 'the present state of this host'
expect 0 bulkhead vm start held
expect 0 bulkhead vm stop held
expect 0 bulkhead host retire --yes
says 'no sealed VM starts'
says 'bulkhead host approve'
approvals
says 'The present state is not approved'
# What is retired is not counted as approved.
expect 0 bulkhead status
grep -qE 'approved states +WARNING: 0$' <<<"$output" || fail 'retired, and counted as approved'
grep -qE 'retired approvals +[1-9]' <<<"$output" || fail 'no word of what is retired'
expect 1 bulkhead vm start held
says 'retired'
expect 0 bulkhead host approve --passphrase-file pass
expect 0 bulkhead vm start held
expect 0 bulkhead vm stop held
expect 0 bulkhead status
says 'approved'

# --- the epoch is the TPM's: a restart of the daemons changes nothing --------------------------
"$top/scripts/down" "$other" --quiet
"$top/scripts/up" "$other" --no-setup || fail 'up again'
same "$(epoch)" "$((before + 2))" 'the epoch after a restart'
approvals
says 'the present state of this host'
forget held
