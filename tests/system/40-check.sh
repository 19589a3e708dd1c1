#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# vm define --check: 24 ordinary xl.cfg files are each answered in one round, without a daemon. A
# file is mended by what was said of it, and is then good.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/common.bash"

data=$top/tests/data/xl-cfg
alone=(env BULKHEAD_RUN="$work/no-daemon" bulkhead vm define --check)
good=()

while read -r things name; do
        if ((things)); then
                expect 1 "${alone[@]}" "$data/$name.cfg"
                same "$(grep -cE ': (wrong|refused): ' <<<"$output")" "$things" "$name: things"
                says "$things thing"
                good+=("$data/mended/$name.cfg")
        else
                good+=("$data/$name.cfg")
        fi
done <"$data/things"
same "${#good[@]}" 24 'files'
expect 0 "${alone[@]}" "${good[@]}"
same "$(grep -c ': good: can be defined' <<<"$output")" 24 'good files'

# Line and column, libxlutil's own words, and each key.
expect 1 "${alone[@]}" "$data/15-unquoted.cfg"
says '15-unquoted.cfg:1:8: wrong: name'
says "'web02', without quotes (libxlutil: config parsing error near \`web02': syntax error"
says '15-unquoted.cfg:4:1: honoured: memory'
says_not 'a key that this version does not know'
expect 1 "${alone[@]}" "$data/19-copied.cfg"
says "'xvda' and 'hda', which are one device to the guest"
says "'/dev/vg0/one' twice"
says "'00:16:3e:00:00:07' twice"
expect 1 "${alone[@]}" "$data/07-hvm-windows.cfg"
says "ignored: vnc '1': xl reads it for hvm guests alone"
says 'refused: builder'

# One file by two paths: the worker sees no files, the command does.
echo disk >a.img
ln -s a.img b.img
ln a.img c.img
cat >links.cfg <<END
name = "links"
kernel = "/boot/vmlinuz"
memory = 64
disk = [ '$work/a.img,raw,xvda,w', '$work/b.img,raw,xvdb,w', '$work/c.img,raw,xvdc,r' ]
END
expect 1 "${alone[@]}" links.cfg
says "'$work/a.img' and '$work/b.img', which are one disk"
says '4 things to change'

# What is there is looked at, what is not is undecided; JSON says the same.
cp "$data/17-bom.cfg" $'line\nfeed.cfg'
expect 0 "${alone[@]}" $'line\nfeed.cfg'
expect 3 "${alone[@]}" "$data/17-bom.cfg" missing.cfg "$data/15-unquoted.cfg"
says 'No such file or directory'
says '5 things to change'
expect 1 "${alone[@]}" --json "$data/17-bom.cfg" "$data/15-unquoted.cfg"
printf %s "$output" >json
python3 - <<END || fail JSON
import json, sys
one, two = json.load(open("json"))
assert one["good"] and one["config"]["name"] == "bom"
assert not two["good"] and two["config"] is None
assert two["findings"][0]["line"] == 1 and two["findings"][0]["column"] == 8
END

# A refused definition says how all of it can be had; nothing was defined by any of this.
expect 1 bulkhead vm define "$data/15-unquoted.cfg"
says "all        bulkhead vm define --check $data/15-unquoted.cfg"
expect 0 bulkhead vm list
says_not bom

# A name that no VM can have.
expect 2 bulkhead vm start 'my vm'
says "VM 'my vm'"
says 'letters, digits'
expect 2 bulkhead vm attach some 'no device'
expect 2 bulkhead vm undefine $'a\nb'

# --- what lies at the paths ----------------------------------------------------------------------
vm taken
cp taken-root.img fresh-root.img
cp taken-data.img fresh-data.img
config fresh 64 >fresh.cfg
vm_check() { expect "$1" bulkhead vm define --check "${@:2}"; }
changed() { sed "$1" fresh.cfg >changed.cfg; } # SED: another file
vm_check 0 fresh.cfg
says 'fresh.cfg: good: can be defined'
says_not 'not looked at'

# A kernel: missing, a link, a folder, empty. All of it is said in one round, beside what is wrong.
mkdir folder
: >empty
ln -s vmlinuz link
changed "s|$work/vmlinuz|$work/nowhere|"
vm_check 0 changed.cfg
says "changed.cfg:3:1: missing: kernel '$work/nowhere'"
says 'good: can be defined; 1 file to be made before vm seal'
for what in link:'a symbolic link' folder:'a folder' empty:'0 bytes'; do
        changed "s|$work/vmlinuz|$work/${what%%:*}|"
        vm_check 1 changed.cfg
        says "wrong: kernel '$work/${what%%:*}'"
        says "${what#*:}"
done
changed "s|$work/vmlinuz|$work/link|; s|fresh-data|no-data|; s|fresh-root.img|../x|
        s/vcpus = 1/vcpus = no/"
vm_check 1 changed.cfg
says "wrong: kernel '$work/link'"
says "remedy    name the real path: $work/vmlinuz"
says "missing: disk '$work/no-data.img'"
says 'an absolute path without ..'
says 'wrong: vcpus'
says "'no'"

# A disk by a link, a disk that is none, one that another VM has, by its path and by another one.
ln -s fresh-data.img link.img
changed 's/fresh-data/link/'
vm_check 1 changed.cfg
says "name the real path: $work/fresh-data.img"
changed "s|$work/fresh-data.img|/dev/null|"
vm_check 1 changed.cfg
says 'a character device'
changed 's/fresh-data/taken-data/'
vm_check 1 changed.cfg
says 'VM taken has it, too'
ln taken-data.img other.img
changed 's/fresh-data/other/'
vm_check 1 changed.cfg
says "VM taken has it as '$work/taken-data.img'"
changed 's/fresh-root/taken-root/' # both only read it
vm_check 0 changed.cfg
# ... and so do files that are checked together.
sed 's/^name = .*/name = "third"/; s/fresh-data/taken-data/' fresh.cfg >third.cfg
expect 1 "${alone[@]}" taken.cfg third.cfg
says 'taken.cfg has it, too'

# Whose name and UUID it has.
vm_check 0 taken.cfg
says 'defined already: VM taken'
says 'remedy    bulkhead vm define --replace=taken taken.cfg'
changed '1s/.*/name = "taken"\nuuid = "11111111-2222-4333-8444-555555555555"/'
vm_check 1 changed.cfg
says 'VM taken has another UUID'
changed "1s/.*/name = \"fresh\"\nuuid = \"$(field taken uuid)\"/"
vm_check 0 changed.cfg
says 'bulkhead vm define --replace=taken changed.cfg'
expect 1 "${alone[@]}" fresh.cfg changed.cfg
says "'fresh', which fresh.cfg has, too"

# What cannot be looked at is named: without a daemon, and without rights.
expect 0 "${alone[@]}" fresh.cfg
says 'not looked at: what other VMs have'
says 'good: can be defined; not all was looked at'
((EUID)) || {
        mkdir -m 700 closed
        cp vmlinuz closed/
        changed "s|$work/vmlinuz|$work/closed/vmlinuz|"
        vm_check 0 changed.cfg
        says_not 'not looked at'
        chmod a+rx . "$(dirname "$(command -v bulkhead)")" 2>/dev/null
        if output=$(setpriv --reuid=65534 --regid=65534 --clear-groups \
                bulkhead vm define --check changed.cfg 2>&1) || [[ $output == *'things to'* ]]; then
                echo "$output"
                says "not looked at: kernel '$work/closed/vmlinuz'"
                says 'Permission denied'
                says 'not looked at: what other VMs have'
        else
                echo "not tried: without rights: $output"
        fi
}
