#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A second reader of evidence, written from docs/evidence.md alone. It shares no code with the
verifier: Python's standard library, and `openssl` for signatures. Predicates it does not judge.

usage: reader.py EVIDENCE [--trust FILE] [--challenge HEX] [--descriptor FILE]
       reader.py --serve    many questions on standard input (serve() below), an answer a line

Prints "trusted", "untrusted" with the checks that failed, or "none" if the trust record cannot be
read. Exit status: 0 trusted, 1 untrusted, 3 no verdict.
"""
import argparse
import hashlib
import os
import subprocess
import sys
import tempfile

from document import ALGS, SIZE, Descriptor, Evidence, Wrong, canonical, need, number, octets


# --- trees of RFC 6962, by its recursive definitions ------------------------------------------------

def field(data):
    return len(data).to_bytes(4, 'big') + data


class Tree:
    def __init__(self, alg):
        self.alg = alg

    def hash(self, *parts):
        return hashlib.new(self.alg, b''.join(parts)).digest()

    def node(self, left, right):
        return self.hash(b'\1', left, right)

    @staticmethod
    def split(n):
        return 1 << ((n - 1).bit_length() - 1)

    def root(self, leaf, index, count, path):
        """The root above a leaf; Wrong if the path is not of its place's length."""
        need(index < count, 'index')
        if count == 1:
            need(not path, 'path')
            return leaf
        need(path, 'path')
        k, sibling = self.split(count), path[-1]
        if index < k:
            return self.node(self.root(leaf, index, k, path[:-1]), sibling)
        return self.node(sibling, self.root(leaf, index - k, count - k, path[:-1]))

    def grown(self, old, m, n, path, known=True):
        """Both roots: of the first m leaves and of all n. Takes what it uses off the path's end."""
        if m == n:
            if known:
                return old, old
            need(path, 'path')
            node = path.pop()
            return node, node
        need(path, 'path')
        k, sibling = self.split(n), path.pop()
        if m <= k:
            before, after = self.grown(old, m, k, path, known)
            return before, self.node(after, sibling)
        before, after = self.grown(old, m - k, n - k, path, False)
        return self.node(sibling, before), self.node(sibling, after)


# --- structures of the TPM --------------------------------------------------------------------------

class Bytes:
    """Takes big-endian fields off the front."""

    def __init__(self, data):
        self.data = data

    def take(self, n):
        need(len(self.data) >= n, 'too short')
        head, self.data = self.data[:n], self.data[n:]
        return head

    def number(self, n):
        return int.from_bytes(self.take(n), 'big')

    def sized(self, most, least=0):
        n = self.number(2)
        need(least <= n <= most, 'size')
        return self.take(n)

    def end(self):
        need(not self.data, 'bytes left over')


# P-256 (FIPS 186-4, D.1.2.3)
P = 2**256 - 2**224 + 2**192 + 2**96 - 1
B = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b
SET, CLEAR = 0x00050032, ~(0x00050032 | 0x000004c4) & 0xffffffff


def public_key(public_area):
    """x || y of an attestation key that may be believed."""
    b = Bytes(public_area)
    need((b.number(2), b.number(2)) == (0x0023, 0x000b), 'type, nameAlg')
    attributes = b.number(4)
    need(attributes & SET == SET and not attributes & CLEAR, 'attributes')
    b.sized(48)
    need([b.number(2) for _ in range(5)] == [0x0010, 0x0018, 0x000b, 0x0003, 0x0010], 'parameters')
    x, y = (int.from_bytes(b.sized(32, 1), 'big') for _ in 'xy')
    b.end()
    need(x < P and y < P and (y * y - x * x * x + 3 * x - B) % P == 0, 'not a point of P-256')
    return x.to_bytes(32, 'big') + y.to_bytes(32, 'big')


class Quote:
    def __init__(self, attest):
        b = Bytes(attest)
        need(b.number(4) == 0xff544347, 'magic')
        need(b.number(2) == 0x8018, 'type')
        b.sized(66)
        self.qualifying = b.sized(64)
        self.clock, self.resets, self.restarts = b.number(8), b.number(4), b.number(4)
        self.safe = b.number(1)
        need(self.safe <= 1, 'safe')
        b.take(8)
        need(b.number(4) == 1, 'selections')
        bank = b.number(2)
        need(bank in (0x000b, 0x000c), 'bank')
        self.bank = ALGS[bank - 0x000b]
        need(b.number(1) == 3, 'sizeofSelect')
        mask = int.from_bytes(b.take(3), 'little')
        self.pcrs = {i for i in range(24) if mask >> i & 1}
        need(self.pcrs, 'no PCR')
        self.digest = b.sized(32, 32)
        b.end()


