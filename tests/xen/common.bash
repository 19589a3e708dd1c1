# SPDX-License-Identifier: Apache-2.0
# The test bed, outside: a disk with Dom0's root, a TPM, and QEMU that boots Debian's Xen. Sourced
# by run, shell, live and tamper. Everything lies in $bed. XEN_BOOT has two values: "direct" (QEMU
# loads hypervisor, kernel and initramfs; the root is a plain ext4), or "unified" (UEFI firmware
# loads the one file of `bulkhead host image`; the root is under dm-verity, what is written lies on
# state.img).
# shellcheck shell=bash
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
top=$(cd "$here/../.." && pwd -P)
build=$(cd "$top" && realpath -m "${B:-build}")
bed=$build/${XEN_BED:-xen} # beds of different names can run side by side
ground=$build/xen          # what all of them are made of
logs=$bed/logs
boot=${XEN_BOOT:-direct}
cpus=${XEN_CPUS:-2} # with one, a bed does its work with a good third less of this machine's time
firmware=/usr/share/OVMF
xen_words='console=com1 com1=115200,8n1 dom0_mem=1536M,max:1536M'
kernel_words='console=hvc0 init=/srv/bed/dom0/init'
sockets='' tpm='' qemu=''

die() { echo "xen: $*" >&2; exit 3; }

# By number, and only while it is our child.
end() { # PID
        [[ $1 ]] || return 0
        kill "$1" 2>/dev/null
        for _ in {1..30}; do kill -0 "$1" 2>/dev/null || break; sleep 0.1; done
        kill -9 "$1" 2>/dev/null
        wait "$1" 2>/dev/null
        return 0
}
bed_end() {
        end "$qemu"
        end "$tpm"
        [[ $sockets ]] && rm -rf "$sockets"
        qemu='' tpm='' sockets=''
}

