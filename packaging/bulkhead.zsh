#compdef bulkhead
# SPDX-License-Identifier: Apache-2.0
# zsh completion for bulkhead(8). What it offers is what --help says: commands, options;
# and what there is: VMs, their devices and key slots, jobs, descriptors.

_bulkhead_commands() {
        bulkhead $@ --help 2>/dev/null |
                sed -n '/^Commands:/,/^$/s/^  \([a-z]*\)  *\(.*\)/\1:\2/p'
}

_bulkhead() {
        local -a so_far offered
        local w vm
        local -i i
        # The words that name the command: those of a table that has commands below it go on.
        for ((i = 2; i < CURRENT; i++)); do
                w=$words[i]
                [[ $w == -* || $words[i-1] == --(run|libexec|plugins|share) ]] && continue
                offered=(${(f)"$(_bulkhead_commands $so_far)"})
                [[ -n ${(M)offered:#$w:*} ]] || break
                so_far+=($w)
        done
        if [[ $words[CURRENT] == -* ]]; then
                offered=(${(f)"$(bulkhead $so_far --help 2>/dev/null |
                        sed -n 's/^  *\(-., \)\{0,1\}\(--[a-z-]*\).*/\2/p')"})
                compadd -a offered
                return
        fi
        offered=(${(f)"$(_bulkhead_commands $so_far)"})
        if (($#offered)); then
                _describe command offered
                return
        fi
        if [[ $so_far[1] == cancel ]]; then
                offered=(${(f)"$(bulkhead jobs --json 2>/dev/null |
                        sed -n 's/^ *"name": *"\([0-9]*\)".*/\1/p')"})
                compadd -a offered
                return
        fi
        if [[ $words[CURRENT-1] == --descriptor || $so_far[1] == (attest|verify) &&
                $words[CURRENT-1] != -* ]]; then
                _files -g '*.xml'
                return
        fi
        if [[ $so_far[1] == vm ]]; then
                offered=(${(f)"$(bulkhead vm list --json 2>/dev/null |
                        sed -n 's/^ *"name": *"\([^"]*\)".*/\1/p')"})
                # The VM that is named already, if one is.
                for ((i = 2 + $#so_far; i < CURRENT; i++)); do
                        [[ -z $vm && -n $words[i] && -n ${(M)offered:#$words[i]} ]] && vm=$words[i]
                done
                if [[ $words[CURRENT-1] == --slot ]]; then
                        # Those of passphrases: the seal's are nobody's to change.
                        offered=(${(f)"$(bulkhead vm passphrase list "$vm" --json 2>/dev/null |
                                sed -n '/"slot":/{s/[^0-9]//g;h;};/"kind": *"passphrase"/{g;p;}' |
                                sort -nu)"})
                        compadd -a offered
                        return
                elif [[ -n $vm && $so_far[2] == (attach|detach) ]]; then
                        offered=(${(f)"$(bulkhead vm show "$vm" --json 2>/dev/null |
                                sed -n 's/^ *"device": *"\([^"]*\)".*/\1/p' | sort -u)"})
                        compadd -a offered
                        return
                elif [[ -n $vm && $so_far[2] == seal && $words[CURRENT-1] != -* ]]; then
                        _files -g '*.xml'
                        return
                fi
                [[ $words[CURRENT-1] == -* ]] || compadd -a offered
        fi
        _files
}

_bulkhead "$@"
