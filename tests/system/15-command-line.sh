#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Exit statuses of every kind, and hostile files given to the command line: refused, never trusted.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/common.bash"

head -c 100000 /dev/urandom >a.img
attesting PCR16 "disk:$work/a.img" >attest.xml
challenge=$(openssl rand -hex 32)
expect 0 bulkhead attest attest.xml -o evidence.xml --trust "$trust" --challenge "$challenge" --json
expect 0 bulkhead verify evidence.xml --trust "$trust" --challenge "$challenge" --json

# usage
for c in '' 'nothing' 'vm' 'vm start' 'vm attach a' 'vm attach a b c' 'vm seal a' \
        'measure' 'measure nocolon' \
        'measure --salt 00 disk:a' \
        'measure --verity --salt 0g disk:a' 'attest' 'attest --challenge 00 attest.xml' 'verify' \
        'verify --challenge 00 evidence.xml' 'verify --remember evidence.xml' \
        'host approve --pcr 24=00' 'host approve --print a --site-key b' 'status --what' \
        'host setup --site-key a --passphrase-file b'; do
        # shellcheck disable=SC2086
        expect 2 bulkhead $c
done
for c in '' status host 'host setup' 'host approve' vm 'vm define' 'vm undefine' 'vm list' \
        'vm show' 'vm seal' 'vm start' 'vm stop' \
        'vm destroy' measure attest verify; do
        # shellcheck disable=SC2086
        expect 0 bulkhead $c --help
        says Usage
done
# on a terminal: the bar is wiped away before the result is printed
script -qec "bulkhead measure 'disk:$work/a.img'" bar.out >/dev/null
tr '\r' '\n' <bar.out | grep -q '^<measurement' || fail 'the result stands behind the bar'
# nobody answers; nowhere to write to
expect 3 bulkhead --run /nonexistent status
says remedy
expect 3 bash -c 'bulkhead status --json >/dev/full'
expect 3 bash -c "bulkhead measure disk:$work/a.img >/dev/full"
expect 3 bash -c "bulkhead verify evidence.xml --trust '$trust' --challenge $challenge >/dev/full"
expect 3 bulkhead attest attest.xml -o /dev/full --trust "$trust"

# what cannot be measured
ln -s a.img link
mkfifo fifo
for t in disk:"$work/link" disk:"$work/fifo" disk:/dev/null luks:"$work/a.img" \
        nosuch:"$work/a.img" ../../disk:"$work/a.img" disk:/proc/self/mem; do
        expect 1 bulkhead measure "$t"
done
# What is missing, or a folder, is no refusal.
for t in disk:"$work/none" disk:"$work"; do expect 3 bulkhead measure "$t"; done
# One name is one target, here and for the daemons: links from /dev to /dev, and no others.
if ((EUID == 0)) && [[ -w /dev/shm ]]; then
        shm=/dev/shm/bulkhead-test-$$
        cp a.img $shm.img
        ln -s $shm.img $shm.link
        attesting LOG disk:$shm.link >linked.xml
        expect 0 bulkhead measure disk:$shm.link
        measured=$output
        expect 0 bulkhead attest linked.xml -o linked-evidence.xml
        grep -qF "$measured" linked-evidence.xml || fail 'the daemons measure something else'
        rm -f $shm.img $shm.link
fi
ln -s . folder
expect 1 bulkhead measure "disk:$work/folder/a.img"
says "name the real path: $work/a.img"
attesting LOG "disk:$work/folder/a.img" >linked.xml
expect 1 bulkhead attest linked.xml
says "name the real path: $work/a.img"
# a name that no document can carry is the name's fault, and no plug-in's
cp a.img $'a\nb.img'
expect 1 bulkhead measure "disk:$work/"$'a\nb.img'
says 'without control characters'
says_not author
cp a.img $'a\xff.img'
expect 1 bulkhead measure "disk:$work/"$'a\xff.img'
says 'rename the file'
# standard input
same "$(bulkhead measure disk:- <a.img | grep -o 'sha256:[0-9a-f]*')" \
        "sha256:$(sha256sum a.img | cut -d' ' -f1)" 'of standard input'
