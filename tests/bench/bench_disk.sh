#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Disk measurement beside the tools that a user would pick instead, all in one run: medians of
# RUNS rounds (5), in which the contestants take turns. The limit to compare with is what OpenSSL
# hashes in blocks of 4 KiB on all cores. openssl speed without -multi counts processor time, so on
# a machine that does other things too the lines "per processor-second" are the ones to compare.
# SIZE in MiB (2048); B the build folder.
set -eu
B=${B:-build}
RUNS=${RUNS:-5}
SIZE=${SIZE:-2048}
cores=$(nproc)
dir=$(mktemp -d "${TMPDIR:-$B}/bench.XXXXXX")
trap 'rm -rf "$dir"' EXIT
image=$dir/image

openssl enc -aes-128-ctr -nosalt -pass pass:bench -pbkdf2 -in /dev/zero 2>/dev/null |
        head -c "${SIZE}M" >"$image"
cat "$image" >/dev/null

seconds() { # of a command
        start=$(date +%s%N)
        "$@" >"$dir/out" 2>&1
        end=$(date +%s%N)
        echo "$start $end" | awk '{ printf "%.4f\n", ($2 - $1) / 1e9 }'
}
median() { sort -n "$dir/$1" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

ours() { # HASH: one measurement of the tree, into files of that name
        "$B/bench_disk" "$image" verity "$cores" "$1" >"$dir/ours"
        read -r wall processor memory root way <"$dir/ours"
        echo "$wall" >>"$dir/$1.wall"
        echo "$processor" >>"$dir/$1.processor"
        echo "$memory" >>"$dir/memory"
}
speed() { # HASH: MiB/s of openssl on all cores, and of one
        openssl speed -multi "$cores" -evp "$1" -bytes 4096 -seconds 1 2>/dev/null |
                awk -v h="^$1" '$0 ~ h { sub("k", "", $2); print $2 / 1.048576 / 1000 }' \
                >>"$dir/$1.multi"
        openssl speed -evp "$1" -bytes 4096 -seconds 1 2>/dev/null |
                awk -v h="^$1" '$0 ~ h { sub("k", "", $2); print $2 / 1.048576 / 1000 }' \
                >>"$dir/$1.speed"
}

i=0
while [ $i -lt "$RUNS" ]; do
        ours sha384
        way384=$way
        speed sha384
        ours sha256
        speed sha256
        "$B/bench_disk" "$image" whole "$cores" sha256 | cut -d' ' -f1 >>"$dir/whole"
        rm -f "$dir/tree"
        seconds veritysetup format --salt - "$image" "$dir/tree" >>"$dir/veritysetup"
        theirs=$(sed -n 's/^Root hash:[ \t]*//p' "$dir/out")
        [ "$root" = "$theirs" ] || { echo "another root than veritysetup's"; exit 1; }
        seconds sha256sum "$image" >>"$dir/sha256sum"
        seconds openssl dgst -sha256 "$image" >>"$dir/dgst"
        i=$((i + 1))
done

# The same size without a byte in it: holes are not read.
truncate -s "${SIZE}M" "$dir/sparse"
sparse=$("$B/bench_disk" "$dir/sparse" verity "$cores" sha256 | cut -d' ' -f1)

case $way in
SHA-NI) goal='(goal 1.2 with SHA-NI)' ;;
AVX-512) goal='(goal 1.7 with AVX-512)' ;;
*) goal='(no goal for this kind of machine)' ;;
esac

line() { # NAME MiB/s what it says of the others
        printf '  %-31s %6.0f MiB%s\n' "$@"
}
rate() { awk -v size="$SIZE" -v s="$1" 'BEGIN { print size / s }'; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f x", a / b }'; }

verity=$(rate "$(median sha256.wall)") each=$(rate "$(median sha256.processor)")
whole=$(rate "$(median whole)") setup=$(rate "$(median veritysetup)")
verity384=$(rate "$(median sha384.wall)") sum=$(rate "$(median sha256sum)") \
        dgst=$(rate "$(median dgst)")
echo "disk measurement: $SIZE MiB in the page cache, $cores cores, $way, medians of $RUNS"
line 'verity, ours' "$verity" /s
line 'openssl speed -multi cores' "$(median sha256.multi)" \
        "/s   ours is $(ratio "$verity" "$(median sha256.multi)") $goal"
line 'veritysetup format' "$setup" "/s   ours is $(ratio "$verity" "$setup") (goal 2.5 on 2 cores)"
line 'verity per processor-second' "$each" ''
line 'openssl speed, likewise' "$(median sha256.speed)" \
        "     ours is $(ratio "$each" "$(median sha256.speed)")"
line "verity, SHA-384, $way384" "$verity384" /s
line 'openssl speed -multi cores' "$(median sha384.multi)" \
        "/s   ours is $(ratio "$verity384" "$(median sha384.multi)")"
line 'whole, ours' "$whole" /s
line 'sha256sum' "$sum" "/s   ours is $(ratio "$whole" "$sum")"
line 'openssl dgst -sha256' "$dgst" "/s   ours is $(ratio "$whole" "$dgst")"
line 'verity of a hole, ours' "$(rate "$sparse")" \
        "/s   $(ratio "$(rate "$sparse")" "$verity") of what is read"
sort -n "$dir/memory" | tail -1 |
        awk '{ printf "  peak memory, verity            %7.1f MiB     (goal 64)\n", $1 / 1024 }'
