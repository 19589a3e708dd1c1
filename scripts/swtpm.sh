#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A simulated TPM 2.0 for the demo, `make up` and the tests: state and sockets in one folder.
#
#   scripts/swtpm.sh start DIR [USER]   starts it, prints its TCTI string; USER may use it
#   scripts/swtpm.sh stop DIR           stops it (what it stored stays in DIR)
#   scripts/swtpm.sh firmware TCTI      extends PCRs 0-7, as a stand-in for firmware
#
# DIR's path has at most 90 characters (a unix socket's limit).
set -eu

firmware() {
        for pcr in 0 1 2 3 4 5 6 7; do
                event="bulkhead stand-in for firmware, PCR $pcr"
                sha256=$(printf %s "$event" | sha256sum | cut -d' ' -f1)
                sha384=$(printf %s "$event" | sha384sum | cut -d' ' -f1)
                set -- "$@" "$pcr:sha256=$sha256,sha384=$sha384"
        done
        tcti=$1
        shift
        TPM2TOOLS_TCTI=$tcti tpm2_pcrextend "$@"
}

running() {
        [ -s "$1/pid" ] && kill -0 "$(cat "$1/pid")" 2>/dev/null
}

start() {
        dir=$1
        mkdir -p "$dir/state"
        chmod 0711 "$dir"
        chmod 0700 "$dir/state"
        if running "$dir"; then
                echo "swtpm:path=$dir/sock"
                return
        fi
        rm -f "$dir/sock" "$dir/sock.ctrl" "$dir/pid"
        swtpm socket --tpm2 --tpmstate "dir=$dir/state,mode=0600" \
                --server "type=unixio,path=$dir/sock,mode=0600" \
                --ctrl "type=unixio,path=$dir/sock.ctrl,mode=0600" \
                --flags not-need-init,startup-clear --pid "file=$dir/pid" \
                --log "file=$dir/log,level=1" --daemon >&2
        # PCRs begin at zero with each power-on, so they are extended once each time.
        firmware "swtpm:path=$dir/sock"
        if [ -n "${2:-}" ]; then
                chown "$2" "$dir/sock" "$dir/sock.ctrl"
        fi
        echo "swtpm:path=$dir/sock"
}

stop() {
        running "$1" || return 0
        pid=$(cat "$1/pid")
        kill "$pid"
        for _ in 1 2 3 4 5 6 7 8 9 10; do
                running "$1" || break
                sleep 0.1
        done
        if running "$1"; then
                kill -9 "$pid"
        fi
        rm -f "$1/pid" "$1/sock" "$1/sock.ctrl"
}

case "${1:-}" in
start) start "$2" "${3:-}" ;;
stop) stop "$2" ;;
firmware) firmware "$2" ;;
*)
        sed -n '5,7s/^# *//p' "$0" >&2
        exit 2
        ;;
esac
