#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Disk measurement beside the tools that a user would pick instead, all in one run: medians of
# RUNS rounds (5), in which the contestants take turns. openssl speed counts processor time, so on a
# machine that does other things too the line "per processor-second" is the one to compare. SIZE in MiB (2048); B the build folder.
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
median() { sort -n "$1" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

i=0
while [ $i -lt "$RUNS" ]; do
        "$B/bench_disk" "$image" verity "$cores" >"$dir/ours"
        cut -d' ' -f1 "$dir/ours" >>"$dir/verity"
        cut -d' ' -f2 "$dir/ours" >>"$dir/processor"
        cut -d' ' -f3 "$dir/ours" >>"$dir/memory"
        "$B/bench_disk" "$image" whole "$cores" | cut -d' ' -f1 >>"$dir/whole"
        rm -f "$dir/tree"
        seconds veritysetup format --salt - "$image" "$dir/tree" >>"$dir/veritysetup"
        root=$(sed -n 's/^Root hash:[ \t]*//p' "$dir/out")
        [ "$root" = "$(cut -d' ' -f4 "$dir/ours")" ] || { echo "another root than veritysetup's"; exit 1; }
        seconds sha256sum "$image" >>"$dir/sha256sum"
        seconds openssl dgst -sha256 "$image" >>"$dir/dgst"
        openssl speed -evp sha256 -bytes 4096 -seconds 1 2>/dev/null |
                awk '/^sha256/ { sub("k", "", $2); print $2 / 1024 }' >>"$dir/speed"
        openssl speed -multi "$cores" -evp sha256 -bytes 4096 -seconds 1 2>/dev/null |
                awk '/^sha256/ { sub("k", "", $2); print $2 / 1024 }' >>"$dir/multi"
        i=$((i + 1))
done

awk -v size="$SIZE" -v cores="$cores" -v runs="$RUNS" -v verity="$(median "$dir/verity")" \
    -v whole="$(median "$dir/whole")" -v setup="$(median "$dir/veritysetup")" \
    -v sum="$(median "$dir/sha256sum")" -v dgst="$(median "$dir/dgst")" \
    -v speed="$(median "$dir/speed")" -v multi="$(median "$dir/multi")" \
    -v processor="$(median "$dir/processor")" -v memory="$(sort -n "$dir/memory" | tail -1)" 'BEGIN {
        printf "disk measurement: %d MiB in the page cache, %d cores, medians of %d\n", size, cores, runs
        printf "  verity, ours               %7.0f MiB/s\n", size / verity
        printf "  veritysetup format         %7.0f MiB/s   ours is %.2f x (goal 2.5 on 2 cores)\n", size / setup, setup / verity
        printf "  openssl speed x cores      %7.0f MiB/s   ours is %.1f %% (goal 85)\n", speed * cores, 100 * size / verity / (speed * cores)
        printf "  openssl speed -multi cores %7.0f MiB/s   ours is %.1f %%\n", multi, 100 * size / verity / multi
        printf "  verity per processor-second %6.0f MiB     ours is %.1f %% of openssl speed\n", size / processor, 100 * size / processor / speed
        printf "  whole, ours                %7.0f MiB/s\n", size / whole
        printf "  sha256sum                  %7.0f MiB/s   ours is %.2f x\n", size / sum, sum / whole
        printf "  openssl dgst -sha256       %7.0f MiB/s   ours is %.2f x\n", size / dgst, dgst / whole
        printf "  peak memory, verity        %7.1f MiB     (goal 64)\n", memory / 1024
}'
