#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# An outsider recomputes every digest with xmllint and sha256sum, and tpm2_checkquote accepts the
# quote.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/common.bash"

head -c 300000 /dev/urandom >a.img
head -c 70000 /dev/urandom >b.img
challenge=$(openssl rand -hex 20)
same "$(bulkhead measure "disk:$work/a.img" | xmllint --exc-c14n - | sha256sum | cut -d' ' -f1)" \
        "$(bulkhead measure --json "disk:$work/a.img" |
        python3 -c 'import json,sys; print(json.load(sys.stdin)[0]["sha256"])')" \
        'digest of a measurement'
bulkhead measure "disk:$work/a.img" | grep -q "sha256:$(sha256sum a.img | cut -d' ' -f1)" ||
        fail 'digest of a file'
truncate -s 303104 a.img
veritysetup format --salt 00ff --hash sha256 --data-block-size 4096 --hash-block-size 4096 a.img \
        a.hash >veritysetup.out ||
        fail 'veritysetup'
bulkhead measure --verity --salt 00ff "disk:$work/a.img" |
        grep -q "$(sed -n 's/^Root hash:[ \t]*//p' veritysetup.out)" ||
        fail 'dm-verity root'
for dest in PCR16 PCR23 LOG; do
        attesting "$dest" "disk:$work/a.img" "disk:$work/b.img" >attest.xml
        expect 0 bulkhead attest attest.xml -o evidence.xml --challenge "$challenge" \
                --trust "$trust"
        expect 0 python3 "$top/tests/system/recompute.py" evidence.xml attest.xml "$challenge"
        qualifying=$output
        tpm2_print -t TPMT_PUBLIC -f pem ak.bin >ak.pem 2>/dev/null || fail 'tpm2_print'
        expect 0 tpm2_checkquote -u ak.pem -m attest.bin -s signature.bin -g sha256 -q "$qualifying"
        expect 0 bulkhead verify evidence.xml --trust "$trust" --challenge "$challenge"
        says_not FAILED
done
