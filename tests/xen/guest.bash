# SPDX-License-Identifier: Apache-2.0
# For scripts in the bed's Dom0: test guests for xl, and what they say on their consoles. Sourced
# after tests/system/common.bash, whose fail() and $work it uses.
# shellcheck shell=bash
guest_files=/srv/bed/guest
guest_logs=/var/log/bed
declare -A guest_mark

# A disk image with an ext4 and, in it, the files of FOLDER.
guest_disk() { # FILE MEBIBYTES [FOLDER]
        truncate -s "$2M" "$1" && mkfs.ext4 -q -F -b 4096 ${3+-d "$3"} "$1"
}

# An xl.cfg: read-only root image and data disk, each "" for none; NICS is the text of xl's list.
guest_config() { # NAME ROOT-DISK DATA-DISK [KERNEL-WORDS [NICS]]
        local disks=()
        [[ $2 ]] && disks+=("'vdev=xvda,format=raw,access=r,target=$2'")
        [[ $3 ]] && disks+=("'vdev=xvdb,format=raw,access=w,target=$3'")
        cat <<-CONFIG
	name = "$1"
	type = "pv"
	kernel = "$guest_files/vmlinux"
	ramdisk = "$guest_files/initrd"
	extra = "console=hvc0 loglevel=4 bed.name=$1 ${4-}"
	memory = 96
	vcpus = 1
	disk = [ $(IFS=,; echo "${disks[*]}") ]
	vif = [ ${5-} ]
	on_crash = "destroy"
	CONFIG
}

guest_console() { echo "$guest_logs/guest-$1.log"; }

# What a guest of that name said until now, in earlier lives, is no answer.
guest_forget() { guest_mark[$1]=$(stat -c %s "$(guest_console "$1")" 2>/dev/null || echo 0); }

# What it has said since.
guest_said() { tail -c "+$((${guest_mark[$1]-0} + 1))" "$(guest_console "$1")" 2>/dev/null |
        tr -d '\r'; }

# Fails, with the end of its console, if it does not say so in time.
guest_says() { # NAME EXTENDED-REGEX [SECONDS]
        local i
        for ((i = 0; i < 5 * ${3:-60}; i++)); do
                guest_said "$1" | grep -qE -- "$2" && return 0
                sleep 0.2
        done
        guest_said "$1" | tail -n 30
        fail "the guest $1 did not say '$2' within ${3:-60} s"
}

# Until Xen has no domain of that name.
guest_gone() { # NAME [SECONDS]
        local i
        for ((i = 0; i < 5 * ${2:-60}; i++)); do
                xl domid "$1" >/dev/null 2>&1 || return 0
                sleep 0.2
        done
        fail "the domain $1 is still there after ${2:-60} s"
}
