# SPDX-License-Identifier: Apache-2.0
# For the bed's scripts about mapped devices: the back-end dm, and what is mapped. Sourced after
# tests/system/common.bash. The hypervisor may be simulated: what a guest would read and write is
# read and written here.
# shellcheck shell=bash disable=SC2154
options=/etc/default/bulkhead

restart_with() { # FILE: as the daemons' options, unless they are these already
        cmp -s "$1" "$options" && return 0
        cp "$1" "$options"
        /srv/bed/dom0/daemons restart || fail 'the daemons do not come back'
}
# Until the end of the script.
devices_dm() {
        cp "$options" "$work/options.before"
        sed "s/^SVDM_OPTIONS=.*/SVDM_OPTIONS='--devices dm'/" "$options" >"$work/options"
        sed -i "s/^COMPARTMENT_MGR_OPTIONS=.*/COMPARTMENT_MGR_OPTIONS='--hypervisor sim'/" \
                "$work/options"
        restart_with "$work/options"
        trap 'r=$?; devices_before; (exit $r); at_exit' EXIT
}
devices_before() {
        local v
        for v in ${made[@]+"${made[@]}"}; do forget "$v"; done
        restart_with "$work/options.before"
}

uuid_of() { field "$1" uuid; }
dm_of() { echo "bulkhead-$(uuid_of "$1")-$2"; } # VM DEVICE
what_is_left() {
        dmsetup ls 2>/dev/null | grep '^bulkhead-'
        losetup --list --noheadings --output NAME,BACK-FILE | grep -e "$work" -e /trees/ -e /memory-
        grep -o 'cryptsetup:.*' /proc/keys
        return 0
}
# The kernel lets go of loop devices and keys a moment after their last use.
nothing_left() { # WHEN
        local i left
        for ((i = 0; i < 100; i++)); do
                left=$(what_is_left)
                [[ $left ]] || return 0
                pause 0.1
        done
        fail "$1: left behind: $left"
}
# The kernel's own word, past its caches: which blocks of 4096 bytes cannot be read.
unreadable() { # DEVICE
        blockdev --flushbufs "$1"
        python3 - "$1" <<'END'
import errno, mmap, os, sys
fd = os.open(sys.argv[1], os.O_RDONLY | os.O_DIRECT)
block, bad, n = mmap.mmap(-1, 4096), [], os.lseek(fd, 0, os.SEEK_END) // 4096
for i in range(n):
    try:
        os.preadv(fd, [block], i * 4096)
    except OSError as e:
        if e.errno not in (errno.EIO, errno.EILSEQ):
            raise
        bad.append(str(i))
print(' '.join(bad))
END
}
