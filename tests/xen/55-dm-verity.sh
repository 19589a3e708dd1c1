#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The root that Bulkhead measures is one under which the kernel's dm-verity reads the image, and
# with a changed byte refuses to.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/../system/common.bash"
trap 'r=$?; veritysetup close bed-verity 2>/dev/null; (exit $r); at_exit' EXIT

salt=00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff
head -c 4M /dev/urandom >a.img
expect 0 bulkhead measure --verity --salt "$salt" "disk:$work/a.img"
root=$(grep -oE '[0-9a-f]{64}' <<<"$output" | grep -v "$salt" | sort -u)
expect 0 veritysetup format --salt "$salt" --hash sha256 --data-block-size 4096 \
        --hash-block-size 4096 a.img a.hash
says "$(sed -n 's/^Root hash:[ \t]*//p' <<<"$output")"
theirs=$(sed -n 's/^Root hash:[ \t]*//p' <<<"$output")
grep -qx "$theirs" <<<"$root" || fail "the roots differ: '$root' and '$theirs'"
ours=$(grep -x "$theirs" <<<"$root")
expect 0 veritysetup open a.img bed-verity a.hash "$ours"
cmp a.img /dev/mapper/bed-verity || fail 'dm-verity reads something else'
expect 0 veritysetup status bed-verity
says verified
expect 0 veritysetup close bed-verity

flip a.img 2000000
expect 0 veritysetup open a.img bed-verity a.hash "$ours"
cat /dev/mapper/bed-verity >/dev/null 2>&1 && fail 'a changed byte was read'
expect 0 veritysetup close bed-verity
expect 1 bash -c "bulkhead measure --verity --salt $salt disk:$work/a.img | grep -q $ours"
