#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A site key that lives elsewhere: openssl signs, this host never sees the private key.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/common.bash"

other=$work/run
made=()
trap '"$top/scripts/down" "$other" --quiet; rm -rf "$work"' EXIT
openssl ecparam -name prime256v1 -genkey -noout -out site.pem 2>/dev/null
openssl pkey -in site.pem -pubout -out public.pem
openssl ecparam -name prime256v1 -genkey -noout -out thief.pem 2>/dev/null
openssl genrsa -out rsa.pem 2048 2>/dev/null
openssl pkey -in rsa.pem -pubout -out rsa-public.pem
B=$(dirname "$(command -v bulkhead)") "$top/scripts/up" "$other" --no-setup || fail 'up'
# shellcheck source=/dev/null
. "$other/env"
expect 3 bulkhead host approve --site-key site.pem
expect 1 bulkhead host setup --site-key rsa-public.pem
expect 1 bulkhead host setup --site-key site.pem
expect 0 bulkhead host setup --site-key public.pem
expect 1 bulkhead status --trust
expect 1 bulkhead host setup --site-key public.pem
expect 0 bulkhead host approve --print to-sign
openssl dgst -sha256 -sign thief.pem -out signature to-sign
expect 1 bulkhead host approve --signature signature
vm elsewhere
expect 1 bulkhead vm seal elsewhere elsewhere-seal.xml --format
openssl dgst -sha256 -sign site.pem -out signature to-sign
expect 0 bulkhead host approve --signature signature
expect 0 bulkhead host approve --site-key site.pem --json
expect 0 bulkhead status --trust
says 'enrolled: no'
expect 0 bulkhead vm seal elsewhere elsewhere-seal.xml --format
expect 0 bulkhead vm start elsewhere
expect 0 bulkhead vm stop elsewhere
