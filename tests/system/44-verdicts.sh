#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Verdicts say what they rest on: predicates of the descriptor are judged, what was not checked is
# named, and without a verdict the status is none of a verdict's.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/common.bash"

head -c 100000 /dev/urandom >a.img
sha=$(sha256sum a.img | cut -d' ' -f1)
sed -e "s|'disk:/[^']*'|'disk:$work/a.img'|" -e "s|'sha256:[0-9a-f]*'|'sha256:$sha'|" \
        "$top/xslt-policies/disk-digest.xsl" >mine.xsl
sed "s|'sha256:[0-9a-f]*'|'sha256:${sha//[0-9]/0}'|" mine.xsl >other.xsl
c=$(openssl rand -hex 32)
asks() { # PREDICATE: asked.xml is a descriptor with it, evidence.xml the answer
        attesting PCR16 "disk:$work/a.img" |
                sed "s|</attestation></attest|$1&|" >asked.xml
        expect 0 bulkhead attest asked.xml -o evidence.xml --trust "$trust" --challenge "$c"
}
verify() { # STATUS OPTIONS...
        local status=$1
        shift
        expect "$status" bulkhead verify evidence.xml --trust "$trust" --challenge "$c" \
                --descriptor asked.xml "$@"
}
digest_of() { sha256sum "$1" | cut -d' ' -f1; }

# inline
asks "<predicate>$(sed 1d mine.xsl | tr -d '\n')</predicate>"
verify 0 --strict
says 'passed          predicate number 1 of the descriptor'
asks "<predicate>$(sed 1d other.xsl | tr -d '\n')</predicate>"
verify 1
says 'untrusted: predicate number 1 of the descriptor: the predicate says no'
# by reference: the verifier has it, has another, or has none
asks "<predicate ref=\"mine\" digest=\"sha256:$(digest_of mine.xsl)\"/>"
verify 1
says 'this verifier has not the predicate'
says "expected  sha256:$(digest_of mine.xsl)"
says 'remedy    get that file'
verify 0 --policy mine.xsl --strict
mkdir elsewhere && cp other.xsl elsewhere/mine.xsl
verify 1 --policy elsewhere/mine.xsl
says "found     sha256:$(digest_of other.xsl)"
installed=$(digest_of "$top/xslt-policies/one-owner.xsl")
asks "<predicate ref=\"one-owner\" digest=\"sha256:$installed\"/>"
verify 1
says 'predicate one-owner of the descriptor: the predicate says no'
attesting PCR16 "disk:$work/a.img" |
        sed 's|</attestation></attest|<predicate ref="mine"/>&|' >bad.xml
expect 1 bulkhead attest bad.xml --trust "$trust"
says 'digest="sha256:HEX"'

# what was not checked
asks ''
verify 0
same "${output##*$'\n'}" 'trusted; not checked: predicate' 'last line'
expect 0 bulkhead verify evidence.xml --trust "$trust"
same "${output##*$'\n'}" 'trusted; not checked: challenge, request, predicate' 'last line'
expect 1 bulkhead verify evidence.xml --trust "$trust" --strict
says 'untrusted: challenge: no challenge was given'
verify 1 --strict
verify 0 --strict --policy mine.xsl
same "${output##*$'\n'}" trusted 'last line'
same "$(bulkhead verify evidence.xml --trust "$trust" --json |
        python3 -c 'import json,sys; print(json.load(sys.stdin)["not_checked"])')" \
        "['challenge', 'request', 'predicate']" 'JSON'

# no verdict
for f in missing "$work" missing/too; do
        expect 3 bulkhead verify "$f" --trust "$trust"
        expect 3 bulkhead verify evidence.xml --trust "$f"
        expect 3 bulkhead verify evidence.xml --trust "$trust" --descriptor "$f"
        expect 3 bulkhead verify evidence.xml --trust "$trust" --policy "$f"
done
# ... and no verdict on what is no evidence at all, such as its own descriptor, or on a wrong file
# beside it; but evidence that was damaged is untrusted, also if little is left of it.
: >empty
head -c 5000 /dev/urandom >garbage
for f in empty garbage asked.xml mine.xsl "$trust" /bin/true; do
        expect 3 bulkhead verify "$f" --trust "$trust"
        says_not untrusted
done
for f in empty garbage mine.xsl; do
        expect 3 bulkhead verify evidence.xml --trust "$trust" --descriptor "$f"
        [[ $f == mine.xsl ]] || expect 3 bulkhead verify evidence.xml --trust "$trust" --policy "$f"
done
truncate -s 17M long
expect 3 bulkhead verify long --trust "$trust"
same "$(bulkhead verify garbage --trust "$trust" --json 2>/dev/null | python3 -c \
        'import json,sys; print(json.load(sys.stdin)["undecided"])')" True 'JSON of garbage'
head -c 3000 evidence.xml >cut.xml
tail -c +100 evidence.xml >headless.xml
sed 's/<evidence/<evidense/' evidence.xml >renamed.xml
for f in cut headless renamed; do
        expect 1 bulkhead verify $f.xml --trust "$trust"
        says untrusted
done

# several files; standard input and output
cp evidence.xml good.xml
flip evidence.xml 2000
expect 0 bulkhead verify good.xml good.xml --trust "$trust"
expect 1 bulkhead verify good.xml evidence.xml good.xml --trust "$trust"
expect 3 bulkhead verify good.xml evidence.xml missing --trust "$trust"
same "$(bulkhead verify good.xml evidence.xml --trust "$trust" --json | python3 -c \
        'import json,sys; print([(v["evidence"], v["trusted"]) for v in json.load(sys.stdin)])')" \
        "[('good.xml', True), ('evidence.xml', False)]" 'JSON of two'
same "$(bulkhead verify good.xml missing --trust "$trust" --json 2>/dev/null | python3 -c \
        'import json,sys; print([(v["evidence"], v["trusted"]) for v in json.load(sys.stdin)])')" \
        "[('good.xml', True), ('missing', False)]" 'JSON of one that is not there'
expect 0 bulkhead verify - --trust "$trust" <good.xml
expect 0 bash -c "set -o pipefail; bulkhead attest - -o - --trust '$trust' <asked.xml |
        bulkhead verify - --trust '$trust'"
expect 2 bulkhead verify - --trust - <good.xml

# The second reader agrees about what a TPM has signed, too.
second=$top/tests/second-reader/reader.py
expect 0 python3 "$second" good.xml --trust "$trust" --challenge "$c" --descriptor asked.xml
says trusted
expect 1 python3 "$second" good.xml --trust "$trust" --challenge "$(openssl rand -hex 32)"
same "$output" 'untrusted challenge' 'another challenge'
expect 1 python3 "$second" evidence.xml --trust "$trust" --challenge "$c"

vm piped
forget piped
expect 0 bulkhead vm define - <piped.cfg
expect 0 bulkhead vm seal piped - --format <piped-seal.xml
