#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every command that a text of Bulkhead tells a person to give exists as it is written there.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/common.bash"

command -v python3 >/dev/null || skip 'python3 is missing'
cd "$top" || exit 2
[[ -f lib/status.c ]] || skip 'the sources are not here'
folders=(compartment-mgr integrity-mgr lib measure plugins policy proof svdm tools tpm verifier xml)
expect 0 python3 tests/system/remedies.py "$(command -v bulkhead)" "${folders[@]}"
echo "$output"
# It finds what is wrong: an option that there is not, a command that there is not, a placeholder.
mkdir -p "$work/bad"
for text in 'bulkhead vm undefine --forget %s' 'bulkhead vm halt %s' 'bulkhead vm stop NAME' \
        'bulkhead vm start' 'cryptsetup luksRepair %s' 'cryptsetup open --test %s'; do
        printf 'f(.remedy = "x: "\n "%s");\n' "$text" >"$work/bad/bad.c"
        output=$(python3 tests/system/remedies.py "$(command -v bulkhead)" "$work/bad" 2>&1)
        says "$text:"
done
