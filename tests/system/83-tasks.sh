#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The tasks of docs/tasks.md, as they are written there: each of its commands is taken out of the
# document and run, with other paths. What needs Xen, a package or an image of Dom0 is not run here.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/common.bash"

for tool in cryptsetup tpm2_checkquote xmllint xxd openssl; do
        command -v "$tool" >/dev/null || skip "no $tool"
done
tasks=$top/docs/tasks.md
B=$(dirname "$(command -v bulkhead)")
export B top other=$work/run there=$work/there
trap 'leave_hosts "$other" "$there"' EXIT
"$top/scripts/up" "$other" --no-setup || fail 'up'
# shellcheck source=/dev/null
. "$other/env"

# What the commands of the document find here instead of a Dom0 with packages.
systemctl() { if [[ $1 == stop ]]; then "$top/scripts/down" "$other" --quiet
        else "$top/scripts/up" "$other" --no-setup; fi; }
systemd-tmpfiles() { :; }
export -f systemctl systemd-tmpfiles

# task TITLE N [SED]: runs the Nth block of commands below the heading that contains TITLE.
task() {
        local title=$1 n=$2 block
        block=$(awk -v title="$title" -v n="$n" '
                /^##/ {on = index($0, title); k = 0}
                on && /^(    |       )/ {if (!was) k++; if (k == n) print; was = 1; next}
                /./ {was = 0}' "$tasks" |
                sed -E "s|/root|$work/root|g; s|/srv/web01|$work/srv|g; ${3-}
                        s|/var/lib/bulkhead|$BULKHEAD_STATE|g")
        [[ $block ]] || fail "no block $n below '$title'"
        echo "--- $title ($n)"
        echo "$block"
        output=$(bash -e -o pipefail -c "$block" 2>&1) || { echo "$output"; fail "$title ($n)"; }
        echo "$output"
}
again() { expect 0 bulkhead vm start web01; expect 0 bulkhead vm stop web01; }

mkdir -p srv root
head -c 1M /dev/urandom >srv/root.img
truncate -s 24M srv/data.img
echo kernel >srv/vmlinuz
cat >web01.cfg <<END
name = "web01"
type = "pv"
uuid = "5e1b3a52-2d0b-4a37-8a86-0d3f9a1b8383"
kernel = "$work/srv/vmlinuz"
memory = 128
disk = [ "format=raw, vdev=xvda, access=ro, target=$work/srv/root.img",
         "format=raw, vdev=xvdb, access=rw, target=$work/srv/data.img" ]
END
sealing "vm:web01 disk:$work/srv/root.img luks:$work/srv/data.img" >seal.xml
attesting PCR16 "disk:$work/srv/root.img" >attest.xml
(umask 077 && echo 'correct horse' >site.pass && echo 'an old one' >old.pass)
expect 0 bulkhead host setup --passphrase-file site.pass
expect 0 bulkhead host approve --passphrase-file site.pass
expect 0 bulkhead vm define web01.cfg
expect 0 bulkhead vm seal web01 seal.xml --format --passphrase-file old.pass

# --- passphrases
task 'How do I add a passphrase' 1
again
cp web01.pass kept.pass
task 'How do I make a recovery key' 1
openssl ecparam -genkey -name prime256v1 -noout -out private.pem
task 'How do I make a recovery key' 2 's|-out web01.pass|-out web01.recovered|;'
cryptsetup open --test-passphrase srv/data.img <web01.recovered || fail 'the recovered key'
(umask 077 && openssl rand -base64 24 >new.pass)
task 'How do I change or remove a passphrase' 1 '3,4d;'
says 'slot 1'
! cryptsetup open --test-passphrase srv/data.img <old.pass 2>/dev/null || fail 'the old one opens'
expect 0 bulkhead vm passphrase add web01 --new-passphrase-file old.pass
task 'How do I change or remove a passphrase' 1 '1,3d;'
openssl rand -base64 24 >new.pass
task 'How do I change or remove a passphrase' 1 '1,2d;4d;'
again

# --- memory, kernel, owner
sed -i 's/memory = 128/memory = 256/' web01.cfg
task 'How do I change memory' 1
bulkhead vm start web01 || fail start
task 'How do I change memory' 2
expect 0 bulkhead vm list
says '256 MiB'
bulkhead vm stop web01 || fail stop
echo 'another kernel' >srv/vmlinuz
expect 1 bulkhead vm start web01
task 'How do I change memory' 3
again
task 'How do I give a VM to another owner' 1 's/alice/nobody/;'
expect 0 bulkhead vm show web01
says nobody
again

# --- backups, and a header that is restored
task 'What do I back up' 1
task 'What do I back up' 2
[[ -e root/bulkhead-state/integrity-mgr/host ]] || fail 'no copy of the state'
dd if=/dev/zero of=srv/data.img bs=4k count=1 conv=notrunc status=none
expect 1 bulkhead vm start web01
task 'How do I restore a header' 1
bulkhead vm stop web01 || fail stop
expect 0 bulkhead vm passphrase add web01 --new-passphrase-file old.pass
cryptsetup luksHeaderRestore -q srv/data.img --header-backup-file web01.header
expect 1 bulkhead vm start web01
task 'How do I restore a header' 2
again

# --- the host
task 'How do I update Dom0' 2
expect 0 bulkhead vm start web01
expect 0 bulkhead vm stop web01
task 'How do I retire an old Dom0' 1 's/--approve-present/& --yes/;' # it asks on a terminal
again

# --- verifying
hex=$(sha256sum <srv/root.img | cut -d' ' -f1)
sed "s|'disk:/[^']*'|'disk:$work/srv/root.img'|; s|'sha256:[0-9a-f]*'|'sha256:$hex'|" \
        "$top/xslt-policies/disk-digest.xsl" >mine.xsl
bulkhead status --trust >host.trust || fail 'a trust record'
task 'Verifying from another machine' 2
says 'trusted'
task 'How do I check a quote without Bulkhead' 1
says 'sig'

# --- another mainboard
systemctl stop
rm -rf "$other/tpm"
systemctl start
expect 1 bulkhead vm start web01
says 'storage root key'
task 'How do I replace a mainboard' 1
again

# --- another host, with storage that both reach
expect 0 bulkhead vm start web01
task 'How do I move a VM' 1
"$top/scripts/up" "$there" || fail 'up'
# shellcheck source=/dev/null
. "$there/env"
task 'How do I move a VM' 2
expect 0 bulkhead vm stop web01
