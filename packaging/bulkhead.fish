# SPDX-License-Identifier: Apache-2.0
# fish completion for bulkhead(8). What it offers is what --help says: commands, options, VMs.

function __bulkhead_command --description 'the command so far, at most two words'
    set -l words (commandline -opc)
    for w in $words[2..-1]
        string match -q -- '-*' $w; and continue
        echo $w
        contains -- $w vm host; or return
        set -q found; and return
        set -g found yes
    end
end

function __bulkhead_commands --description 'the commands below the one so far'
    set -l so_far (__bulkhead_command)
    set -e found
    test (count $so_far) -eq 0; or test "$so_far" = vm; or test "$so_far" = host; or return
    bulkhead $so_far --help 2>/dev/null | string match -rg '^  ([a-z]+ +.*)$' |
        string replace -r ' +' \t
end

function __bulkhead_options --description 'the options of the command so far'
    set -l so_far (__bulkhead_command)
    set -e found
    bulkhead $so_far --help 2>/dev/null | string match -rg '^ +(?:-[a-z], )?(--[a-z-]+)'
end

function __bulkhead_vms
    bulkhead vm list --json 2>/dev/null | string match -rag '"name": *"([^"]+)"'
end

function __bulkhead_jobs
    bulkhead jobs --json 2>/dev/null | string match -rag '"name": *"([0-9]+)"'
end

complete -c bulkhead -n 'test (count (__bulkhead_command)) -lt 2' -f -a '(__bulkhead_commands)'
complete -c bulkhead -n 'string match -q -- "-*" (commandline -ct)' -f -a '(__bulkhead_options)'
complete -c bulkhead -n '__fish_seen_subcommand_from vm' -a '(__bulkhead_vms)'
complete -c bulkhead -n '__fish_seen_subcommand_from cancel' -f -a '(__bulkhead_jobs)'
