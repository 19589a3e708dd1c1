#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What the completion of bash offers is what --help says: commands at each level, options of each
# command, VMs, accounts, files.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/common.bash"

# What bash-completion gives: the words as they stand, and files.
_init_completion()
{
        words=("${asked[@]}") cword=$((${#asked[@]} - 1))
        cur=${asked[-1]} prev=${asked[-2]}
}
_filedir() { COMPREPLY=("a file${1-}"); }
compopt() { :; }
# shellcheck source=/dev/null
. "$top/packaging/bulkhead.bash-completion"
offers() { # WORDS... : what is offered for the last of them, in $output
        asked=("$@")
        COMPREPLY=()
        _bulkhead
        output=" ${COMPREPLY[*]} "
        echo "$*: $output"
}
vm comp
offers bulkhead ''
for c in status jobs host vm measure attest verify help; do says " $c "; done
offers bulkhead vm s
for c in show seal start stop suspend; do says " $c "; done
says_not ' list '
offers bulkhead --run "$BULKHEAD_RUN" vm passphrase ''
same "$output" ' add change remove list ' 'commands of the third level'
for c in 'status' 'vm start' 'vm passphrase change' 'host image' 'verify'; do
        # shellcheck disable=SC2086
        offers bulkhead $c --
        # shellcheck disable=SC2086
        for o in $(bulkhead $c --help | sed -nE 's/^ +(-., )?(--[a-z-]+).*/\2/p'); do
                says " $o "
        done
done
says_not ' --yes '
offers bulkhead vm start --
says_not ' --timeout '
offers bulkhead vm start com
same "$output" ' comp ' 'a VM'
offers bulkhead vm seal comp ./comp-s
says 'a file'
offers bulkhead vm seal comp x --passphrase-file ''
says 'a file'
offers bulkhead vm define c.cfg --owner roo
says ' root '
offers bulkhead attest ''
says 'a file'
offers bulkhead measure d
says ' disk: '
offers bulkhead help xl
says ' xl.cfg '