expect 1 bash -c 'cat a.img | bulkhead measure disk:-'
# any user, no daemon
if ((EUID == 0)) &&
        setpriv --reuid nobody --regid nogroup --clear-groups test -x "$(command -v bulkhead)"; then
        cp a.img /tmp/bulkhead-test-$$.img && chmod 0644 /tmp/bulkhead-test-$$.img
        expect 0 env BULKHEAD_RUN=/nonexistent setpriv --reuid nobody --regid nogroup \
                --clear-groups \
                "$(command -v bulkhead)" measure disk:/tmp/bulkhead-test-$$.img
        rm -f /tmp/bulkhead-test-$$.img
fi

# what is written never replaces what is read, by whatever path
ln -f evidence.xml linked.xml && ln -sf "$PWD/evidence.xml" link.xml
cp evidence.xml before.xml
for f in evidence.xml ./evidence.xml linked.xml link.xml; do
        expect 2 bulkhead attest evidence.xml -o "$f"
        expect 2 bulkhead attest - -o "$f" <evidence.xml
        expect 2 bulkhead attest /dev/null --trust evidence.xml -o "$f"
        expect 2 bulkhead host approve --image evidence.xml --print "$f"
        says 'another file than'
done
cmp evidence.xml before.xml || fail 'the input is overwritten'

# hostile evidence
size=$(stat -c %s evidence.xml)
for ((n = 0; n < size; n += size / $(rounds 40 8))); do
        head -c "$n" evidence.xml >bad.xml
        bulkhead verify bad.xml --trust "$trust" --challenge "$challenge" >bad.out 2>&1
        # an empty file is no evidence, and no verdict
        (($? == (n ? 1 : 3))) || { cat bad.out; fail "evidence cut at $n"; }
        cp evidence.xml bad.xml
        flip bad.xml "$n"
        bulkhead verify bad.xml --trust "$trust" --challenge "$challenge" >bad.out 2>&1
        (($? == 1)) || { cat bad.out; fail "evidence changed at $n"; }
done
{ echo '<!DOCTYPE e [<!ENTITY x SYSTEM "file:///etc/passwd">]>'; cat evidence.xml; } >bad.xml
expect 1 bulkhead verify bad.xml --trust "$trust" --challenge "$challenge"
cat evidence.xml evidence.xml >bad.xml
expect 1 bulkhead verify bad.xml --trust "$trust" --challenge "$challenge"
head -c 17M /dev/zero >bad.xml
expect 3 bulkhead verify bad.xml --trust "$trust" --challenge "$challenge"
# a trust record of somebody else, cut, or changed
for ((n = 1; n + 1 < $(stat -c %s "$trust"); n += $(rounds 37 200))); do
        head -c "$n" "$trust" >bad.trust
        bulkhead verify evidence.xml --trust bad.trust --challenge "$challenge" >bad.out 2>&1
        (($? == 3)) || { cat bad.out; fail "trust record cut at $n"; }
done

# hostile descriptors: refused here already, and by the daemon's own worker
{ echo '<!DOCTYPE d [<!ENTITY x "y">]>'; cat attest.xml; } >bad.xml
expect 1 bulkhead attest bad.xml
python3 -c 'print("<attestation-desc>" + "<a>" * 100000)' >bad.xml
expect 1 bulkhead attest bad.xml
head -c 2M /dev/zero >bad.xml
expect 1 bulkhead attest bad.xml
vm cmdline
expect 1 bulkhead vm seal cmdline bad.xml --format
{ echo '<!DOCTYPE d [<!ENTITY x "y">]>'; cat cmdline-seal.xml; } >bad.xml
expect 1 bulkhead vm seal cmdline bad.xml --format
expect 1 bulkhead vm seal cmdline attest.xml --format
cryptsetup isLuks cmdline-data.img && fail 'a refused seal has formatted the disk'
# what a descriptor says is shown without what a terminal would obey
sed "s|key=\"[^\"]*\"|key=\"a$(printf '\302\23331mb\342\200\256')\"|" cmdline-seal.xml >bad.xml
expect 0 bulkhead vm seal cmdline bad.xml --format
expect 0 bulkhead vm show cmdline
says 'key="a?31mb?"'
printf 'name = "x"\nbootloader = "pygrub"\n' >bad.cfg
expect 1 bulkhead vm define bad.cfg
head -c 100K /dev/urandom >bad.cfg
expect 1 bulkhead vm define bad.cfg
expect 0 bulkhead status
