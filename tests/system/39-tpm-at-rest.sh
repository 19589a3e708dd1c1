#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What an idle Bulkhead holds costs nobody else anything: nothing of it is loaded in the TPM. And a
# flood of questions by strangers does not keep the TPM from a start.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/common.bash"

loaded() { # what is loaded or saved in the TPM
        tpm2_getcap handles-transient
        tpm2_getcap handles-loaded-session
        tpm2_getcap handles-saved-session
}
at_rest() {
        local i
        for ((i = 0; i < 100; i++)); do
                [[ $(loaded) != *0x* ]] && return 0
                pause 0.2
        done
        loaded
        fail "the TPM still holds something after $1"
}
command -v tpm2_getcap >/dev/null || skip 'no tpm2-tools'
vm resting
expect 0 bulkhead vm seal resting resting-seal.xml --format
at_rest 'a seal'
expect 0 bulkhead vm start resting
at_rest 'a start'
expect 0 bulkhead attest resting-attest.xml -o evidence.xml --challenge "$(openssl rand -hex 32)"
at_rest 'an attestation'
expect 0 bulkhead status
at_rest 'status'
expect 0 bulkhead vm stop resting

# Others have the whole TPM meanwhile: as many sessions as it loads.
for i in 1 2 3; do
        tpm2_startauthsession -Q -S "session$i" || fail "session $i of somebody else"
done
for i in 1 2 3; do tpm2_flushcontext -Q "session$i"; done

# --- a flood ---------------------------------------------------------------------------------
flood() { while [[ -e flooding ]]; do bulkhead status >/dev/null 2>&1; done; }
: >flooding
for _ in 1 2 3 4; do flood & done
expect 0 bulkhead vm start resting
expect 0 bulkhead vm stop resting
rm flooding
wait
expect 0 bulkhead status
says 'approved'
