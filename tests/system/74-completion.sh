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

# --- what there is: descriptors, devices, key slots, jobs --------------------------------------
echo opener >pass
expect 0 bulkhead vm seal comp comp-seal.xml --format --passphrase-file pass
same "$(bulkhead vm passphrase list comp --json |
        sed -n '/"slot":/{s/[^0-9]//g;h;};/"kind": *"passphrase"/{g;p;}')" 1 'the slot of a person'
offers bulkhead vm seal comp ''
same "$output" ' a filexml ' 'a descriptor'
offers bulkhead verify x.xml --descriptor ''
same "$output" ' a filexml ' 'a descriptor'
for c in attach detach; do
        offers bulkhead vm $c comp ''
        same "$output" ' xvda xvdb ' 'the devices of the VM'
done
offers bulkhead vm detach com
same "$output" ' comp ' 'a VM before its device'
offers bulkhead vm passphrase change comp --slot ''
same "$output" ' 1 ' 'the slots of passphrases'
offers bulkhead vm passphrase remove --slot ''
says_not 0

# The other shells offer the same.
if command -v fish >/dev/null; then
        fish_offers() { # TEXT
                output=" $(fish --no-config -c "source $top/packaging/bulkhead.fish
                        complete -C '$1'" | tr '\n' ' ')"
                echo "fish: $1: $output"
        }
        fish_offers 'bulkhead vm detach '
        says ' comp '
        fish_offers 'bulkhead vm detach comp '
        says ' xvdb '
        fish_offers 'bulkhead vm passphrase change comp --slot '
        same "$output" ' 1 ' 'fish: slots'
        fish_offers 'bulkhead vm seal comp '
        says 'comp-seal.xml'
fi
if command -v zsh >/dev/null; then
        zsh_offers() { # WORD...
                # shellcheck disable=SC2016
                output=" $(zsh -fc '
                        compadd() { [[ $1 == -a ]] && print -l -- ${(P)2} }
                        _files() { print -- "a file${2-}" }
                        _describe() { print -l -- ${(P)2} }
                        f=$1; shift; words=("$@"); CURRENT=$#words
                        body=$(<$f); eval "${body%_bulkhead*}"; _bulkhead' \
                        zsh "$top/packaging/bulkhead.zsh" "$@" | tr '\n' ' ')"
                echo "zsh: $*: $output"
        }
        zsh_offers bulkhead vm detach ''
        says ' comp '
        zsh_offers bulkhead vm detach comp ''
        same "$output" ' xvda xvdb ' 'zsh: devices'
        zsh_offers bulkhead vm passphrase change comp --slot ''
        same "$output" ' 1 ' 'zsh: slots'
        zsh_offers bulkhead vm seal comp ''
        same "$output" ' a file*.xml ' 'zsh: a descriptor'
fi
true
