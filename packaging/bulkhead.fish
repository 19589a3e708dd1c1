# SPDX-License-Identifier: Apache-2.0
# fish completion for bulkhead(8). What it offers is what --help says: commands, options;
# and what there is: VMs, their devices and key slots, jobs, descriptors.

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

function __bulkhead_vm --description 'the VM that is named already'
    set -l vms (__bulkhead_vms)
    for w in (commandline -opc)
        contains -- $w $vms; and echo $w; and return
    end
    return 1
end

function __bulkhead_devices
    bulkhead vm show (__bulkhead_vm) --json 2>/dev/null |
        string match -rag '"device": *"([^"]+)"' | sort -u
end

function __bulkhead_slots --description 'those of passphrases: the seal\'s are nobody\'s to change'
    bulkhead vm passphrase list (__bulkhead_vm) --json 2>/dev/null |
        sed -n '/"slot":/{s/[^0-9]//g;h;};/"kind": *"passphrase"/{g;p;}' | sort -nu
end

function __bulkhead_wants_vm --description 'a VM is to be named, and none is'
    __fish_seen_subcommand_from vm; and not __bulkhead_vm >/dev/null
end

function __bulkhead_wants_device
    __fish_seen_subcommand_from attach detach; and __bulkhead_vm >/dev/null
end

function __bulkhead_wants_slot
    test (commandline -opc)[-1] = --slot
end

function __bulkhead_wants_descriptor
    __fish_seen_subcommand_from attest verify; and return
    test (commandline -opc)[-1] = --descriptor; and return
    __fish_seen_subcommand_from seal; and __bulkhead_vm >/dev/null
end

complete -c bulkhead -n 'count (__bulkhead_commands)' -f -a '(__bulkhead_commands)'
complete -c bulkhead -n 'string match -q -- "-*" (commandline -ct)' -f -a '(__bulkhead_options)'
complete -c bulkhead -n '__bulkhead_wants_vm; and not __bulkhead_wants_slot' -a '(__bulkhead_vms)'
complete -c bulkhead -n __bulkhead_wants_device -f -a '(__bulkhead_devices)'
complete -c bulkhead -n __bulkhead_wants_slot -f -a '(__bulkhead_slots)'
complete -c bulkhead -n __bulkhead_wants_descriptor -k -a '(__fish_complete_suffix .xml)'
complete -c bulkhead -n '__fish_seen_subcommand_from cancel' -f -a '(__bulkhead_jobs)'
