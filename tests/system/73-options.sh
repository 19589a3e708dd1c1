#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Whatever a command accepts has an effect in it or is refused. All commands are walked by --help:
# each of their options has a row here that shows its effect, or names the script that does; what a
# command cannot use is wrong usage. Each command that prints does so as JSON, too.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/common.bash"

command -v python3 >/dev/null || skip 'python3 is missing'
other=$work/run
B=$(dirname "$(command -v bulkhead)")
export B
trap 'leave_hosts "$other"' EXIT
"$top/scripts/up" "$other" --no-setup || fail 'up'
# shellcheck source=/dev/null
. "$other/env"

rows=()
# json COMMAND ARGUMENTS...: done with --json, it prints one value and nothing else.
json() {
        local command=$1
        shift
        rows+=("$command --json")
        # shellcheck disable=SC2086
        output=$(bulkhead $command "$@" --json 2>said) || { cat said; fail "$command --json"; }
        python3 -m json.tool <<<"$output" >/dev/null || fail "$command --json prints: $output"
        echo "$command --json: JSON"
}
# silent COMMAND ARGUMENTS...: done with --quiet, it prints nothing.
silent() {
        local command=$1
        shift
        rows+=("$command --quiet")
        # shellcheck disable=SC2086
        output=$(bulkhead $command "$@" --quiet 2>&1) || fail "$command --quiet: $output"
        same "$output" '' "what $command --quiet prints"
        echo "$command --quiet: nothing is said"
}
# asked COMMAND ARGUMENTS...: what was asked for is printed with --quiet, too.
asked() {
        local command=$1
        shift
        rows+=("$command --quiet")
        # shellcheck disable=SC2086
        same "$(bulkhead $command "$@" --quiet)" "$(bulkhead $command "$@")" "$command --quiet"
}
# differs COMMAND OPTION WITHOUT WITH: what is printed, or the status, is another with the option.
differs() {
        local one two
        rows+=("$1 --$2")
        # shellcheck disable=SC2086
        one=$(bulkhead $1 $3 2>&1 | sed 's/generation [0-9]*//'; echo "${PIPESTATUS[0]}")
        # shellcheck disable=SC2086
        two=$(bulkhead $1 $4 2>&1 | sed 's/generation [0-9]*//'; echo "${PIPESTATUS[0]}")
        [[ $one != "$two" ]] || fail "$1 --$2 has no effect: $one"
        echo "$1 --$2: has an effect"
}
# shown NN COMMAND OPTION...: that script shows the effect.
shown() {
        local script option
        script=$(echo "$top/tests/system/$1"-*.sh)
        for option in "${@:3}"; do
                rows+=("$2 --$option")
                grep -q "bulkhead $2 " "$script" && grep -q -- "--$option" "$script" ||
                        fail "$script does not show $2 --$option"
        done
}
# useless COMMAND ARGUMENTS: refused as wrong usage, before anything is asked or done.
useless() {
        # shellcheck disable=SC2086
        expect 2 env BULKHEAD_RUN=/nonexistent bulkhead $1
}

# --- the host ----------------------------------------------------------------------------------
openssl ecparam -name prime256v1 -genkey -noout -out site.pem 2>/dev/null
openssl pkey -in site.pem -pubout -out public.pem
shown 36 'host setup' bank pcrs passphrase-file
shown 38 'host setup' site-key quiet
json 'host setup' --site-key - <public.pem
useless 'host setup --site-key a --passphrase-file b'
shown 37 'host approve' passphrase-file pcr
python3 - <<'EOF'
# A PE32+ file with one section, as small as `bulkhead host approve --image` reads it.
import struct
b = bytearray(0x400)
b[0:2], b[0x3c] = b'MZ', 0x80
b[0x80:0x84] = b'PE\0\0'
struct.pack_into('<HHIIIHH', b, 0x84, 0x8664, 1, 0, 0, 0, 112 + 16 * 8, 0x22)
struct.pack_into('<H', b, 0x98, 0x20b)
struct.pack_into('<I', b, 0x98 + 60, 0x200)
struct.pack_into('<I', b, 0x98 + 108, 16)
s = 0x98 + 112 + 16 * 8
struct.pack_into('<II', b, s + 16, 0x200, 0x200)
open('bulkhead.efi', 'wb').write(b)
EOF
json 'host approve' --site-key - <site.pem
silent 'host approve' --site-key site.pem
rows+=('host approve --site-key')
differs 'host approve' print '--site-key site.pem' '--print to-sign'
differs 'host approve' image '--print -' '--print - --image bulkhead.efi'
json 'host approve' --print to-sign --image bulkhead.efi
openssl dgst -sha256 -sign site.pem -out signature to-sign
differs 'host approve' signature '--signature signature' \
        '--image bulkhead.efi --signature signature'
