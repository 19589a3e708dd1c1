#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Whatever a descriptor can say has an effect or is refused. The grammars are walked: each element
# and attribute of theirs has rows below, and each row is shown to change what is answered, or to be
# refused; nothing is accepted and ignored.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/common.bash"

vm every
head -c 102400 /dev/urandom >a.img
head -c 102400 /dev/urandom >b.img
expect 0 bulkhead vm seal every every-seal.xml --format
ak=$(sed -n 's/^ak-name: //p' "$trust")
mine=$(sha256sum "$top/xslt-policies/one-owner.xsl" | cut -d' ' -f1)
own=$(sha256sum "$top/xslt-policies/vm-runs.xsl" | cut -d' ' -f1)

# answer TEXT: what attest and verify say of that descriptor, without what is new each time; the
# descriptor itself is left out, so a difference is one of outcome.
answer() {
        echo "$1" >asked.xml
        bulkhead attest asked.xml -o got.xml --trust "$trust" >said 2>&1 || {
                echo "refused: $(grep -v '^bulkhead:' said)"
                return
        }
        bulkhead verify got.xml --trust "$trust" | grep -v -e '^ *found' -e '^ *reset'
        grep -o '<measurement .*</measurement>' got.xml
        grep -o '<pcr index="[0-9]*">' got.xml
        grep -o '<leaf challenge="0102[^"]*"' got.xml
}
whole() { # ATTRIBUTES TARGETS REST
        echo "<attestation-desc><attestation type=\"tpm-based\" $1><measurement-desc" \
                "type=\"tpm\">$2</measurement-desc>$3</attestation></attestation-desc>"
}
target() { echo "<measureTarget name=\"$1\" dest=\"${2-PCR16}\" ${3-}/>"; }
pcrs='<attestTarget name="PCR0"/>'
xsl='xmlns:xsl="http://www.w3.org/1999/XSL/Transform"'
good() {
        echo "<xsl:stylesheet version=\"1.0\" $xsl><xsl:template match=\"/\"><$1/></xsl:template>" \
                "</xsl:stylesheet>"
}
rows=()
# row NAME ONE OTHER [refused]: the two descriptors differ in this element or attribute.
row() {
        local one other
        rows+=("$1")
        one=$(answer "$2") other=$(answer "$3")
        [[ $one != refused* ]] || fail "$1: $one"
        [[ $one != "$other" ]] || fail "$1 has no effect: $one"
        [[ ! ${4-} || $other == refused* ]] || fail "$1 is not refused: $other"
        echo "$1: has an effect"
}
disk=disk:$work/a.img
base=$(whole '' "$(target "$disk")" "$pcrs")
row attestation@challenge "$base" \
        "$(whole 'challenge="0102030405060708090a0b0c0d0e0f10"' "$(target "$disk")" "$pcrs")"
row attestation@aik "$base" "$(whole "aik=\"${ak:0:18}ff\"" "$(target "$disk")" "$pcrs")"
row attestation@type "$base" "${base/attestation type=\"tpm-based\"/attestation type=\"other\"}"
row measurement-desc@type "$base" "${base/type=\"tpm\"/type=\"other\"}"
row measurement-desc "$base" "${base/$(target "$disk")/}"
row measureTarget@name "$base" "$(whole '' "$(target "disk:$work/b.img")" "$pcrs")"
row measureTarget "$base" "$(whole '' "$(target "$disk")$(target "disk:$work/b.img")" "$pcrs")"
row measureTarget@dest "$base" "$(whole '' "$(target "$disk" PCR23)" "$pcrs")"
row measureTarget@dest "$base" "$(whole '' "$(target "$disk" LOG)" "$pcrs")"
row measureTarget@judged "$base" "$(whole '' "$(target "$disk" PCR16 'judged="yes"')" "$pcrs")"
verity='method="verity"'
luks=luks:$work/every-data.img
hypervisor=sim
[[ $(bulkhead status) == *simulated* ]] || hypervisor=xen
for t in "$disk" "$luks" vm:every "hypervisor:$hypervisor" vms:all vms:own; do
        for attribute in method=verity method=other digest=sha384 salt=00; do
                word=${attribute/=/=\"}\"
                row "measureTarget@${attribute%=*}" "$(whole '' "$(target "$t")" "$pcrs")" \
                        "$(whole '' "$(target "$t" PCR16 "$word")" "$pcrs")" \
                        "$([[ $t == disk:* ]] || echo refused)"
        done
done
row measureTarget@salt "$(whole '' "$(target "$disk" PCR16 "$verity salt=\"00\"")" "$pcrs")" \
        "$(whole '' "$(target "$disk" PCR16 "$verity salt=\"01\"")" "$pcrs")"
row measureTarget@digest "$(whole '' "$(target "$disk" PCR16 "$verity")" "$pcrs")" \
        "$(whole '' "$(target "$disk" PCR16 "$verity digest=\"sha384\"")" "$pcrs")"
row attestTarget "$base" "$(whole '' "$(target "$disk")" '')"
row attestTarget@name "$base" "$(whole '' "$(target "$disk")" '<attestTarget name="PCR1"/>')"
row predicate "$base" \
        "$(whole '' "$(target "$disk")" "$pcrs<predicate>$(good false)</predicate>")"
row predicate@ref "$base" \
        "$(whole '' "$(target "$disk")" "$pcrs<predicate ref=\"none\" digest=\"sha256:$mine\"/>")"
