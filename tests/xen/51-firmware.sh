#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The PCRs are those that real firmware extended: its event log, replayed, gives their values.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/../system/common.bash"
export TPM2TOOLS_TCTI=device:/dev/tpmrm0

log=/sys/kernel/security/tpm0/binary_bios_measurements
cat "$log" >events 2>/dev/null # whose size the kernel does not tell
grep -q bulkhead.roothash= /proc/cmdline && [[ ! -s events ]] &&
        skip 'booted by UEFI, Xen hands no event log on; 56-measured-root compares PCR 4'
[[ -s events ]] || fail 'the firmware left no event log'
expect 0 tpm2_eventlog events
echo "$output" >events.yaml
expect 0 tpm2_pcrread sha256:0,1,2,3,4,5,6,7
echo "$output" >pcrs.yaml
# tpm2_eventlog replays under "pcrs:", one number and one 0x value a line, as tpm2_pcrread prints.
sed -n '/^pcrs:/,$p' events.yaml | sed -n '/sha256:/,$p' |
        grep -oE '[0-9]+ *: *0x[0-9a-fA-F]{64}' | tr -d ' ' |
        tr '[:upper:]' '[:lower:]' | sort >replayed.txt
grep -oE '[0-9]+ *: *0x[0-9a-fA-F]{64}' pcrs.yaml | tr -d ' ' | tr '[:upper:]' '[:lower:]' |
        sort >read.txt
same "$(wc -l <read.txt)" 8 'PCRs read'
for pcr in 0 1 2 3 4 5 6 7; do
        grep -qE "^$pcr:0x0{64}$" read.txt && fail "PCR $pcr was not extended"
done
# The log may tell of more PCRs than these.
same "$(comm -13 replayed.txt read.txt)" '' 'PCRs that the log does not explain'
