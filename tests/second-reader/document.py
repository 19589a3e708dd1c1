# SPDX-License-Identifier: Apache-2.0
"""Reads evidence and descriptors (docs/evidence.md): canonical XML to plain Python values.

Wrong() is raised for whatever is not of that shape.
"""
import re
import xml.etree.ElementTree as tree
from xml.parsers import expat

XSLT = '{http://www.w3.org/1999/XSL/Transform}'
ALGS = ('sha256', 'sha384')
SIZE = {'sha256': 32, 'sha384': 48}


class Wrong(Exception):
    pass


def need(condition, what):
    if not condition:
        raise Wrong(what)


def canonical(text):
    """The exclusive canonical form with comments."""
    no_instructions(text)
    try:
        return COMMENT.sub(unescaped, tree.canonicalize(text, with_comments=True)).encode()
    except (tree.ParseError, ValueError, LookupError) as e:
        raise Wrong(e) from None


COMMENT = re.compile('<!--.*?-->', re.DOTALL)


def unescaped(comment):
    """Comments have no references (C14N 1.1, 2.3), but Python writes some into them."""
    text = comment.group()
    for reference, c in (('&lt;', '<'), ('&gt;', '>'), ('&#xD;', '\r'), ('&amp;', '&')):
        text = text.replace(reference, c)
    return text


def no_instructions(text):
    def found(*_):
        raise Wrong('a document type or a processing instruction')

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = parser.ProcessingInstructionHandler = found
    try:
        parser.Parse(text, True)
    except (expat.ExpatError, ValueError, LookupError) as e:
        raise Wrong(e) from None


# --- evidence: a tree whose elements know the bytes that they were read from -----------------------

class Element:
    def __init__(self, name, attributes, start):
        self.name, self.attributes, self.start = name, attributes, start
        self.children, self.text, self.end = [], '', None


def elements(text):
    """The root. Comments are allowed in and around <attestation-desc> alone."""
    root, stack = [], []
    parser = expat.ParserCreate()
    parser.ordered_attributes = parser.buffer_text = True

    def start(name, attributes):
        e = Element(name, list(zip(attributes[::2], attributes[1::2])), parser.CurrentByteIndex)
        (stack[-1].children if stack else root).append(e)
        stack.append(e)

    def end(name):
        e = stack.pop()
        e.end = text.index(b'>', parser.CurrentByteIndex) + 1

    def characters(data):
        # Beside the descriptor there are line feeds; its canonical form is looked at later.
        need(len(stack) > 1 or len(stack[0].children) < 2, 'text between elements')
        stack[-1].text += data

    def comment(_):
        beside = len(stack) == 1 and all(c.name == 'attestation-desc' for c in stack[0].children)
        need(beside or any(e.name == 'attestation-desc' for e in stack), 'a comment')

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler, parser.CommentHandler = characters, comment
    try:
        parser.Parse(text, True)
    except (expat.ExpatError, ValueError) as e:
        raise Wrong(e) from None
    return root[0]


def expect(e, name, *attributes):
    """The values of exactly these attributes."""
    need(e.name == name, name)
    need([n for n, _ in e.attributes] == list(attributes), name)
    return [v for _, v in e.attributes]


def only_elements(e):
    need(e.text == '', 'text in ' + e.name)
    return e.children


def only_text(e):
    need(not e.children, 'an element in ' + e.name)
    return e.text


def number(text, most=(1 << 64) - 1):
    need(re.fullmatch('0|[1-9][0-9]*', text, re.ASCII), 'number')
    need(int(text) <= most, 'number')
    return int(text)


