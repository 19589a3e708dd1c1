# SPDX-License-Identifier: Apache-2.0
# What the system scripts share. Each runs on its own against an embedded default:
#   scripts/up && . build/run/env && tests/system/01-life-cycle.sh
# Exit status: 0 passed, 77 skipped (the last line says why), everything else failed.
# shellcheck shell=bash
set -uo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
[[ ${BULKHEAD_RUN-} ]] || { echo 'source build/run/env first (scripts/up)' >&2; exit 2; }
test_name=$(basename "$0" .sh)
work=$(realpath -m "${BULKHEAD_WORK:-$BULKHEAD_RUN/../system}/$test_name")
rm -rf "$work"
mkdir -p "$work"
cd "$work" || exit 2
trust=$BULKHEAD_RUN/trust
# If the hypervisor boots something, BULKHEAD_GUEST is a folder with vmlinux and initrd of a guest.
# rounds MANY FEW: FEW on a machine that is slow (BULKHEAD_SLOW), else MANY.
rounds() { if [[ ${BULKHEAD_SLOW-} ]]; then echo "$2"; else echo "$1"; fi; }
a_while() { pause "$(rounds 1 10)"; } # long enough to come to where a held worker is needed
made=()

# pause SECONDS: without a process, which on an emulated machine costs more than it waits.
exec {never}<> <(:)
pause() { read -rt "$1" -u "$never" || return 0; }
skip() { echo "$*"; exit 77; }
fail() { echo "FAILED: $*" >&2; exit 1; }

# expect STATUS COMMAND...: its output, both streams, is in $output afterwards.
expect() {
        local status=$1 result
        shift
        echo "\$ $*"
        output=$("$@" 2>&1)
        result=$?
        echo "$output"
        ((result == status)) || fail "'$*' ended with $result instead of $status"
}
says() { [[ $output == *"$1"* ]] || fail "it does not say '$1'"; }
says_not() { [[ $output != *"$1"* ]] || fail "it says '$1'"; }
same() { [[ $1 == "$2" ]] || fail "$3: '$1' is not '$2'"; }

# vm NAME: images, configuration and descriptors of a small VM, defined.
vm() {
        local name=$1
        shift
        head -c 1M /dev/urandom >"$work/$name-root.img"
        rm -f "$work/$name-data.img"
        truncate -s 24M "$work/$name-data.img"
        [[ -e $work/vmlinuz ]] ||
                { cat "${BULKHEAD_GUEST:+$BULKHEAD_GUEST/vmlinux}" 2>/dev/null ||
                echo kernel; } >"$work/vmlinuz"
        config "$name" 128 >"$work/$name.cfg"
        sealing "vm:$name disk:$work/$name-root.img luks:$work/$name-data.img" \
                >"$work/$name-seal.xml"
        attesting PCR16 "disk:$work/$name-root.img" >"$work/$name-attest.xml"
        made+=("$name")
        forget "$name"
        expect 0 bulkhead vm define "$work/$name.cfg" "$@"
}
config() { # NAME MEMORY
        local guest=
        [[ ${BULKHEAD_GUEST-} ]] &&
                printf -v guest \
                'ramdisk = "%s/initrd"\nextra = "console=hvc0 loglevel=4 bed.name=%s"' \
                "$BULKHEAD_GUEST" "$1"
        cat <<END
name = "$1"
type = "pv"
kernel = "$work/vmlinuz"
$guest
memory = $2
vcpus = 1
disk = [ "format=raw, vdev=xvda, access=ro, target=$work/$1-root.img",
         "format=raw, vdev=xvdb, access=rw, target=$work/$1-data.img" ]
END
}
sealing() { # TARGETS ATTRIBUTES
        local t
        echo "<sealing-desc><sealing type=\"tpm-based\" key=\"k\" ${2-}>"
        echo '<measurement-desc type="tpm">'
        for t in $1; do echo "<measureTarget name=\"$t\" dest=\"PCR16\"/>"; done
        echo '</measurement-desc></sealing></sealing-desc>'
}
attesting() { # DEST TARGET...
        local dest=$1 t
        shift
        echo '<attestation-desc><attestation type="tpm-based"><measurement-desc type="tpm">'
        for t in "$@"; do echo "<measureTarget name=\"$t\" dest=\"$dest\"/>"; done
        echo '</measurement-desc><attestTarget name="PCR0,PCR7"/></attestation></attestation-desc>'
}
forget() {
        bulkhead vm destroy "$1" >/dev/null 2>&1
        bulkhead vm undefine --forget-key "$1" >/dev/null 2>&1
        return 0
}
flip() { # FILE OFFSET: one bit of that byte
        local byte
        byte=$(od -An -tu1 -j "$2" -N 1 "$1" | tr -d ' ')
        # shellcheck disable=SC2059
        printf "\\x$(printf %02x $((byte ^ 1)))" |
                dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
answers() { # each daemon, within ten seconds, after a process was killed
        local i seen
        for ((i = 0; i < 100; i++)); do
                seen=$(bulkhead status 2>/dev/null) &&
                        [[ $seen == *integrity-mgr*answers*svdm*answers* ]] && return 0
                pause 0.1
        done
        fail 'the daemons do not answer any more'
}
# ours NAME: the process ids of this embedded default alone, which descend from its supervisor.
ours() {
        local pid root
        root=$(cat "$BULKHEAD_RUN/supervise.pid")
        for pid in $(pgrep -x "${1:0:15}"); do
                local p=$pid
                while ((p > 1)); do
                        ((p == root)) && echo "$pid" && break
                        p=$(awk '/^PPid:/ { print $2 }' "/proc/$p/status" 2>/dev/null || echo 0)
                done
        done
}
# field VM NAME: of the outer object. No Python, no sed: a process is dear on an emulated machine.
field() {
        local shown
        shown=$(bulkhead vm show "$1" --json) || return
        [[ $shown =~ $'\n  "'"$2"'":"'?([^\",$'\n']*) ]] && echo "${BASH_REMATCH[1]}"
}
state_of() { field "$1" state; }
# As the guest of a simulated VM, or somebody beside Bulkhead, would act
# (compartment-mgr/domain/domain_sim.c).
sim_folder() { echo "$BULKHEAD_STATE/compartment-mgr/sim"; }
guest_ends() { # NAME HOW
        echo "$2" >"$(sim_folder)/guest-$(field "$1" uuid)"
}
becomes() { # NAME STATE, within ten seconds
        local i
        for ((i = 0; i < 100; i++)); do
                [[ $(state_of "$1") == "$2" ]] && return 0
                pause 0.1
        done
        fail "$1 is $(state_of "$1") instead of $2"
}
# job_of TEXT: $number is that of a job that is listed so, once there is one.
job_of() {
        local i line
        for ((i = 0; i < 100; i++)); do
                while read -r line; do
                        [[ $line == *"$1"* ]] && number=${line%% *} && return 0
                done < <(bulkhead jobs)
                pause 0.1
        done
        fail "there is no job '$1'"
}
generation_of() { field "$1" generation; }

at_exit() {
        local result=$? v
        for v in ${made[@]+"${made[@]}"}; do forget "$v"; done
        ((result)) || rm -rf "$work"
        exit "$result"
}
# leave_hosts RUN...: instead of at_exit, by a script that has hosts of its own in these folders: it
# leaves no VM in the run that others use. The status is that of the script.
leave_hosts() {
        local result=$? run
        for run; do "$top/scripts/down" "$run" --quiet; done
        ((result)) || rm -rf "$work"
        exit "$result"
}
trap at_exit EXIT
