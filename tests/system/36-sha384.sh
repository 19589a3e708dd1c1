#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A host whose static PCRs are those of the bank sha384: set-up, approval, seal, start, evidence;
# and what a TPM does not have is refused, with the cause. tpm2-tools say the same of its PCRs.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/common.bash"

command -v tpm2_pcrallocate >/dev/null || skip 'no tpm2-tools'
other=$work/run
trap 'leave_hosts "$other"' EXIT
B=$(dirname "$(command -v bulkhead)")
export B
"$top/scripts/up" "$other" --no-setup || fail 'up'
# shellcheck source=/dev/null
. "$other/env"
allocate() { # BANKS: they change with the next reset of the TPM
        "$top/scripts/down" "$other" --quiet
        "$top/scripts/swtpm.sh" start "$other/tpm" >/dev/null
        tpm2_pcrallocate -Q "$1" || fail "tpm2_pcrallocate $1"
        "$top/scripts/swtpm.sh" stop "$other/tpm"
        "$top/scripts/up" "$other" --no-setup || fail 'up'
}
(umask 077 && echo 'correct horse' >pass)
setup() { expect "$1" bulkhead host setup --passphrase-file pass "${@:2}"; }

# --- what cannot be --------------------------------------------------------------------------
setup 2 --bank sha1
setup 2 --bank sha512
for list in '' ' ' , 0, ,0 0,,1 24 0-7 -1 0x7 '0 1' a; do setup 2 --pcrs "$list"; done
setup 1 --pcrs 16
setup 1 --pcrs 0,11
says 'PCR 11'
allocate sha256:all+sha384:none
setup 1 --bank sha384
says 'sha384'
says 'not allocated in this TPM; allocated: '
says ', sha256'
says 'tpm2_pcrallocate sha384:all'
allocate sha256:all+sha384:0,1,2,3,4,16,23
setup 1 --bank sha384 --pcrs 0,2,4,7
says 'PCR 7'
says 'not allocated there'
says 'tpm2_pcrallocate sha384:all'
allocate sha256:none+sha384:0,1,2,3,4,5,6,7
setup 1
says ', sha384'
setup 1 --bank sha384 --pcrs 0,2,4,7
says 'PCR 16' # seals bind their VM by it

# --- a host of that bank ---------------------------------------------------------------------
allocate sha256:none+sha384:all
setup 0 --bank sha384 --pcrs 0,2,4,7
expect 0 bulkhead host approve --passphrase-file pass
for pcr in 0 2 4 7; do
        value=$(tpm2_pcrread "sha384:$pcr" | grep -oE '0x[0-9A-F]{96}' | tr '[:upper:]' '[:lower:]')
        says "sha384:${value#0x}"
done
expect 0 bulkhead status
says 'sha384'
bulkhead status --trust >trust || fail 'trust'
trust=$work/trust
vm longer
expect 0 bulkhead vm seal longer longer-seal.xml --format
expect 0 bulkhead vm start longer
challenge=$(openssl rand -hex 32)
expect 0 bulkhead attest longer-attest.xml -o evidence.xml --challenge "$challenge" --trust trust
expect 0 bulkhead verify evidence.xml --trust trust --challenge "$challenge" \
        --descriptor longer-attest.xml
expect 1 bulkhead verify evidence.xml --trust trust --challenge "$(openssl rand -hex 32)"
expect 0 bulkhead vm stop longer

# The quote's digest is that over the same PCRs as the TPM quotes for others.
signer='fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|sign'
tpm2_createprimary -Q -C o -G ecc:ecdsa-sha256:null -a "$signer" -c ak.ctx || fail 'a key'
tpm2_flushcontext -Q -t
tpm2_quote -Q -c ak.ctx -l sha384:0,7 -m quote.msg -s quote.sig -o quote.pcrs -g sha256 ||
        fail 'tpm2_quote'
quoted=$(tpm2_print -t TPMS_ATTEST quote.msg | sed -n 's/.*pcrDigest: //p')
tpm2_flushcontext -Q -t
tpm2_pcrread -Q sha384:0,7 -o both || fail 'tpm2_pcrread'
mine=$(sha256sum <both | cut -d' ' -f1)
same "$quoted" "$mine" 'the digest of sha384:0,7'

# --- another state ---------------------------------------------------------------------------
tpm2_pcrextend 7:sha384="$(printf %096d 1)"
expect 1 bulkhead vm start longer
says 'PCR 7'
expect 0 bulkhead host approve --passphrase-file pass
expect 0 bulkhead vm start longer
expect 0 bulkhead vm stop longer
forget longer
