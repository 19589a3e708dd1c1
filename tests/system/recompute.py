#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Recomputes what evidence claims, from docs/evidence.md alone, with hashlib and xmllint.

usage: recompute.py EVIDENCE.xml DESCRIPTOR.xml CHALLENGE; writes ak.bin attest.bin signature.bin
"""
import hashlib
import subprocess
import sys
import xml.etree.ElementTree as tree


def h(*parts):
    return hashlib.sha256(b''.join(parts)).digest()


def field(b):
    return len(b).to_bytes(4, 'big') + b


def canonical(path=None, text=None):
    return subprocess.run(['xmllint', '--exc-c14n', path or '-'], input=text, check=True,
                          stdout=subprocess.PIPE).stdout


def part(text, element):
    start = text.index(b'<' + element)
    end = text.index(b'</' + element + b'>') + len(element) + 3
    return text[start:end]


evidence = open(sys.argv[1], 'rb').read()
root = tree.fromstring(evidence)
assert canonical(sys.argv[1]) == evidence.rstrip(b'\n'), 'the evidence is not its own canonical form'
descriptor = part(evidence, b'attestation-desc')
assert descriptor == canonical(sys.argv[2]), 'the descriptor is not the one that was sent'
result = part(evidence, b'result')
quote = root.find('quote')
leaf = quote.find('leaf')
assert leaf.get('challenge') == sys.argv[3].lower(), 'another challenge'
node = h(b'\0', field(b'bulkhead-attest-1'), field(bytes.fromhex(leaf.get('random'))),
         field(bytes.fromhex(sys.argv[3])), field(h(descriptor)), field(h(result)))
assert leaf.get('count') == '1' and leaf.get('index') == '0'
attest = bytes.fromhex(quote.findtext('attest'))
signer = int.from_bytes(attest[6:8], 'big')
extra = 8 + signer
length = int.from_bytes(attest[extra:extra + 2], 'big')
assert attest[extra + 2:extra + 2 + length] == node, 'the qualifying data is another'

measurements = []
rest = result
while b'<measurement ' in rest:
    measurements.append(part(rest, b'measurement '[:-1]))
    rest = rest[rest.index(b'</measurement>') + 14:]
pcrs = {}
for target, m in zip(root.iter('measureTarget'), measurements):
    assert canonical(text=m) == m
    if target.get('dest') != 'LOG':
        n = int(target.get('dest')[3:])
        pcrs[n] = h(pcrs.get(n, bytes(32)), h(m))
values = {int(p.get('index')): bytes.fromhex(p.text) for p in quote.iter('pcr')}
for n, v in pcrs.items():
    assert values[n] == v, 'PCR %d does not hold the measurements' % n
assert h(*[values[n] for n in sorted(values)]) == attest[-32:], 'the digest of the PCRs is another'
for m, opening in zip(measurements, root.iter('opening')):
    c = h(b'\2', field(bytes.fromhex(opening.get('random'))), field(m))
    at, count, hash_ = int(opening.get('index')), int(root.find('result/log').get('length')), h(b'\0', c)
    last = count - 1
    for sibling in opening.iter('node'):
        s = bytes.fromhex(sibling.text)
        if at & 1 or at == last:
            hash_ = h(b'\1', s, hash_)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            hash_ = h(b'\1', hash_, s)
        at, last = at >> 1, last >> 1
    assert hash_.hex() == root.find('result/log').get('root'), 'the log entry does not open'
for name, text in (('ak', quote.findtext('ak')), ('attest', quote.findtext('attest')),
                   ('signature', quote.findtext('signature'))):
    open(name + '.bin', 'wb').write(bytes.fromhex(text))
print(node.hex())
