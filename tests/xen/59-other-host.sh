#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Something else was measured into PCR 4 since the host was approved: no sealed VM starts, and a
# verifier does not trust the evidence. The last script: only a reboot brings the PCR back.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/../system/common.bash"
export TPM2TOOLS_TCTI=device:/dev/tpmrm0

challenge=$(openssl rand -hex 32)
vm moved
expect 0 bulkhead vm seal moved moved-seal.xml --format
expect 0 bulkhead vm start moved
expect 0 bulkhead vm stop moved
expect 0 tpm2_pcrextend "4:sha256=$(echo another loader | sha256sum | cut -d' ' -f1)"
expect 1 bulkhead vm start moved
says remedy
same "$(state_of moved)" stopped 'state after a refusal'
bulkhead attest moved-attest.xml -o evidence.xml --challenge "$challenge" >attest.log 2>&1
cat attest.log
[[ -s evidence.xml ]] &&
        expect 1 bulkhead verify evidence.xml --trust "$trust" --challenge "$challenge"
# The owner of the site key can approve what the host is now.
expect 0 bulkhead host approve --passphrase-file /root/site-passphrase
expect 0 bulkhead vm start moved
expect 0 bulkhead vm stop moved
