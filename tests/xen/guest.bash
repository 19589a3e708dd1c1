# SPDX-License-Identifier: Apache-2.0
# For scripts in the bed's Dom0: test guests for xl, and what they say on their consoles. Sourced
# after tests/system/common.bash, whose fail() and $work it uses.
# shellcheck shell=bash
guest_files=/srv/bed/guest
guest_logs=/var/log/bed
declare -A guest_mark
# Guests are pv, or what XEN_GUESTS of tests/xen/run says. A pvh guest does not come up in 96 MiB.
[[ ${BED_GUESTS:-pv} == pv ]] && guest_memory=96 || guest_memory=192

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
	type = "${BED_GUESTS:-pv}"
	kernel = "$guest_files/vmlinux"
	ramdisk = "$guest_files/initrd"
	extra = "console=hvc0 loglevel=4 bed.name=$1 ${4-}"
	memory = $guest_memory
	vcpus = 1
	disk = [ $(IFS=,; echo "${disks[*]}") ]
	vif = [ ${5-} ]
	on_crash = "destroy"
	CONFIG
}

guest_console() { echo "$guest_logs/guest-$1.log"; }

# What a guest of that name said until now, in earlier lives, is no answer.
guest_forget() {
        guest_mark[$1]=0
        guest_lines "$1"
        guest_mark[$1]=${#lines[@]}
}
# Into the array "lines": what it has said since.
guest_lines() {
        lines=()
        [[ ! -e $guest_logs/guest-$1.log ]] ||
                mapfile -t -s "${guest_mark[$1]-0}" lines <"$guest_logs/guest-$1.log"
        lines=("${lines[@]%$'\r'}")
}
guest_said() {
        local lines
        guest_lines "$1"
        ((${#lines[@]} == 0)) || printf '%s\n' "${lines[@]}"
}

# Fails, with the end of its console, if it does not say so in time. Asks without a process: the
# guest would have to wait for it.
guest_says() { # NAME EXTENDED-REGEX [SECONDS]
        local lines line until=$((SECONDS + ${3:-180}))
        while ((SECONDS < until)); do
                guest_lines "$1"
                for line in "${lines[@]}"; do [[ $line =~ $2 ]] && return 0; done
                pause 0.2
        done
        guest_said "$1" | tail -n 30
        fail "the guest $1 did not say '$2' within ${3:-180} s"
}

# Until Xen has no domain of that name.
guest_gone() { # NAME [SECONDS]
        local until=$((SECONDS + ${2:-180}))
        while ((SECONDS < until)); do
                xl domid "$1" >/dev/null 2>&1 || return 0
                pause 0.3
        done
        fail "the domain $1 is still there after ${2:-180} s"
}
