#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Recovery keys and key files: made, printed once, wrapped; any bytes, as cryptsetup(8) reads them.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/common.bash"

must_open() { # DISK KEY-FILE ...
        cryptsetup open --test-passphrase --disable-locks --key-file "$2" "${@:3}" "$1" ||
                fail "$2 does not open $1"
}
quick=(--pbkdf pbkdf2 --pbkdf-force-iterations 1000)

vm keys
expect 0 bulkhead vm seal keys keys-seal.xml --format --json
[[ $output =~ \"recovery_key\":\ ?\"(([cbdefghijklnrtuv]{8}-){7}[cbdefghijklnrtuv]{8})\" ]] ||
        fail 'no recovery key'
printf %s "${BASH_REMATCH[1]}" >recovery
must_open keys-data.img recovery
# A token tells which slot a recovery key opens, to people alone.
expect 0 bulkhead vm passphrase list keys
same "$(grep -c 'recovery key, as a token says' <<<"$output")" 1 'recovery keys'
echo 'first words' >words
expect 0 bulkhead vm passphrase add keys --new-passphrase-file words
expect 0 bulkhead vm passphrase list keys
same "$(grep -c 'recovery key, as a token says' <<<"$output")" 1 'recovery keys'
grep -qE 'argon2id +passphrase$' <<<"$output" || fail 'a passphrase is no recovery key'
expect 0 bulkhead vm passphrase remove keys --passphrase-file words
# Bulkhead keeps it nowhere. What this script and its log have may lie in the state folder, too.
kept=$(grep -rlF "$(cat recovery)" "$BULKHEAD_RUN" "$BULKHEAD_STATE" 2>/dev/null |
        grep -vF "$(dirname "$work")/")
same "$kept" '' 'what keeps the recovery key'
expect 0 bulkhead vm undefine keys
says 'a recovery key opens it, and no passphrase'
must_open keys-data.img recovery

# For the holder of a key alone, RSA or EC.
for how in RSA EC; do
        [[ $how == RSA ]] && made=(-pkeyopt rsa_keygen_bits:2048) ||
                made=(-pkeyopt ec_paramgen_curve:P-256)
        openssl genpkey -quiet -algorithm $how "${made[@]}" -out private.pem
        openssl pkey -in private.pem -pubout -out public.pem
        made=()
        vm "wrap$how"
        bulkhead vm seal "wrap$how" "wrap$how-seal.xml" --format --recovery-to public.pem \
                >wrapped ||
                fail 'seal --recovery-to'
        sed -n '/BEGIN CMS/,/END CMS/p' wrapped >recovery.pem
        openssl cms -decrypt -inform PEM -in recovery.pem -inkey private.pem -out recovery ||
                fail "openssl does not open what is wrapped for $how"
        must_open "wrap$how-data.img" recovery
        forget "wrap$how"
done
echo nothing >public.pem
vm bad
expect 1 bulkhead vm seal bad bad-seal.xml --format --recovery-to public.pem
says 'openssl pkey'

# Key files: every byte counts, from an offset, so many.
printf 'line\n\0after\377' >bytes
cryptsetup luksFormat -q --type luks2 "${quick[@]}" bad-data.img bytes
expect 1 bulkhead vm seal bad bad-seal.xml --passphrase-file bytes
expect 0 bulkhead vm seal bad bad-seal.xml --key-file bytes
head -c 100000 /dev/urandom >big
expect 0 bulkhead vm passphrase add bad --new-key-file big --new-keyfile-offset 7 \
        --new-keyfile-size 99000
must_open bad-data.img big --keyfile-offset 7 --keyfile-size 99000
expect 0 bulkhead vm passphrase remove bad --key-file big --keyfile-offset 7 --keyfile-size 99000
expect 2 bulkhead vm passphrase add bad --new-key-file big --new-keyfile-offset 99999 \
        --new-keyfile-size 2
says '2 bytes from byte 99999'
: >empty
expect 2 bulkhead vm passphrase add bad --new-key-file empty
# With its line feed, or without it.
echo fed >fed
cryptsetup luksFormat -q --type luks2 "${quick[@]}" keys-data.img fed
expect 0 bulkhead vm define keys.cfg
expect 1 bulkhead vm seal keys keys-seal.xml --passphrase-file fed
says 'with its line feed'
says --key-file
expect 0 bulkhead vm seal keys keys-seal.xml --key-file fed
