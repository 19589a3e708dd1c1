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
same "$(grep -c ': good: can be defined$' <<<"$output")" 24 'good files'

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
says '3 things to change'

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