row predicate@digest \
        "$(whole '' "$(target "$disk")" \
        "$pcrs<predicate ref=\"one-owner\" digest=\"sha256:$mine\"/>")" \
        "$(whole '' "$(target "$disk")" \
        "$pcrs<predicate ref=\"one-owner\" digest=\"sha256:$own\"/>")"
row attestation "$base" '<attestation-desc/>'
row attestation-desc "$base" "${base//attestation-desc/another-desc}"

# The same for a sealing descriptor: what is sealed, shown, or refused.
seal_rows=()
seal_answer() {
        echo "$1" >seal.xml
        bulkhead vm seal every seal.xml >said 2>&1 || {
                echo "refused: $(grep -v '^bulkhead:' said)"
                return
        }
        bulkhead vm show every
        bulkhead vm start every 2>&1
        bulkhead vm stop every >/dev/null 2>&1
        flip every-root.img 1000
        bulkhead vm start every >said 2>&1
        echo $?
        bulkhead vm destroy every >/dev/null 2>&1
        flip every-root.img 1000
}
seal_row() {
        local other
        seal_rows+=("$1")
        other=$(seal_answer "$2" | sed 's/generation [0-9]*//')
        [[ $seal_base != "$other" ]] || fail "$1 has no effect: $other"
        echo "$1: has an effect"
}
sealed=$(cat every-seal.xml)
seal_base=$(seal_answer "$sealed" | sed 's/generation [0-9]*//')
[[ $seal_base != refused* ]] || fail "$seal_base"
same "$(seal_answer "$sealed" | sed 's/generation [0-9]*//')" "$seal_base" 'twice the same'
root="name=\"disk:$work/every-root.img\""
header="name=\"$luks\""
seal_row sealing-desc "${sealed//sealing-desc/other-desc}"
seal_row sealing "<sealing-desc/>"
seal_row sealing@type "${sealed/sealing type=\"tpm-based\"/sealing type=\"other\"}"
seal_row sealing@key "${sealed/key=\"k\"/key=\"another\"}"
seal_row sealing@update "${sealed/key=\"k\"/key=\"k\" update=\"always\"}"
seal_row measurement-desc@type "${sealed/type=\"tpm\"/type=\"other\"}"
seal_row measurement-desc '<sealing-desc><sealing type="tpm-based" key="k"/></sealing-desc>'
seal_row measureTarget "${sealed/<measureTarget $root dest=\"PCR16\"\/>/}"
seal_row measureTarget@name "${sealed/$root/name=\"disk:$work/a.img\"}"
seal_row measureTarget@dest "${sealed/$root dest=\"PCR16\"/$root dest=\"PCR17\"}"
seal_row measureTarget@digest "${sealed/$header/$header digest=\"sha384\"}"
seal_row measureTarget@salt "${sealed/$header/$header salt=\"00\"}"
seal_row measureTarget@method "${sealed/$header/$header method=\"verity\"}"
seal_row measureTarget@judged "${sealed/$root/$root judged=\"yes\"}"
seal_row predicate "${sealed/<\/sealing>/<predicate>$(good false)</predicate></sealing>}"
seal_row predicate@ref "${sealed/<\/sealing>/<predicate ref=\"none\"/></sealing>}"
seal_row deviceCheck \
        "${sealed/<\/sealing>/<deviceCheck device=\"xvda\">$(good false)</deviceCheck></sealing>}"
seal_row deviceCheck@ref \
        "${sealed/<\/sealing>/<deviceCheck device=\"xvda\" ref=\"none\"/></sealing>}"
seal_row deviceCheck@device \
        "${sealed/<\/sealing>/<deviceCheck device=\"xvdz\" ref=\"one-owner\"/></sealing>}"

# Nothing of the grammars is without a row.
names() { # GRAMMAR...
        python3 - "$@" <<'END'
import sys
import xml.etree.ElementTree as tree
ns = '{http://relaxng.org/ns/structure/1.0}'
def walk(e, inside):
    for c in e:
        if c.tag == ns + 'element' and c.get('name'):
            print(c.get('name'))
            walk(c, [c.get('name')])
        elif c.tag == ns + 'attribute' and c.get('name'):
            for name in inside:
                print('%s@%s' % (name, c.get('name')))
        elif c.tag == ns + 'ref' and c.get('name') in defines:
            walk(defines[c.get('name')], inside)
        elif c.tag != ns + 'define':
            walk(c, inside)
roots = [tree.parse(f).getroot() for f in sys.argv[1:]]
defines = {d.get('name'): d for r in roots for d in r.findall(ns + 'define')
           if d.get('name') != 'anything'}
walk(roots[0].find(ns + 'start'), [])
END
}
for n in $(names "$top"/descriptors/{attestation,measurement}-desc.rng | sort -u); do
        [[ " ${rows[*]} " == *" $n "* ]] || fail "no row for $n of an attestation descriptor"
done
for n in $(names "$top"/descriptors/{sealing,measurement}-desc.rng | sort -u); do
        [[ " ${seal_rows[*]} " == *" $n "* ]] || fail "no row for $n of a sealing descriptor"
done
