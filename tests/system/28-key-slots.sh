#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Key slots of a VM's disks: whose they are, what an undefine leaves of them, and passphrases that
# are added, changed and removed while the seal goes on opening. cryptsetup(8) is the judge.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/common.bash"

opens() { # DISK KEY-FILE
        cryptsetup open --test-passphrase --disable-locks --key-file "$2" "$1" 2>/dev/null
}
must_open() { opens "$1" "$2" || fail "$2 does not open $1"; }
must_not_open() { ! opens "$1" "$2" || fail "$2 opens $1"; }
slots() { cryptsetup luksDump --disable-locks "$1" | grep -c ': luks2$'; }
tokens() { cryptsetup luksDump --disable-locks "$1" | grep -c ': bulkhead$'; }
quick=(--pbkdf pbkdf2 --pbkdf-force-iterations 1000)
for i in day other third; do printf %s "$i" >$i; done

# Whoever has the disk imports a token that points to a person's slot: it is believed by nobody.
vm token
cryptsetup luksFormat -q --type luks2 "${quick[@]}" token-data.img day
expect 0 bulkhead vm seal token token-seal.xml --passphrase-file day
printf '{"type":"bulkhead","keyslots":["0"],"vm":"%s"}' "$(field token uuid)" |
        cryptsetup token import --disable-locks --json-file - token-data.img
expect 0 bulkhead vm passphrase list token
says 'not proved'
expect 0 bulkhead vm seal token token-seal.xml
must_open token-data.img day
same "$(slots token-data.img)" 2 'number of key slots'
expect 0 bulkhead vm seal token token-seal.xml --passphrase-file day
must_open token-data.img day
same "$(slots token-data.img)" 2 'number of key slots'
expect 0 bulkhead vm start token
expect 0 bulkhead vm stop token

# An undefine removes what the seal made of the disk, and says what opens the disk.
forget token
vm round
cryptsetup luksFormat -q --type luks2 "${quick[@]}" round-data.img day
for ((i = 0; i < $(rounds 4 2); i++)); do
        expect 0 bulkhead vm seal round round-seal.xml --passphrase-file day
        same "$(slots round-data.img)" 2 'number of key slots'
        expect 0 bulkhead vm undefine round
        says 'a passphrase opens it'
        same "$(slots round-data.img)" 1 'number of key slots'
        same "$(tokens round-data.img)" 0 'number of tokens'
        expect 0 bulkhead vm define round.cfg
done
# Also where the seal would not open any more.
expect 0 bulkhead vm seal round round-seal.xml --passphrase-file day
flip round-root.img 99
expect 1 bulkhead vm start round
expect 0 bulkhead vm undefine round
same "$(slots round-data.img)" 1 'number of key slots'
must_open round-data.img day

# The seal's is the only key: not without a word.
vm alone
expect 0 bulkhead vm seal alone alone-seal.xml --format --no-recovery
says_not recovery
same "$(slots alone-data.img)" 1 'number of key slots'
expect 1 bulkhead vm undefine alone
says 'its only key'
says 'bulkhead vm passphrase add alone'
expect 0 bulkhead vm start alone
expect 1 bulkhead vm passphrase add alone --new-passphrase-file day
says 'bulkhead vm stop alone'
expect 0 bulkhead vm passphrase list alone
says 'seal'
expect 0 bulkhead vm stop alone

