#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Predicates at the verifier and in a sealing descriptor; remembering; what is refused.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/common.bash"

vm judged
policy() { # DIGEST
        sed -e "s|'disk:/[^']*'|'disk:$work/judged-root.img'|" \
                -e "s|'sha256:[0-9a-f]*'|'sha256:$1'|" \
                "$top/xslt-policies/disk-digest.xsl"
}
policy "$(sha256sum judged-root.img | cut -d' ' -f1)" >good.xsl
policy "$(sha256sum judged.cfg | cut -d' ' -f1)" >bad.xsl
sed 's|<true/>|<xsl:copy-of select="document(\x27/etc/passwd\x27)"/><true/>|' good.xsl >evil.xsl
echo '<a' >broken.xsl
cp "$trust" mine.trust
c=$(openssl rand -hex 32)
expect 0 bulkhead attest judged-attest.xml -o first.xml --challenge "$c" --trust mine.trust
expect 0 bulkhead verify first.xml --trust mine.trust --challenge "$c" --policy good.xsl \
        --policy good.xsl
expect 1 bulkhead verify first.xml --trust mine.trust --challenge "$c" --policy good.xsl \
        --policy bad.xsl
says 'is not the known image'
expect 1 bulkhead verify first.xml --trust mine.trust --challenge "$c" --policy evil.xsl
says untrusted
says_not root:
expect 3 bulkhead verify first.xml --trust mine.trust --challenge "$c" --policy broken.xsl
says_not untrusted
expect 1 bulkhead verify first.xml --challenge "$c"
# The challenge is the same, but it went to the host with another descriptor.
expect 0 bulkhead verify first.xml --trust mine.trust --challenge "$c" \
        --descriptor judged-attest.xml
attesting LOG "disk:$work/judged-root.img" >sent.xml
expect 1 bulkhead verify first.xml --trust mine.trust --challenge "$c" --descriptor sent.xml
says 'another request'
sed '1i <!-- asked by hand -->' judged-attest.xml >commented.xml
expect 0 bulkhead attest commented.xml -o commented-evidence.xml --challenge "$c" --trust mine.trust
expect 0 bulkhead verify commented-evidence.xml --trust mine.trust --challenge "$c" \
        --descriptor commented.xml
expect 3 bulkhead verify first.xml --trust good.xsl
says_not trusted
same "$(bulkhead verify first.xml --trust mine.trust --json |
        python3 -c 'import json,sys; print(json.load(sys.stdin)["trusted"])')" \
        True 'JSON'
sed 's/sha256:[0-9a-e]/sha256:f/; t; s/sha256:f/sha256:0/' first.xml >forged.xml
cmp -s first.xml forged.xml && fail 'it is not another one'
expect 1 bulkhead verify forged.xml --trust mine.trust --challenge "$c"
# What a trust record remembers cannot go back.
c2=$(openssl rand -hex 32)
expect 0 bulkhead attest judged-attest.xml -o second.xml --challenge "$c2" --trust mine.trust
cp mine.trust before.trust
expect 1 bulkhead verify second.xml --trust mine.trust --challenge "$c" --remember
same "$(cat mine.trust)" "$(cat before.trust)" 'record after "untrusted"'
expect 0 bulkhead verify second.xml --trust mine.trust --challenge "$c2" --remember
cmp -s mine.trust before.trust && fail 'nothing was remembered'
expect 1 bulkhead verify first.xml --trust mine.trust --challenge "$c"
expect 0 bulkhead attest judged-attest.xml -o third.xml --challenge "$c" --trust mine.trust
expect 0 bulkhead verify third.xml --trust mine.trust --challenge "$c"
grep -q '<consistency ' third.xml || fail 'there is no proof that the log goes on'

# A seal that predicates judge.
for p in good bad; do
        {
                echo '<sealing-desc><sealing type="tpm-based" key="k"><measurement-desc type="tpm">'
                printf '<measureTarget name="disk:%s" dest="PCR16" judged="yes"/>\n' \
                        "$work/judged-root.img"
                echo "<measureTarget name=\"luks:$work/judged-data.img\" dest=\"PCR16\"/>"
                echo '<measureTarget name="vm:judged" dest="PCR16"/>'
                echo \
                        "</measurement-desc><predicate>$(sed 1d \
                        $p.xsl)</predicate></sealing></sealing-desc>"
        } >$p-seal.xml
done
expect 1 bulkhead vm seal judged bad-seal.xml --format
expect 0 bulkhead vm seal judged good-seal.xml --format
expect 0 bulkhead vm start judged
expect 0 bulkhead vm stop judged
flip judged-root.img 5
expect 1 bulkhead vm start judged
says 'is not the known image'
