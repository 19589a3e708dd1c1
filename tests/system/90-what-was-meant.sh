#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A command that has no effect where it is given says what is the case, and its remedy leads to what
# was meant: site keys, groups, VMs that are what they should become already.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/common.bash"

refused() { # STATUS FOUND REMEDY COMMAND...: both are said
        expect "$1" "${@:4}"
        says "$2"
        says "$3"
}

# --- a site key in the TPM: nothing else signs ---------------------------------------------------
openssl ecparam -name prime256v1 -genkey -noout -out site.pem 2>/dev/null
openssl pkey -in site.pem -pubout -out public.pem
echo x >signature
(umask 077 && echo 'correct horse' >pass)
for command in 'host approve' 'host approve --pcr 4=0' 'host retire --approve-present'; do
        [[ $command != *pcr* ]] || command="${command%0}$(printf '1%.0s' {1..64})"
        for option in '--site-key site.pem' '--site-key public.pem' '--signature signature' \
                '--print to-sign'; do
                # shellcheck disable=SC2086
                refused 2 'lies in this TPM' "leave ${option%% *} out" bulkhead $command $option
                says '--passphrase-file FILE'
                says_not 'ends for ever'
        done
done
[[ ! -e to-sign ]] || fail 'something was written that nobody can sign'
# What is set up is set up: said before a passphrase is asked for, with what the host has.
for option in '' '--passphrase-file pass' '--site-key public.pem' '--site-key site.pem' \
        '--bank sha384 --passphrase-file pass'; do
        # shellcheck disable=SC2086
        refused 1 'a site key in this TPM' 'bulkhead host approve' bulkhead host setup $option \
                </dev/null
        says 'exists already'
done

# --- a VM that is what it should become ----------------------------------------------------------
opposite() { # COMMAND...: not as a remedy
        [[ $output != *"remedy"*"bulkhead vm $1"* ]] || fail "a remedy that does the opposite: $1"
}
vm meant
expect 0 bulkhead vm seal meant meant-seal.xml --format --no-recovery
while read -r state command other; do
        if [[ $(state_of meant) != "$state" ]]; then
                [[ $state == running ]] && to=start || to=suspend
                expect 0 bulkhead vm "$to" meant
        fi
        device=
        [[ $command != *:* ]] || device=${command#*:}
        expect 1 bulkhead vm "${command%%:*}" meant ${device:+"$device"}
        opposite "$other"
        says "found     "
        says "${state/running/$([[ $device ]] && echo attached || echo running)}"
done <<END
stopped stop: start
stopped suspend: start
stopped hibernate: start
stopped detach:xvdb start
running start: stop
running resume: suspend
running attach:xvdb detach
suspended suspend: resume
suspended start: stop
suspended attach:xvdb stop
END
says "remedy    bulkhead vm resume meant"
expect 0 bulkhead vm resume meant
expect 0 bulkhead vm detach meant xvdb
expect 1 bulkhead vm detach meant xvdb
says 'not attached: nothing is to be done'
opposite attach
expect 0 bulkhead vm attach meant xvdb
expect 0 bulkhead vm stop meant
expect 1 bulkhead vm stop meant
says 'stopped: nothing is to be done'
says_not remedy
