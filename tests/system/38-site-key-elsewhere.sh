#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Where the site key lies elsewhere, no passphrase is asked for, and an epoch is retired by a
# signature that was made there.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/common.bash"

other=$work/run
B=$(dirname "$(command -v bulkhead)")
export B
trap 'leave_hosts "$other"' EXIT
openssl ecparam -name prime256v1 -genkey -noout -out site.pem 2>/dev/null
openssl pkey -in site.pem -pubout -out public.pem
"$top/scripts/up" "$other" --no-setup || fail 'up'
# shellcheck source=/dev/null
. "$other/env"
expect 0 bulkhead host setup --site-key public.pem --quiet
same "$output" '' 'what --quiet says'
(umask 077 && echo 'correct horse' >pass)
expect 2 bulkhead host approve </dev/null
says 'elsewhere'
says '--site-key'
expect 2 bulkhead host approve --passphrase-file pass
says 'elsewhere'
expect 0 bulkhead host approve --site-key site.pem
expect 0 bulkhead host approvals
says "$(openssl pkey -in site.pem -pubout -outform DER | sha256sum | cut -d' ' -f1)"
says 'kept elsewhere'
vm signed
expect 0 bulkhead vm seal signed signed-seal.xml --format
# Nobody is asked whether to retire what then cannot be approved.
for option in '' '--passphrase-file pass'; do
        # shellcheck disable=SC2086
        expect 2 bulkhead host retire --approve-present --yes $option </dev/null
        says 'it lies elsewhere'
        says_not 'ends for ever'
done
expect 1 bulkhead host approve --site-key public.pem
says 'a public one'
says '--signature'
expect 1 bulkhead host setup </dev/null
says 'a site key that lies elsewhere'
expect 0 bulkhead host retire --approve-present --print to-sign
openssl dgst -sha256 -sign site.pem -out signature to-sign
expect 0 bulkhead host retire --approve-present --signature signature --yes
expect 0 bulkhead vm start signed
expect 0 bulkhead vm stop signed
# The same signature is for an epoch that is present now, not for the next one.
expect 1 bulkhead host retire --approve-present --signature signature --yes
expect 0 bulkhead vm start signed
expect 0 bulkhead vm stop signed
expect 0 bulkhead host retire --approve-present --site-key site.pem --yes
expect 0 bulkhead vm start signed
expect 0 bulkhead vm stop signed
forget signed
