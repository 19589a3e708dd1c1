#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Each file that a person writes is read as an editor of another system leaves it: with a byte order
# mark, CRLF, blanks at the ends of lines, with or without a last line feed. Where such bytes count,
# they are named.
# shellcheck source=tests/system/common.bash
. "$(dirname "$0")/common.bash"

windows() { # FILE: as such an editor would save it
        local text
        text=$(<"$1")
        printf '\xef\xbb\xbf%s' "${text//$'\n'/$'\r\n'}" >"$1.new"
        mv "$1.new" "$1"
}
unix16() { iconv -f UTF-8 -t UTF-16LE "$1" | { printf '\xff\xfe'; cat; } >"$1.16"; }
networks=$BULKHEAD_ETC/networks
kept=$(cat "$networks" 2>/dev/null)
restore() {
        if [[ $kept ]]; then printf '%s\n' "$kept" >"$networks"; else rm -f "$networks"; fi
        at_exit
}
trap restore EXIT
mkdir -p "$BULKHEAD_ETC"

# --- xl.cfg and the sealing descriptor
vm edited
forget edited
sed -i '1ivif = [ "mac=00:16:3e:80:00:01,bridge=edit0" ]' edited.cfg
windows edited.cfg
windows edited-seal.xml
expect 0 bulkhead vm define --check edited.cfg
expect 0 bulkhead vm define edited.cfg
expect 0 bulkhead vm seal edited edited-seal.xml --format --no-recovery --yes

# --- /etc/bulkhead/networks
for text in 'edit0 *' 'edit0 *\r\n' 'edit0 * \t\n\n\n' '\xef\xbb\xbf# all\r\n\r\nedit0 *\r\n'; do
        printf "$text" >"$networks"
        expect 0 bulkhead vm start edited
        expect 0 bulkhead vm stop edited
done
printf 'edit0 *\redit1 *\r' >"$networks" # of a Macintosh: one line
expect 1 bulkhead vm start edited
says "'*?edit1'"
printf '\xff\xfee\0d\0' >"$networks"
expect 1 bulkhead vm start edited
says 'UTF-16'
printf 'edit0 *\n' >"$networks"

# --- attestation descriptor, predicate and trust record
cp "$trust" host.trust
echo '<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
<xsl:template match="/"><true/></xsl:template>
</xsl:stylesheet>' >always.xsl
windows edited-attest.xml
challenge=$(openssl rand -hex 32)
expect 0 bulkhead attest edited-attest.xml -o evidence.xml --challenge "$challenge" \
        --trust host.trust
windows host.trust
windows always.xsl
expect 0 bulkhead verify evidence.xml --trust host.trust --challenge "$challenge" \
        --descriptor edited-attest.xml
tr -d '\r' <edited-attest.xml | sed '1s/^\xef\xbb\xbf//' >plain.xml
expect 0 bulkhead verify evidence.xml --trust host.trust --challenge "$challenge" \
        --descriptor plain.xml
for file in edited.cfg edited-seal.xml edited-attest.xml; do unix16 "$file"; done
expect 1 bulkhead vm define --check edited.cfg.16
says 'UTF-16'
expect 2 bulkhead attest edited-attest.xml.16 -o e.xml
says 'UTF-16'

# --- keys
openssl ecparam -genkey -name prime256v1 -noout -out key.pem 2>/dev/null
openssl pkey -in key.pem -pubout -out public.pem
windows public.pem
expect 0 bulkhead vm passphrase add edited --recovery-to public.pem
says 'BEGIN CMS'

# --- a passphrase: these bytes are part of it, and are named
printf 'pass\r\n' >pass
expect 0 bulkhead vm passphrase add edited --new-passphrase-file pass
says 'pass: its first line ends with a carriage return'
printf 'word \n' >pass
expect 0 bulkhead vm passphrase add edited --new-passphrase-file pass
says 'pass: its first line ends with a blank'
printf 'word\n' >pass
expect 1 bulkhead vm passphrase remove edited --passphrase-file pass
