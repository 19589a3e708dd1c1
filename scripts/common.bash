# SPDX-License-Identifier: Apache-2.0
# What up, down and the demo share. $1: the run folder, build/run unless given. Sourced.
# shellcheck shell=bash disable=SC2034
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
build=$(cd "$top" && realpath -m "${B:-build}")
run=$(realpath -m "${1:-$build/run}")
daemons=(integrity-mgr svdm compartment-mgr)

die() {
        echo "${0##*/}: $*" >&2
        exit 3
}

# Is PID ($1) the program $2 of this checkout? A number alone may be somebody else's by now.
is_ours() {
        local exe
        exe=$(readlink "/proc/$1/exe" 2>/dev/null) ||
                exe= # without root: processes that are not dumpable hide it
        [[ ${exe% (deleted)} == */"$2" ]] || tr '\0' ' ' 2>/dev/null <"/proc/$1/cmdline" |
                grep -qF -- "$2"
}

pid_of() {
        local pid
        pid=$(cat "$run/$1.pid" 2>/dev/null) && [[ $pid ]] && is_ours "$pid" "$1" && echo "$pid"
}
