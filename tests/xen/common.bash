# SPDX-License-Identifier: Apache-2.0
# The test bed, outside: a disk with Dom0's root, a TPM, and QEMU that boots Debian's Xen. Sourced by
# run, shell and live. Everything lies in $bed.
# shellcheck shell=bash
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
top=$(cd "$here/../.." && pwd -P)
build=$(cd "$top" && realpath -m "${B:-build}")
bed=$build/xen
logs=$bed/logs
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
        for p in mmdebstrap qemu-system-x86_64 swtpm mkfs.ext4 debugfs cpio xz; do
                command -v "$p" >/dev/null || missing+=("$p")
        done
        ((${#missing[@]} == 0)) || die "missing: ${missing[*]}; run scripts/setup --xen"
        ((EUID == 0)) || die 'run this as root: Dom0 has files of several users'
        exec {lock}>"$bed/lock"
        flock -n "$lock" || die "another bed runs in $bed"
}

# What changes seldom: Dom0's root and the test guest.
bed_root() { "$here/root" "$bed" && "$here/guest" "$bed"; }

# What `make install` installs, the scripts, and the options of this host.
bed_install() { # TREE
        local tree=$1
        # B as it was given: by another path the same objects would be other targets
        make -s -C "$top" B="${B:-build}" DESTDIR="$tree" PREFIX=/usr install >"$logs/install.log" 2>&1 || {
                tail "$logs/install.log"
                return 1
        }
        mkdir -p "$tree/srv/bed/tests/xen" "$tree/etc/default"
        cp -r "$here/dom0" "$tree/srv/bed/"
        cp -r "$top/tests/system" "$tree/srv/bed/tests/"
        cp "$here"/[0-9][0-9]-*.sh "$here/guest.bash" "$tree/srv/bed/tests/xen/"
        ln -s /usr/share/bulkhead/xslt-policies "$tree/srv/bed/xslt-policies"
        rm -f "$tree/etc/default/bulkhead"
        cat >"$tree/etc/default/bulkhead" <<-OPTIONS
	INTEGRITY_MGR_OPTIONS='--tcti device:/dev/tpmrm0'
	SVDM_OPTIONS='--devices sim'
	COMPARTMENT_MGR_OPTIONS='--hypervisor sim'
	OPTIONS
}

# Files of the cached root are linked, not copied: whatever is put into the tree has to be a new file.
bed_disk() { # MODE SCRIPT...
        local tree=$bed/tree mode=$1
        shift
        rm -rf "$tree" "$bed/disk.img"
        cp -al "$bed/root" "$tree" || return
        bed_install "$tree" || return
        cp -r "$bed/guest" "$tree/srv/bed/" || return
        printf 'bed_mode=%s\nbed_scripts="%s"\n' "$mode" "$*" >"$tree/etc/bed"
        truncate -s 3G "$bed/disk.img"
        mkfs.ext4 -q -F -L dom0 -E lazy_itable_init=1,lazy_journal_init=1 -d "$tree" "$bed/disk.img" || return
        rm -rf "$tree"
}

# A TPM as it leaves the factory; the firmware extends its PCRs.
bed_tpm() {
        sockets=$(mktemp -d "${TMPDIR:-/tmp}/bulkhead-bed.XXXXXX") # a socket's path is short
        rm -rf "$bed/tpm"
        mkdir -p "$bed/tpm"
        swtpm socket --tpm2 --tpmstate "dir=$bed/tpm" --ctrl "type=unixio,path=$sockets/tpm" \
                --log "file=$logs/swtpm.log,level=1" </dev/null >/dev/null 2>&1 {lock}>&- &
        tpm=$!
        for _ in {1..50}; do [[ -S $sockets/tpm ]] && return 0; sleep 0.1; done
        return 1
}

# Debian's hypervisor by multiboot, Dom0's kernel and initramfs as its modules. The hypervisor and
# Dom0 share the first serial port. qemu64: with more, Dom0's kernel dies in its first page table walk.
bed_qemu() { # OPTIONS...: the caller becomes QEMU
        local kernel initrd
        kernel=$(echo "$bed"/root/boot/vmlinuz-*) initrd=$(echo "$bed"/root/boot/initrd.img-*)
        zcat "$bed/root/boot/xen-4.17-amd64.gz" >"$bed/xen" || return
        exec qemu-system-x86_64 -machine q35 -accel tcg,thread=multi -cpu qemu64 -smp 2 -m 3072 \
                -display none -no-reboot -nic none \
                -kernel "$bed/xen" -append 'console=com1 com1=115200,8n1 dom0_mem=1536M,max:1536M' \
                -initrd "$kernel console=hvc0 root=/dev/vda rw init=/srv/bed/dom0/init,$initrd" \
                -drive "file=$bed/disk.img,format=raw,if=virtio,cache=unsafe" \
                -chardev "socket,id=tpm,path=$sockets/tpm" -tpmdev emulator,id=tpm0,chardev=tpm \
                -device tpm-tis,tpmdev=tpm0 \
                -device virtio-serial -chardev "file,id=report,path=$logs/report" \
                -device virtserialport,chardev=report,name=report "$@"
}