def octets(text, least, most):
    need(re.fullmatch('([0-9a-f]{2})*', text), 'hex')
    need(least <= len(text) // 2 <= most, 'length')
    return bytes.fromhex(text)


def path(e, size):
    need(len(e.children) <= 64, 'path')
    nodes = []
    for n in only_elements(e):
        expect(n, 'node')
        nodes.append(octets(only_text(n), size, size))
    return nodes


def check_node(e, depth, counts):
    need(depth <= 63, 'depth')
    expect(e, 'node', 'id', 'type')
    counts[0] += 1
    need(counts[0] <= 4096, 'nodes')
    values, nodes = 0, 0
    for c in only_elements(e):
        if c.name == 'value':
            need(nodes == 0, 'a value after a node')
            expect(c, 'value', 'name')
            values += 1
            need(len(only_text(c).encode()) <= 4095 and values <= 1024 and depth < 63, 'value')
        else:
            nodes += 1
            check_node(c, depth + 1, counts)


class Evidence:
    """What the document says; raw bytes where digests need them."""

    def __init__(self, text):
        need(0 < len(text) <= 16 << 20, 'length')
        need(text.startswith(b'<evidence kind="host" version="1">'), 'beginning')
        need(canonical(text) == text, 'canonical form')
        root = elements(text)
        expect(root, 'evidence', 'kind', 'version')
        parts = root.children
        need(len(parts) >= 3, 'parts')
        need(parts[0].name == 'attestation-desc', 'attestation-desc')
        # What stands before it and behind it can only be comments and their line feeds.
        start = text.index(b'>') + 1
        self.descriptor = text[start:parts[1].start]
        need(b'<result ' not in self.descriptor, 'a comment that quotes <result')
        need(canonical(self.descriptor) == self.descriptor, 'canonical form of the descriptor')
        self.wanted = Descriptor(self.descriptor)
        self.alg, = expect(parts[2], 'quote', 'alg')
        need(self.alg in ALGS, 'alg')
        self.size = SIZE[self.alg]
        self.read_result(parts[1], text)
        self.read_quote(parts[2])
        self.read_proofs(parts[3:])

    def read_result(self, e, text):
        need(expect(e, 'result', 'version') == ['1'], 'version')
        self.result = text[e.start:e.end]
        log, *found = only_elements(e)
        length, root = expect(log, 'log', 'length', 'root')
        need(not log.children and not log.text, 'log')
        self.log_length, self.log_root = number(length), octets(root, self.size, self.size)
        self.found = []
        need(len(found) <= 64, 'measurements')
        for m in found:
            plugin, target, version = expect(m, 'measurement', 'plugin', 'target', 'version')
            number(version)
            need(only_elements(m), 'an empty measurement')
            counts = [0]
            for n in m.children:
                check_node(n, 4, counts)
            self.found.append((plugin, target, text[m.start:m.end]))

    def read_quote(self, e):
        ak, attest, signature, *pcrs = only_elements(e)
        blobs = []
        for blob, name in ((ak, 'ak'), (attest, 'attest'), (signature, 'signature')):
            expect(blob, name)
            blobs.append(octets(only_text(blob), 1, 4096))
        self.ak, self.attest, self.signature = blobs
        need(pcrs, 'leaf')
        leaf = pcrs.pop()
        self.pcrs = {}
        for p in pcrs:
            index = number(*expect(p, 'pcr', 'index'), most=23)
            need(all(i < index for i in self.pcrs), 'pcr')
            self.pcrs[index] = octets(only_text(p), self.size, self.size)
        challenge, count, index, random = expect(leaf, 'leaf', 'challenge', 'count', 'index',
                                                 'random')
        self.challenge = octets(challenge, 16, 64)
        self.leaf = (number(index), number(count), octets(random, 32, 32), path(leaf, self.size))

    def read_proofs(self, rest):
        self.openings, self.consistency = [], (0, [])
        need(len(rest) >= len(self.found), 'opening')
        for o in rest[:len(self.found)]:
            index, random = expect(o, 'opening', 'index', 'random')
            self.openings.append((number(index), octets(random, 32, 32), path(o, self.size)))
        rest = rest[len(self.found):]
        need(len(rest) <= 1, 'end')
        for c in rest:
            start = number(*expect(c, 'consistency', 'from'))
            need(start, 'from')
            self.consistency = (start, path(c, self.size))


# --- attestation descriptors -----------------------------------------------------------------------

HEX = '(0x)?([0-9A-Fa-f]{2}){%d,%d}'
WORD = '[A-Za-z0-9._:+\\-]{1,63}'
PCR = 'PCR(1?[0-9]|2[0-3])'


def attributes(e, tag, needed, optional=()):
    """Checks an element of a descriptor; each attribute is given with its pattern."""
    need(e.tag == tag, tag)
    allowed = dict(needed) | dict(optional)
    for name, value in e.attrib.items():
        need(name in allowed and re.fullmatch(allowed[name], value, re.ASCII), name)
    for name in needed:
        need(name in e.attrib, name)


def blank(text):
    need(not (text or '').strip(' \t\r\n'), 'text')


def inside(e):
    blank(e.text)
    for c in e:
        blank(c.tail)
    return list(e)


def unhex(text):
    return bytes.fromhex(text[2:] if text.startswith('0x') else text)


class Descriptor:
    def __init__(self, text):
        need(len(text) <= 1 << 20, 'length')
        no_instructions(text)
        try:
            root = tree.fromstring(text)
        except (tree.ParseError, ValueError, LookupError) as e:
            raise Wrong(e) from None
        attributes(root, 'attestation-desc', {})
        request, = inside(root) if len(root) == 1 else [None]
        need(request is not None, 'attestation')
        attributes(request, 'attestation', {'type': 'tpm-based'},
                   {'challenge': HEX % (16, 64), 'aik': HEX % (8, 50)})
        self.challenge = unhex(request.get('challenge', ''))
        self.aik = unhex(request.get('aik', ''))
        self.targets, self.pcrs = [], set()
        order = ['measurement-desc', 'attestTarget', 'predicate']
        seen = []
        for e in inside(request):
            need(e.tag in order and (not seen or order.index(seen[-1]) <= order.index(e.tag)),
                 'order')
            seen.append(e.tag)
            [self.measurement_desc, self.attest_target, self.predicate][order.index(e.tag)](e)
        need('measurement-desc' in seen and 'attestTarget' in seen, 'something is missing')
        need(len(self.targets) <= 64 and seen.count('predicate') <= 16, 'too many')
        self.pcrs |= {pcr for _, pcr in self.targets if pcr}

    def measurement_desc(self, e):
        attributes(e, 'measurement-desc', {'type': 'tpm'})
        need(len(e), 'measureTarget')
        for t in inside(e):
            attributes(t, 'measureTarget',
                       {'name': '[a-z0-9\\-]{1,31}:[^\0-\x1f\x7f]*', 'dest': 'PCR16|PCR23|LOG'},
                       {'digest': 'sha256|sha384', 'method': WORD,
                        'salt': '([0-9A-Fa-f]{2}){0,256}'})
            blank(t.text)
            need(not len(t), 'measureTarget')
            name, dest = t.get('name'), t.get('dest')
            need(len(name.encode()) <= 4095, 'length')
            need(all(name != n for n, _ in self.targets), 'twice')
            self.targets.append((name, 0 if dest == 'LOG' else int(dest[3:])))

    def attest_target(self, e):
        attributes(e, 'attestTarget', {'name': 'ALLPCRS|%s(,%s)*' % (PCR, PCR)})
        blank(e.text)
        need(not len(e), 'attestTarget')
        name = e.get('name')
        self.pcrs |= set(range(24)) if name == 'ALLPCRS' else \
            {int(p[3:]) for p in name.split(',')}

    def predicate(self, e):
        if e.attrib:
            attributes(e, 'predicate', {'ref': WORD, 'digest': 'sha256:[0-9a-f]{64}'})
            blank(e.text)
            need(not len(e), 'predicate')
            return
        need(len(e) == 1 and e[0].tag in (XSLT + 'stylesheet', XSLT + 'transform'), 'stylesheet')
        blank(e.text)
        blank(e[0].tail)
