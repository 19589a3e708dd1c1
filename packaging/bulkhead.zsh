#compdef bulkhead
# SPDX-License-Identifier: Apache-2.0
# zsh completion for bulkhead(8). What it offers is what --help says: commands, options, VMs.

_bulkhead() {
        local -a so_far offered
        local w
        for w in ${words[2,CURRENT-1]}; do
                [[ $w == -* ]] && continue
                so_far+=($w)
                [[ $so_far[1] == (vm|host) && $#so_far == 1 ]] || break
        done
        if [[ $words[CURRENT] == -* ]]; then
                offered=(${(f)"$(bulkhead $so_far --help 2>/dev/null |
                        sed -n 's/^  *\(-[a-z], \)\{0,1\}\(--[a-z-]*\).*/\2/p')"})
                compadd -a offered
                return
        fi
        if (($#so_far == 0)) || [[ $#so_far == 1 && $so_far[1] == (vm|host) ]]; then
                offered=(${(f)"$(bulkhead $so_far --help 2>/dev/null |
                        sed -n '/^Commands:/,/^$/s/^  \([a-z]*\)  *\(.*\)/\1:\2/p')"})
                _describe command offered
                return
        fi
        if [[ $so_far[1] == cancel ]]; then
                offered=(${(f)"$(bulkhead jobs --json 2>/dev/null |
                        sed -n 's/^ *"name": *"\([0-9]*\)".*/\1/p')"})
                compadd -a offered
                return
        fi
        if [[ $so_far[1] == vm ]]; then
                offered=(${(f)"$(bulkhead vm list --json 2>/dev/null |
                        sed -n 's/^ *"name": *"\([^"]*\)".*/\1/p')"})
                compadd -a offered
        fi
        _files
}

_bulkhead "$@"
