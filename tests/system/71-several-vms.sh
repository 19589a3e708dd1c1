#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Several VMs in one command: each is reported, and the status is that of the worst. The list is in
# order, aligned, and the same as JSON; --quiet says nothing of what was done.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/common.bash"

# of_json EXPRESSION: in Python, of the JSON v on standard input.
of_json() { python3 -c "import json, sys; v = json.load(sys.stdin); print($1)"; }

for name in second-of-them a1; do
        vm "$name"
        expect 0 bulkhead vm seal --format "$name" "$name-seal.xml"
done
names() { bulkhead vm list | awk 'NR > 1 { print $1 }'; }
same "$(names)" "$(names | LC_ALL=C sort)" 'order of the list'
# every row's UUID begins in the same column as the title's
columns=$(bulkhead vm list | awk '{ print index($0, $NF) }' | sort -u | wc -l)
same "$columns" 1 'columns in which the last one begins'
same "$(bulkhead vm show a1 --json | of_json 'v["domid"], type(v["config"]).__name__')" \
        'None dict' 'one that is stopped'

expect 0 bulkhead vm start a1 second-of-them
says 'a1: running'
says 'second-of-them: running'
same "$(bulkhead vm show a1 --json | of_json 'v["domid"] > 0')" True 'domid of one that runs'
# one is refused, the others are dealt with
expect 1 bulkhead vm suspend a1 no-such-vm second-of-them
says 'a1: suspended'
says 'second-of-them: suspended'
says 'no-such-vm: refused'
expect 2 bulkhead vm resume 'no name' a1
says 'a1: running'
output=$(bulkhead vm resume --json second-of-them 2>&1)
same "$(of_json 'v["state"]' <<<"$output")" running 'one as JSON'
output=$(bulkhead vm stop --json a1 second-of-them 2>&1)
same "$(of_json '" ".join(o["name"] for o in v)' <<<"$output")" \
        'a1 second-of-them' 'several as JSON'
expect 0 bulkhead vm autostart --quiet a1
same "$output" '' 'what --quiet says'
expect 1 bulkhead vm stop -q a1
says 'a1'
# the console is xl's; it is not asked for what has none
expect 1 bulkhead vm console a1
expect 1 bulkhead vm console no-such-vm
expect 0 bulkhead vm undefine --forget-key a1 --json
same "$(of_json "v['name'], v['forgotten'], v['disks'][0]['device']" <<<"$output")" \
        'a1 True xvdb' 'undefine as JSON'
# nothing is being done now; while something is, jobs and the refusal of another one name it
expect 0 bulkhead jobs
same "$output" 'no jobs' 'jobs at rest'
expect 0 bulkhead jobs --json
same "$(of_json v <<<"$output")" '[]' 'jobs at rest, as JSON'
expect 2 bulkhead jobs a1
