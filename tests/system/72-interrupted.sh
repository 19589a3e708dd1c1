#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Ctrl-C ends the command at once, by the signal, and says what becomes of what was asked for;
# nothing is said where nothing was to be done. The daemon here is one that never answers.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/common.bash"

cat >silent.py <<'EOF'
import signal, socket, subprocess, sys, time

run, command = sys.argv[1], sys.argv[2:]
listener = socket.socket(socket.AF_UNIX)
listener.bind(run + "/bulkhead.sock")
listener.listen()
signal.signal(signal.SIGINT, signal.default_int_handler)
p = subprocess.Popen(["bulkhead", "--run", run] + command, stderr=subprocess.PIPE)
connection = listener.accept()[0]
connection.sendall(connection.recv(100))  # its hello, which is ours, too
time.sleep(0.5)
p.send_signal(signal.SIGINT)
said = p.communicate(timeout=10)[1].decode()
print(said, p.returncode)
EOF
silent() { # COMMAND...
        local run
        run=$(mktemp -d)
        expect 0 python3 silent.py "$run" "$@"
        rm -rf "$run"
}
silent vm stop a1
says 'interrupted; what has not committed is undone, the rest goes on: bulkhead jobs shows it'
says ' -2'
silent vm list
says_not interrupted
says ' -2'