def der(tag, *parts):
    body = b''.join(parts)
    need(len(body) < 128, 'length')
    return bytes([tag, len(body)]) + body


def der_number(data):
    n = int.from_bytes(data, 'big')
    return der(2, n.to_bytes(n.bit_length() // 8 + 1, 'big'))


class Openssl:
    """Asks the command, and remembers what it said: a process a signature is dear."""

    spki = bytes.fromhex('3059301306072a8648ce3d020106082a8648ce3d030107034200' '04')

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix='second-reader.')
        self.known = {}

    def verifies(self, key, data, signature):
        question = (key, data, signature)
        if question not in self.known:
            self.known[question] = self.ask(*question)
        return self.known[question]

    def ask(self, key, data, signature):
        for name, content in (('key', self.spki + key), ('data', data), ('sig', signature)):
            with open(os.path.join(self.folder.name, name), 'wb') as f:
                f.write(content)
        return subprocess.run(['openssl', 'dgst', '-sha256', '-keyform', 'DER', '-verify', 'key',
                               '-signature', 'sig', 'data'], cwd=self.folder.name,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              check=False).returncode == 0


openssl = Openssl()


def signed(key, attest, signature):
    b = Bytes(signature)
    need((b.number(2), b.number(2)) == (0x0018, 0x000b), 'scheme')
    r, s = b.sized(32, 1), b.sized(32, 1)
    b.end()
    need(openssl.verifies(key, attest, der(0x30, der_number(r), der_number(s))), 'signature')


# --- trust record -----------------------------------------------------------------------------------

class Trust:
    names = ('bulkhead-trust', 'host', 'ak-public', 'ak-name', 'enrolled', 'reset-count',
             'restart-count', 'clock', 'log-length', 'log-root', 'alg')

    def __init__(self, text):
        need(len(text) <= 16384, 'length')
        values = []
        text = text.removeprefix(b'\xef\xbb\xbf').rstrip(b' \t\r\n')
        lines = [line.rstrip(b' \t\r') for line in text.split(b'\n')]
        need(len(lines) == len(self.names), 'lines')
        for name, line in zip(self.names, lines):
            head, colon, rest = line.decode('latin-1').partition(':')
            need(head == name and colon and (not rest or rest[0] == ' ' and len(rest) > 1), name)
            values.append(rest[1:])
        need(values[0] == '1', 'version')
        octets(values[1], 32, 32)
        self.ak = octets(values[2], 1, 8192)
        self.name = octets(values[3], 34, 34)
        need(self.name == b'\0\x0b' + hashlib.sha256(self.ak).digest(), 'ak-name')
        need(0 < len(values[4]) <= 255 and all(' ' <= c <= '~' for c in values[4]), 'enrolled')
        self.resets, self.restarts = (number(v, 0xffffffff) for v in values[5:7])
        self.clock, self.log_length = (number(v) for v in values[7:9])
        self.alg = values[10]
        need(self.alg in ALGS, 'alg')
        size = SIZE[self.alg] if self.log_length else 0
        self.log_root = octets(values[9], size, size)


# --- the checks of kind host, in the document's order ------------------------------------------------

class Checks:
    def __init__(self, text, trust=None, challenge=None, descriptor=None):
        self.text, self.trust = text, trust
        self.given, self.sent = challenge, descriptor
        self.failed = []
        self.public = self.quote_seen = None

    names = ('document', 'key', 'identity', 'signature', 'quote', 'challenge', 'request', 'pcrs',
             'counters', 'leaf', 'destinations', 'log', 'measurements')

    def run(self):
        for name in self.names:
            try:
                getattr(self, name)()
            except Wrong:
                self.failed.append(name)
                if name == 'document':
                    self.failed = list(self.names)
                    break
        return self.failed

    def document(self):
        self.e = Evidence(self.text)
        self.tree = Tree(self.e.alg)

    def key(self):
        self.public = public_key(self.e.ak)

    def identity(self):
        need(self.public, 'key')
        name = b'\0\x0b' + hashlib.sha256(self.e.ak).digest()
        need(name.startswith(self.e.wanted.aik), 'aik')
        need(self.trust, 'no trust record')
        need((self.trust.ak, self.trust.name, self.trust.alg) == (self.e.ak, name, self.e.alg),
             'another host')

    def signature(self):
        need(self.public, 'key')
        signed(self.public, self.e.attest, self.e.signature)

    def quote(self):
        self.quote_seen = Quote(self.e.attest)

    def challenge(self):
        answered = self.e.challenge
        need(self.e.wanted.challenge in (b'', answered), 'of the descriptor')
        need(self.given in (None, answered), 'another challenge')

    def request(self):
        if self.sent is not None:
            Descriptor(self.sent)
            need(canonical(self.sent) == self.e.descriptor, 'another request')

    def pcrs(self):
        q = self.seen()
        need(q.bank == self.e.alg, 'bank')
        need(q.pcrs == self.e.wanted.pcrs == set(self.e.pcrs), 'which')
        need(hashlib.sha256(b''.join(self.e.pcrs.values())).digest() == q.digest, 'values')

    def counters(self):
        q, t = self.seen(), self.trust
        need(t, 'no trust record')

        def before(a, b):
            return (a - b) & 0xffffffff >= 0x80000000

        need(not before(q.resets, t.resets), 'resetCount')
        need(q.resets != t.resets or not before(q.restarts, t.restarts), 'restartCount')
        restarted = (q.resets, q.restarts) != (t.resets, t.restarts)
        need(q.clock >= t.clock or restarted and not q.safe, 'clock')

    def leaf(self):
        index, count, random, path = self.e.leaf
        h = self.tree.hash
        leaf = h(b'\0', field(b'bulkhead-attest-1'), field(random), field(self.e.challenge),
                 field(h(self.e.descriptor)), field(h(self.e.result)))
        root = self.tree.root(leaf, index, count, path)
        need(root == self.seen().qualifying, 'qualifying data')

    def destinations(self):
        values = {}
        for (_, pcr), found in zip(self.e.wanted.targets, self.e.found + [None] * 64):
            if pcr:
                values.setdefault(pcr, bytes(self.e.size))
            if pcr and found:
                values[pcr] = self.tree.hash(values[pcr], self.tree.hash(found[2]))
        need(all(self.e.pcrs.get(pcr) == v for pcr, v in values.items()), 'destination')

    def log(self):
        last = -1
        for (index, random, path), found in zip(self.e.openings, self.e.found):
            need(index > last, 'order')
            last = index
            commitment = self.tree.hash(b'\2', field(random), field(found[2]))
            root = self.tree.root(self.tree.hash(b'\0', commitment), index, self.e.log_length, path)
            need(root == self.e.log_root, 'opening')
        if not self.trust or not self.trust.log_length:
            return
        seen, length = self.trust.log_length, self.e.log_length
        need(length >= seen and self.trust.alg == self.e.alg, 'length')
        start, path = self.e.consistency if length > seen else (seen, [])
        need(start == seen, 'no proof from there')
        path = list(path)
        roots = self.tree.grown(self.trust.log_root, seen, length, path)
        need(not path and roots == (self.trust.log_root, self.e.log_root), 'another history')

    def measurements(self):
        wanted = [(name.partition(':')[0], name) for name, _ in self.e.wanted.targets]
        need([(plugin, target) for plugin, target, _ in self.e.found] == wanted, 'targets')

    def seen(self):
        need(self.quote_seen, 'quote')
        return self.quote_seen


def verdict(text, trust, challenge, descriptor):
    try:
        record = Trust(trust) if trust is not None else None
    except Wrong:
        return 'none'
    failed = Checks(text, record, challenge, descriptor).run()
    return ' '.join(['untrusted'] + failed) if failed else 'trusted'


def serve():
    """A question: evidence, trust record, challenge, descriptor, each behind its length (4 bytes,
    big endian); ffffffff and nothing behind it: not given."""
    def part():
        length = sys.stdin.buffer.read(4)
        if len(length) < 4:
            sys.exit(0)
        n = int.from_bytes(length, 'big')
        return None if n == 0xffffffff else sys.stdin.buffer.read(n)

    while True:
        print(verdict(part(), part(), part(), part()), flush=True)


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('evidence', nargs='?')
    for option in ('--trust', '--challenge', '--descriptor'):
        p.add_argument(option)
    p.add_argument('--serve', action='store_true')
    a = p.parse_args()
    if a.serve:
        serve()

    def content(name):
        return open(name, 'rb').read() if name else None

    said = verdict(content(a.evidence), content(a.trust),
                   bytes.fromhex(a.challenge) if a.challenge else None, content(a.descriptor))
    print(said)
    sys.exit({'trusted': 0, 'none': 3}.get(said, 1))


if __name__ == '__main__':
    main()
