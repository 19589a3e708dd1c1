#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A VM hibernates and wakes, once: its image under its own secret, bound by the TPM's counter.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/common.bash"

# Where a real guest boots it has to be there before it can be asked to suspend itself.
guest_forget() { :; }
guest_says() { :; }
# shellcheck source=tests/xen/guest.bash
[[ ! ${BULKHEAD_GUEST-} ]] || . "$top/tests/xen/guest.bash"
starts() {
        guest_forget sleeper
        expect 0 bulkhead vm start sleeper
        guest_says sleeper alive
}

vm sleeper
expect 0 bulkhead vm seal sleeper sleeper-seal.xml --format
uuid=$(field sleeper uuid)
state=$BULKHEAD_STATE
image=$state/svdm/memory-$uuid.img

expect 1 bulkhead vm hibernate sleeper
says 'stopped: nothing of it runs'
starts
expect 0 bulkhead vm hibernate sleeper
says hibernating
same "$(state_of sleeper)" hibernating state
cryptsetup isLuks --type luks2 "$image" || fail 'the image is no LUKS2 disk'
[[ ! -e /dev/mapper/bulkhead-$uuid-memory ]] || fail 'the image is still mapped'
cp --sparse=always "$image" image.first
cp -a "$state/compartment-mgr" cm.first

# What needs a VM that is stopped, or one that runs, says how to come there.
expect 1 bulkhead vm seal sleeper sleeper-seal.xml
says 'bulkhead vm start sleeper wakes it'
expect 1 bulkhead vm stop sleeper
expect 1 bulkhead vm resume sleeper
says 'bulkhead vm start sleeper'
expect 1 bulkhead vm undefine --forget-key sleeper

# A changed disk is refused as at any start, and so is a changed image; the image is kept.
flip sleeper-root.img 5
expect 1 bulkhead vm start sleeper
says "disk:$work/sleeper-root.img"
flip sleeper-root.img 5
same "$(state_of sleeper)" hibernating 'state after a refusal'
flip "$image" 40000
expect 1 bulkhead vm start sleeper
says "the image of the VM's memory"
says 'bulkhead vm destroy'
flip "$image" 40000
expect 0 bulkhead vm start sleeper
same "$(state_of sleeper)" running state
[[ ! -e $image ]] || fail 'the image is left after it was woken'

# Put back, with everything that says that it hibernates: never a second time.
expect 0 bulkhead vm stop sleeper
cp -a cm.first/vms/memory-"$uuid" "$state/compartment-mgr/vms/"
cp --sparse=always image.first "$image"
chown --reference="$state/svdm" "$image"
kill -9 "$(cat "$BULKHEAD_RUN/compartment-mgr.pid")"
answers
same "$(state_of sleeper)" hibernating 'state with the old image'
expect 1 bulkhead vm start sleeper
says "the image of the VM's memory"
says 'was woken already'

# Given up: as after a power cut.
expect 0 bulkhead vm destroy sleeper
same "$(state_of sleeper)" stopped state
[[ ! -e $image ]] || fail 'the image that was given up is left'
starts

# Hibernating, it outlives both daemons; and an older image does not pass for a newer one.
expect 0 bulkhead vm hibernate sleeper
kill -9 "$(cat "$BULKHEAD_RUN/compartment-mgr.pid")" "$(cat "$BULKHEAD_RUN/svdm.pid")"
answers
same "$(state_of sleeper)" hibernating 'state after both daemons were killed'
mv "$image" image.second
cp --sparse=always image.first "$image"
chown --reference="$state/svdm" "$image"
expect 1 bulkhead vm start sleeper
says 'the one that it left when it hibernated'
rm "$image"
expect 1 bulkhead vm start sleeper
says "$image"
says "bulkhead vm destroy $uuid"
head -c "$(stat -c %s image.second)" /dev/zero >"$image" \
        # no LUKS2 at all: what was bound is kept, too
chown --reference="$state/svdm" "$image"
expect 1 bulkhead vm start sleeper
says 'no LUKS2 header'
rm "$image"
mv image.second "$image"
expect 0 bulkhead vm start sleeper
expect 0 bulkhead vm stop sleeper

# With update="clean-stop" what it writes cannot be judged while it runs.
measured="disk:$work/sleeper-root.img disk:$work/sleeper-data.img luks:$work/sleeper-data.img"
sealing "vm:sleeper $measured" 'update="clean-stop"' >clean.xml
expect 0 bulkhead vm seal sleeper clean.xml
expect 0 bulkhead vm start sleeper
expect 1 bulkhead vm hibernate sleeper
says clean-stop
same "$(state_of sleeper)" running state