# Added, changed, removed: the VM starts after each.
starts() { expect 0 bulkhead vm start alone; expect 0 bulkhead vm stop alone; }
expect 0 bulkhead vm passphrase add alone --new-passphrase-file day
must_open alone-data.img day
starts
expect 0 bulkhead vm passphrase change alone --passphrase-file day --new-passphrase-file other
must_not_open alone-data.img day
must_open alone-data.img other
starts
expect 0 bulkhead vm passphrase change alone --slot 1 --new-passphrase-file third
must_open alone-data.img third
expect 1 bulkhead vm passphrase change alone --slot 0 --new-passphrase-file day
says "the seal's own"
expect 1 bulkhead vm passphrase remove alone --passphrase-file third
says --last
must_open alone-data.img third
expect 2 bulkhead vm passphrase remove alone --slot 32
expect 0 bulkhead vm passphrase add alone --new-passphrase-file day
expect 0 bulkhead vm passphrase remove alone --passphrase-file third
must_not_open alone-data.img third
must_open alone-data.img day
starts
# The same passphrase twice is refused, by add and by change; a slot that has it all the same, as by
# cryptsetup, is named when another one with it goes.
expect 1 bulkhead vm passphrase add alone --new-passphrase-file day
says 'opens key slot'
says 'bulkhead vm passphrase list '
expect 0 bulkhead vm passphrase add alone --new-passphrase-file other
expect 1 bulkhead vm passphrase change alone --passphrase-file other --new-passphrase-file day
says 'opens key slot'
expect 1 bulkhead vm passphrase change alone --passphrase-file day --new-passphrase-file day
must_open alone-data.img other
expect 0 bulkhead vm passphrase remove alone --passphrase-file other
says_not 'still opens'
cryptsetup luksAddKey --disable-locks -q "${quick[@]}" --key-slot 5 --key-file day \
        alone-data.img day
expect 0 bulkhead vm seal alone alone-seal.xml --passphrase-file day
expect 0 bulkhead vm passphrase change alone --slot 5 --passphrase-file day \
        --new-passphrase-file other
says 'still opens key slot'
command=$(sed -n 's/^ *\(bulkhead vm passphrase remove alone .*\)/\1/p' <<<"$output")
# shellcheck disable=SC2086
expect 0 $command
must_not_open alone-data.img day
must_open alone-data.img other
expect 0 bulkhead vm passphrase change alone --passphrase-file other --new-passphrase-file day
starts
# Something else has changed: then a passphrase opens the disk, and the seal is not renewed.
flip alone-root.img 99
expect 1 bulkhead vm passphrase add alone --new-passphrase-file other
must_not_open alone-data.img other
expect 1 bulkhead vm passphrase remove alone --passphrase-file day --last
says 'the last way in'
expect 0 bulkhead vm passphrase add alone --passphrase-file day --new-passphrase-file other
says 'the seal did not open'
must_open alone-data.img other
expect 1 bulkhead vm start alone
expect 0 bulkhead vm seal alone alone-seal.xml --passphrase-file other
starts
expect 0 bulkhead vm passphrase remove alone --passphrase-file other
expect 0 bulkhead vm passphrase remove alone --passphrase-file day --last
same "$(slots alone-data.img)" 1 'number of key slots'
starts

# A VM with two encrypted disks.
vm pair
forget pair
truncate -s 24M pair-more.img
sed -i "s,rw\, target=$work/pair-data.img\" ],rw\, target=$work/pair-data.img\"\,\
 \"format=raw\, vdev=xvdc\, access=rw\, target=$work/pair-more.img\" ]," pair.cfg
sealing "vm:pair disk:$work/pair-root.img luks:$work/pair-data.img luks:$work/pair-more.img" \
        >pair-seal.xml
expect 0 bulkhead vm define pair.cfg
expect 0 bulkhead vm seal pair pair-seal.xml --format --passphrase-file day
same "$(slots pair-data.img)" 2 'number of key slots'

# A passphrase that one of its disks has already is added to the other alone.
cryptsetup luksAddKey --disable-locks -q "${quick[@]}" --key-file day pair-data.img other
expect 0 bulkhead vm seal pair pair-seal.xml --passphrase-file day
expect 0 bulkhead vm passphrase add pair --new-passphrase-file other
must_open pair-more.img other
same "$(slots pair-data.img)" 3 'number of key slots'
same "$(slots pair-more.img)" 3 'number of key slots'
expect 1 bulkhead vm passphrase add pair --new-passphrase-file other
says 'opens key slot'
expect 0 bulkhead vm start pair
expect 0 bulkhead vm stop pair

# A disk that cannot be read keeps no slot on the other, if its own key may go.
mv pair-more.img away.img
expect 1 bulkhead vm undefine pair
says pair-more.img
same "$(slots pair-data.img)" 3 'number of key slots'
expect 0 bulkhead vm undefine --forget-key pair
says pair-more.img
same "$(slots pair-data.img)" 2 'number of key slots'
same "$(tokens pair-data.img)" 0 'number of tokens'
must_open pair-data.img day