expect 0 bulkhead host approve --image bulkhead.efi --signature - <signature
json 'host approvals'
asked 'host approvals'
shown 37 'host retire' approve-present yes passphrase-file
shown 38 'host retire' print signature site-key
silent 'host retire' --approve-present --site-key site.pem --yes
json 'host retire' --approve-present --site-key site.pem --yes
useless 'host retire --site-key site.pem'
useless 'host retire --approve-present --print x --yes'
useless 'host retire --approve-present --print x --json'
# The script that does the work is another one here, which says what it was given.
mkdir -p libexec image
cat >libexec/host-image <<EOF
#!/bin/sh
echo "root=\$ROOT xen=\$XEN_OPTIONS kernel=\$KERNEL_OPTIONS device=\$ROOT_DEVICE \$STATE_DEVICE"
cp $work/bulkhead.efi "\$OUTPUT/bulkhead.efi"
EOF
chmod +x libexec/host-image
image="--libexec $work/libexec host image"
if ((EUID == 0)); then
        for o in root=/usr xen-options=a kernel-options=b root-device=/dev/x state-device=/dev/y; do
                differs "$image" "${o%%=*}" image "image --$o"
        done
        json "$image" image
        silent "$image" image
fi
for o in root xen-options kernel-options root-device state-device json quiet; do
        rows+=("host image --$o")
done
json status
asked status
rows+=('status --image')
expect 1 bulkhead status --image site.pem
differs status trust '' --trust
json status --trust
useless 'status --trust --image bulkhead.efi'
json jobs
shown 77 cancel json quiet
asked jobs
same "$(bulkhead jobs)" 'no jobs' 'what jobs says of none'
same "$(bulkhead jobs --json | tr -d '\n')" '[]' 'what jobs --json says of none'
json help
asked help
# A program that runs where it was built finds its pages beside it; man(1) the rest.
if command -v man >/dev/null && [[ -e $(dirname "$(command -v bulkhead)")/../docs/man ]]; then
        for s in vm measure commands xl.cfg; do
                expect 0 env MANPATH=/nonexistent MANPAGER=cat bulkhead help $s
                says bulkhead
        done
fi
useless 'help vm --json'
useless '--state /tmp status'
# An option that has a value is given once, unless it is meant to repeat; a switch says the same.
useless 'attest a.xml -o b --output c'
says 'option is given twice: --output'
useless 'vm show opt --run /tmp --run /tmp'
useless '--run /tmp --run /tmp status'
useless 'host approve --site-key a --site-key b'
useless 'vm passphrase remove opt --slot 1 --slot 2'
expect 0 bulkhead help --json --json
useless '--etc /tmp status'

# --- definitions -------------------------------------------------------------------------------
vm opt
(umask 077 && echo secret >pass && printf 'two\nlines\n' >key)
differs 'vm define' check 'opt.cfg' '--check opt.cfg'
json 'vm define' --check - <opt.cfg
silent 'vm define' --check opt.cfg
useless 'vm define --check --owner self opt.cfg'
useless 'vm define --check --replace opt.cfg'
useless 'vm define --yes opt.cfg'
useless 'vm define --descriptor opt-seal.xml opt.cfg'
useless 'vm define --key-file key opt.cfg'
useless 'vm define --replace --keyfile-offset 0 opt.cfg'
shown 41 'vm define' replace owner descriptor passphrase-file key-file
shown 24 'vm define' yes
json 'vm define' --replace - <opt.cfg
json 'vm list'
asked 'vm list'
json 'vm show' opt
asked 'vm show' opt