bed_needs() {
        local p missing=()
        for p in mmdebstrap qemu-system-x86_64 swtpm mkfs.ext4 debugfs cpio xz mksquashfs \
                veritysetup objcopy mkfs.vfat mcopy; do
                command -v "$p" >/dev/null || missing+=("$p")
        done
        [[ -f $firmware/OVMF_CODE_4M.fd ]] || missing+=(ovmf)
        [[ $boot == direct || $boot == unified ]] ||
                die "XEN_BOOT is direct or unified, not '$boot'"
        ((${#missing[@]} == 0)) || die "missing: ${missing[*]}; run scripts/setup --xen"
        ((EUID == 0)) || die 'run this as root: Dom0 has files of several users'
        exec {lock}>"$bed/lock"
        flock -n "$lock" || die "another bed runs in $bed"
}

# What changes seldom: Dom0's root and the test guest. Beds that begin at once wait for one of them.
bed_root() (
        mkdir -p "$ground"
        exec {ground_lock}>"$ground/ground.lock"
        flock "$ground_lock"
        "$here/root" "$ground" && "$here/guest" "$ground"
)

# Debian's packages of the folders $XEN_PACKAGES, by dpkg, one folder after the other: an update.
# It appends to its log, which is a link.
bed_packages() { # TREE
        local folder
        rm -f "$1/var/log/dpkg.log"
        for folder in $XEN_PACKAGES; do
                mkdir -p "$1/root/packages"
                cp "$folder"/bulkhead{,-verifier}_*.deb "$1/root/packages/" || return
                # shellcheck disable=SC2016
                chroot "$1" sh -c 'dpkg -i /root/packages/*.deb' >>"$logs/install.log" 2>&1 || {
                        tail "$logs/install.log"
                        return 1
                }
                rm -rf "$1/root/packages"
        done
}
bed_make_install() { # TREE
        # B as it was given: by another path the same objects would be other targets
        make -s -C "$top" B="${B:-build}" DESTDIR="$1" PREFIX=/usr install >"$logs/install.log" \
                2>&1 || {
                tail "$logs/install.log"
                return 1
        }
}

# Bulkhead, by $XEN_PACKAGES or `make install`; the scripts, and the options of this host.
bed_install() { # TREE
        local tree=$1
        if [[ ${XEN_PACKAGES-} ]]; then
                bed_packages "$tree" || return
        else
                bed_make_install "$tree" || return
        fi
        mkdir -p "$tree/srv/bed/tests/xen" "$tree/srv/share" "$tree/etc/default"
        make -s -C "$top" B="${B:-build}" "${B:-build}/domain_try" || return
        cp "$build/domain_try" "$build/disk_hotplug" "$tree/srv/bed/"
        yes 'bed: a file that nothing reads' |
                head -c 300000 >"$tree/srv/bed/unread" # for 56-measured-root
        cp -r "$here/dom0" "$tree/srv/bed/"
        cp -r "$top"/tests/{system,data,second-reader} "$tree/srv/bed/tests/"
        cp -r "$top"/{docs,descriptors,packaging} "$tree/srv/bed/"
        cp "$here"/[0-9][0-9]-*.sh "$here/guest.bash" "$tree/srv/bed/tests/xen/"
        ln -s /usr/share/bulkhead/xslt-policies "$tree/srv/bed/xslt-policies"
        rm -f "$tree/etc/default/bulkhead"
        cat >"$tree/etc/default/bulkhead" <<-OPTIONS
	INTEGRITY_MGR_OPTIONS='--tcti device:/dev/tpmrm0'
	SVDM_OPTIONS=''
	COMPARTMENT_MGR_OPTIONS=''
	OPTIONS
}

# What Dom0 boots from. Files of the cached root are linked, not copied: whatever is put into the
# tree has to be a new file.
bed_disk() { # MODE SCRIPT...
        rm -rf "$bed"/*.img
        bed_tree "$@" || return
        bed_disk_"$boot" "$bed/tree" || return
        rm -rf "$bed/tree"
}
bed_tree() { # MODE SCRIPT...
        local tree=$bed/tree mode=$1
        shift
        rm -rf "$tree"
        cp -al "$ground/root" "$tree" || return
        bed_install "$tree" || return
        cp -r "$ground/guest" "$tree/srv/bed/" || return
        chroot "$tree" systemd-sysusers >"$logs/sysusers.log" 2>&1 || return
        install -d -m 0711 "$tree/var/lib/bulkhead" \
                # the rest of its folders are made there, at boot
        printf 'bed_mode=%s\nbed_guests=%s\nbed_scripts="%s"\n' "$mode" \
                "${XEN_GUESTS:-pv}" "$*" >"$tree/etc/bed"
}
bed_disk_direct() { # TREE
        truncate -s 3G "$bed/disk.img"
        mkfs.ext4 -q -F -L dom0 -E lazy_itable_init=1,lazy_journal_init=1 -d "$1" "$bed/disk.img"
}
bed_image() { # TREE
        BULKHEAD_LIBEXEC=$1/usr/libexec/bulkhead BULKHEAD_SHARE=$1/usr/share/bulkhead \
                "$build/bulkhead" host image --root "$1" --xen-options "$xen_words" \
                --kernel-options "$kernel_words" \
                --root-device /dev/vda --state-device LABEL=bulkhead-state "$bed/image" \
                >"$logs/image.log" 2>&1 || {
                tail "$logs/image.log"
                return 1
        }
        mv "$bed/image/root.img" "$bed/disk.img"
}
bed_disk_unified() { # TREE
        bed_image "$1" || return
        truncate -s 1G "$bed/state.img"
        mkfs.ext4 -q -F -L bulkhead-state "$bed/state.img" || return
        cp "$firmware/OVMF_VARS_4M.fd" "$bed/vars.img" || return
        truncate -s 64M "$bed/esp.img"
        mkfs.vfat -n ESP "$bed/esp.img" >/dev/null && mmd -i "$bed/esp.img" ::/EFI ::/EFI/BOOT &&
                mcopy -i "$bed/esp.img" "$bed/image/bulkhead.efi" ::/EFI/BOOT/BOOTX64.EFI
}

# What Dom0 left behind, once it is off.
bed_logs() {
        local image=$bed/disk.img folder=/var/log/bed
        [[ $boot == unified ]] && image=$bed/state.img folder=/log/bed
        debugfs -R "rdump $folder $logs" "$image" >/dev/null 2>&1
        mv "$logs/bed" "$logs/dom0" 2>/dev/null
        rm -f "$bed"/*.img
}

# A TPM as it leaves the factory; the firmware extends its PCRs.
bed_tpm() { # [again]: the one that was there
        sockets=$(mktemp -d "${TMPDIR:-/tmp}/bulkhead-bed.XXXXXX") # a socket's path is short
        [[ ${1-} == again ]] || rm -rf "$bed/tpm"
        mkdir -p "$bed/tpm"
        swtpm socket --tpm2 --tpmstate "dir=$bed/tpm" --ctrl "type=unixio,path=$sockets/tpm" \
                --log "file=$logs/swtpm.log,level=1" </dev/null >/dev/null 2>&1 {lock}>&- &
        tpm=$!
        for _ in {1..50}; do [[ -S $sockets/tpm ]] && return 0; sleep 0.1; done
        return 1
}

# The hypervisor and Dom0 share the first serial port. qemu64: with more, Dom0's kernel dies in its
# first page table walk. npt: Xen needs nested paging for pvh guests.
bed_qemu() { # OPTIONS...: the caller becomes QEMU
        local how=() cpu=qemu64
        [[ ${XEN_GUESTS:-pv} == pv ]] || cpu+=,+npt
        "bed_qemu_$boot" || return
        exec qemu-system-x86_64 -machine q35 -accel tcg,thread=multi -cpu "$cpu" -smp "$cpus" \
                -m 3072 -display none -vga none -no-reboot -nic none "${how[@]}" \
                -chardev "socket,id=tpm,path=$sockets/tpm" -tpmdev emulator,id=tpm0,chardev=tpm \
                -device tpm-tis,tpmdev=tpm0 \
                -device virtio-serial -chardev "file,id=report,path=$logs/report" \
                -device virtserialport,chardev=report,name=report "$@"
}
# Debian's hypervisor by multiboot, Dom0's kernel and initramfs as its modules: the kernel as the
# guests have it, unpacked, which Xen would take seconds to do.
bed_qemu_direct() {
        local initrd
        initrd=$(echo "$ground"/root/boot/initrd.img-*)
        zcat "$ground/root/boot/xen-4.17-amd64.gz" >"$bed/xen" || return
        how=(
                -kernel "$bed/xen" -append "$xen_words"
                -initrd "$ground/guest/vmlinux root=/dev/vda rw $kernel_words,$initrd"
                -drive "file=$bed/disk.img,format=raw,if=virtio,cache=unsafe"
        )
}
# By their places on the bus: root is vda, state vdb, the firmware's partition vdc.
bed_qemu_unified() {
        how=(
                -drive "if=pflash,format=raw,readonly=on,file=$firmware/OVMF_CODE_4M.fd"
                -drive "if=pflash,format=raw,file=$bed/vars.img"
                -drive "file=$bed/disk.img,format=raw,if=none,id=root,cache=unsafe"
                -device virtio-blk-pci,drive=root,addr=0x10
                -drive "file=$bed/state.img,format=raw,if=none,id=state,cache=unsafe"
                -device virtio-blk-pci,drive=state,addr=0x11
                -drive "file=$bed/esp.img,format=raw,if=none,id=esp"
                -device virtio-blk-pci,drive=esp,addr=0x12,bootindex=0
        )
}
