# SPDX-License-Identifier: Apache-2.0
# fish completion for bulkhead(8). What it offers is what --help says: commands, options, VMs.

function __bulkhead_below --description 'the commands below one, each with what it does'
    bulkhead $argv --help 2>/dev/null | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\)  *\(.*\)/\1\t\2/p'
end

function __bulkhead_command --description 'the words that name the command so far'
    set -l words (commandline -opc)
    set -l so_far
    set -l last
    for w in $words[2..-1]
        if not string match -q -- '-*' $w
            and not contains -- "$last" --run --libexec --plugins --share
            __bulkhead_below $so_far | string match -q -- $w\t'*'; or break
            set -a so_far $w
        end
        set last $w
    end
    string join \n -- $so_far
end

function __bulkhead_commands --description 'the commands below the one so far'
    __bulkhead_below (__bulkhead_command)
end

function __bulkhead_options --description 'the options of the command so far'
    bulkhead (__bulkhead_command) --help 2>/dev/null | string match -rg '^ +(?:-., )?(--[a-z-]+)'
end

function __bulkhead_vms
    bulkhead vm list --json 2>/dev/null | string match -rag '"name": *"([^"]+)"'
end

function __bulkhead_jobs
    bulkhead jobs --json 2>/dev/null | string match -rag '"name": *"([0-9]+)"'
end

complete -c bulkhead -n 'count (__bulkhead_commands)' -f -a '(__bulkhead_commands)'
complete -c bulkhead -n 'string match -q -- "-*" (commandline -ct)' -f -a '(__bulkhead_options)'
complete -c bulkhead -n '__fish_seen_subcommand_from vm' -a '(__bulkhead_vms)'
complete -c bulkhead -n '__fish_seen_subcommand_from cancel' -f -a '(__bulkhead_jobs)'