# --- seals and passphrases ---------------------------------------------------------------------
shown 24 'vm seal' yes format
shown 29 'vm seal' recovery-to key-file
shown 28 'vm seal' passphrase-file no-recovery
useless 'vm seal opt opt-seal.xml --no-recovery'
useless 'vm seal opt opt-seal.xml --recovery-to public.pem'
useless 'vm seal opt opt-seal.xml --format --no-recovery --recovery-to public.pem'
useless 'vm seal opt opt-seal.xml --format --no-recovery --passphrase-file pass'
useless 'vm seal opt opt-seal.xml --format --recovery-to public.pem --key-file key'
useless 'vm seal opt opt-seal.xml --keyfile-size 0'
silent 'vm seal' opt opt-seal.xml --format --passphrase-file pass
json 'vm seal' opt - <opt-seal.xml
# The bytes from the fourth on are "lines\n".
part='--key-file key --keyfile-offset 4 --keyfile-size 6'
new=${part//--key/--new-key}
# shellcheck disable=SC2086
json 'vm passphrase add' opt $new
# Without a terminal the remedy names the option of that very secret.
prompts() { # OPTION COMMAND...
        local option=$1
        shift
        expect 2 setsid -w bulkhead "$@"
        says "remedy    give it with $option FILE"
}
prompts --new-passphrase-file vm passphrase add opt
prompts --passphrase-file vm passphrase remove opt
prompts --passphrase-file vm passphrase change opt
prompts --new-passphrase-file vm passphrase change opt --passphrase-file pass
json 'vm passphrase list' opt
asked 'vm passphrase list' opt
for c in 'vm seal' 'vm define'; do
        what='opt opt-seal.xml'
        [[ $c == 'vm define' ]] && what='--replace opt.cfg'
        differs "$c" keyfile-offset "$what --key-file key --keyfile-size 6" "$what $part"
        differs "$c" keyfile-size "$what --key-file key --keyfile-offset 3" "$what $part"
done
silent 'vm define' --replace --passphrase-file pass opt.cfg
change='vm passphrase change'
differs "$change" keyfile-offset "opt --key-file key --keyfile-size 6 $new" "opt $part $new"
differs "$change" keyfile-size "opt --key-file key --keyfile-offset 3 $new" "opt $part $new"
# shellcheck disable=SC2086
json "$change" opt $part --new-passphrase-file - <<<another
shown 28 "$change" passphrase-file new-passphrase-file slot
(umask 077 && echo third >third)
silent "$change" opt --new-passphrase-file third --passphrase-file - <<<another
# shellcheck disable=SC2086
expect 0 bulkhead $change opt --passphrase-file third $new
# shellcheck disable=SC2086
expect 0 bulkhead $change opt $part --recovery-to public.pem
says 'BEGIN CMS'
expect 0 bulkhead vm passphrase add opt --recovery
says 'recovery  '
silent 'vm passphrase add' opt --new-key-file pass
rows+=("$change "--{key-file,new-key-file,new-keyfile-offset,new-keyfile-size,recovery,recovery-to})
rows+=('vm passphrase add '--{new-key-file,new-keyfile-offset,new-keyfile-size,recovery})
shown 28 'vm passphrase add' passphrase-file new-passphrase-file
# In the table of tools/options.c these four are one group with the passphrase file.
rows+=('vm passphrase add '--{key-file,keyfile-offset,keyfile-size,recovery-to})
shown 28 'vm passphrase remove' passphrase-file slot last
shown 29 'vm passphrase remove' key-file keyfile-offset keyfile-size
useless 'vm passphrase add opt --recovery --new-key-file key'
useless 'vm passphrase add opt --passphrase-file a --key-file b'
useless 'vm passphrase remove opt --keyfile-size 3'
useless 'vm passphrase list opt --slot 1'
expect 0 bulkhead vm passphrase list opt
json 'vm passphrase remove' opt --slot 2
# shellcheck disable=SC2086
silent 'vm passphrase remove' opt --key-file pass

# --- a VM's life -------------------------------------------------------------------------------
json 'vm start' opt
for c in suspend resume; do
        silent "vm $c" opt
        [[ $c == suspend ]] && expect 0 bulkhead vm resume opt || expect 0 bulkhead vm suspend opt
        json "vm $c" opt
done
expect 0 bulkhead vm detach opt xvdb
silent 'vm attach' opt xvdb
json 'vm detach' opt xvdb
json 'vm attach' opt xvdb
silent 'vm detach' opt xvdb
shown 17 'vm stop' timeout
json 'vm stop' opt
silent 'vm start' opt
silent 'vm stop' opt
expect 0 bulkhead vm start opt
json 'vm hibernate' opt
expect 0 bulkhead vm start opt
silent 'vm hibernate' opt
json 'vm destroy' opt
expect 0 bulkhead vm start opt
silent 'vm destroy' opt
json 'vm autostart' opt
silent 'vm autostart' opt
same "$(field opt autostart)" true autostart
expect 0 bulkhead vm autostart opt --off
same "$(field opt autostart)" false 'autostart --off'
rows+=('vm autostart --off' 'vm console --quiet') # the console is xl's
expect 1 bulkhead vm console --quiet opt

# --- evidence ----------------------------------------------------------------------------------
head -c 102400 /dev/urandom >a.img
attesting PCR16 "disk:$work/a.img" >attest.xml
expect 0 bulkhead host approve --site-key site.pem
bulkhead status --trust >host.trust
differs measure verity "disk:$work/a.img" "--verity disk:$work/a.img"
differs measure salt "--verity disk:$work/a.img" "--verity --salt 00 disk:$work/a.img"
json measure "disk:$work/a.img"
asked measure "disk:$work/a.img"
useless "measure --salt 00 disk:$work/a.img"
challenge=$(openssl rand -hex 32)
expect 0 bulkhead attest attest.xml -o evidence.xml --trust host.trust --challenge "$challenge"
says "$challenge"
rows+=('attest '--{output,challenge})
shown 15 attest trust
json attest - -o evidence.xml --challenge "$challenge" --trust host.trust <attest.xml
silent attest attest.xml -o other.xml
differs verify trust evidence.xml 'evidence.xml --trust host.trust'
differs verify challenge 'evidence.xml --trust host.trust' \
        "evidence.xml --trust host.trust --challenge $challenge"
differs verify descriptor evidence.xml 'evidence.xml --descriptor attest.xml'
differs verify policy evidence.xml "evidence.xml --policy $top/xslt-policies/vm-runs.xsl"
differs verify strict 'evidence.xml --trust host.trust' 'evidence.xml --trust host.trust --strict'
cp host.trust before.trust
expect 0 bulkhead verify evidence.xml --trust host.trust --challenge "$challenge" --remember
cmp -s host.trust before.trust && fail 'verify --remember has no effect'
json verify evidence.xml --trust host.trust --challenge "$challenge"
# the verdict was asked for, and not each check
expect 0 bulkhead verify - --trust host.trust --challenge "$challenge" --quiet <evidence.xml
[[ $output == trusted* && $output != *$'\n'* ]] || fail "verify --quiet: $output"
rows+=('verify '--{remember,quiet})
useless 'verify --remember evidence.xml'
useless 'verify --remember --trust - evidence.xml'

json 'vm undefine' opt --forget-key
vm opt
silent 'vm undefine' opt
vm opt
shown 01 'vm undefine' forget-key
shown 84 'vm seal' forget-key
shown 84 'vm define' forget-key

# --- nothing is without a row ------------------------------------------------------------------
walk() { # COMMAND...
        local help name
        help=$(bulkhead "$@" --help)
        if [[ $help == *$'\n'Commands:* ]]; then
                for name in $(sed -n '/^Commands:/,/^$/s/^  \([a-z]*\)  *.*/\1/p' <<<"$help"); do
                        walk "$@" "$name"
                done
                return
        fi
        for name in $(sed -nE 's/^ +(-[a-z], )?(--[a-z-]+).*/\2/p' <<<"$help"); do
                [[ $name == --@(help|usage|version) ]] || echo "$* $name"
        done
}
walk | sort -u >all
(($(wc -l <all) > 100)) || fail 'the walk finds too few options'
printf '%s\n' "${rows[@]}" | sort -u >told
comm -23 all told | grep . && fail 'these options have no row'
true
