#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# This is a Dom0 of a real Xen: the hypervisor, its store and its toolstack answer.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/../system/common.bash"

same "$(cat /sys/hypervisor/type)" xen 'hypervisor'
grep -q control_d /proc/xen/capabilities || fail 'this is no Dom0'
expect 0 xl list
[[ $(awk '$2 == 0 { print $1 }' <<<"$output") == Domain-0 ]] || fail 'no Domain-0 in the list'
same "$(grep -vc '^Name' <<<"$output")" 1 'number of domains'
expect 0 xl info
says \
        "$(printf 'xen_version            : %s.%s' "$(cat /sys/hypervisor/version/major)" "$(cat \
        /sys/hypervisor/version/minor)")"
expect 0 xenstore-read /local/domain/0/name
says Domain-0
# Nothing is simulated here, and `status` says so.
expect 0 bulkhead status
says_not imulated

