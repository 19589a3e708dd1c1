#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Evidence quoted by the TPM behind the device is trusted; the static PCRs in it are the firmware's.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/../system/common.bash"
export TPM2TOOLS_TCTI=device:/dev/tpmrm0

head -c 300000 /dev/urandom >a.img
for dest in PCR16 PCR23 LOG; do
        challenge=$(openssl rand -hex 32)
        attesting "$dest" "disk:$work/a.img" >attest.xml
        expect 0 bulkhead attest attest.xml -o evidence.xml --challenge "$challenge" \
                --trust "$trust"
        expect 0 bulkhead verify evidence.xml --trust "$trust" --challenge "$challenge" \
                --descriptor attest.xml
        says trusted
        expect 1 bulkhead verify evidence.xml --trust "$trust" --challenge "$(openssl rand -hex 32)"
        grep -q "sha256:$(sha256sum a.img | cut -d' ' -f1)" evidence.xml ||
                fail 'digest of the disk'
        for pcr in 0 7; do
                value=$(tpm2_pcrread "sha256:$pcr" | grep -oE '[0-9A-F]{64}' |
                        tr '[:upper:]' '[:lower:]')
                [[ $value ]] || fail 'tpm2_pcrread'
                grep -qi "$value" evidence.xml ||
                        fail "PCR $pcr in the evidence is not what the TPM has"
        done
done
