#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads every text of the sources that names a command to a person, remedies above all, and checks
that the command exists as it is written: bulkhead's against the command table (--help), those of
other tools against their own help, where they are installed.

    remedies.py BULKHEAD FOLDER...
"""
import functools
import pathlib
import re
import shutil
import subprocess
import sys

# Words in capitals that stand for what nobody but the reader knows. A VM, a disk, a device have a
# name where the remedy is made: NAME, VM, DISK and the like are refused.
PLACEHOLDERS = {
    'DESCRIPTOR.xml', 'FILE', 'FILE.cfg', 'FILE.efi', 'TO-SIGN', 'SIGNATURE', 'TARGET', 'DESTROYS',
    'NUMBER',
}
# Texts that are no advice: usage, built from the table itself.
NO_ADVICE = ('tools/bulkhead.c',)
# Tools that take their actions and options in another way than --help tells.
TOOLS = ('cryptsetup', 'usermod', 'openssl', 'dmsetup', 'losetup', 'swapoff', 'lsblk', 'wipefs',
         'truncate', 'systemctl', 'mdadm', 'tpm2_evictcontrol', 'tpm2_nvundefine', 'tpm2_createprimary',
         'modprobe')

LITERAL = re.compile(r'"((?:[^"\\]|\\.)*)"')
COMMENT = re.compile(r'/\*.*?\*/', re.S)
WORD = re.compile(r'[^\s;,()`]+')
failures = []


def texts(path):
    """The string literals of a C file, with those that stand side by side joined."""
    source = COMMENT.sub(lambda m: '\n' * m.group().count('\n'), path.read_text())
    source = re.sub(r'\\\n', '\n', source)
    source = re.sub(r'"\s*\bPRI[a-zA-Z0-9]+\s*"', 'u', source)
    source = re.sub(r'^#include.*', '', source, flags=re.M)
    joined, start, end = '', 0, None
    for m in LITERAL.finditer(source):
        if end is not None and not source[end:m.start()].strip():
            joined += m.group(1)
        else:
            if joined:
                yield start, joined
            joined, start = m.group(1), source.count('\n', 0, m.start()) + 1
        end = m.end()
    if joined:
        yield start, joined


@functools.cache
def help_of(*command):
    if not shutil.which(command[0]):
        return None
    flag = '-help' if command[0] == 'openssl' else '--help'
    r = subprocess.run([*command, flag], capture_output=True, text=True, check=False)
    return r.stdout + r.stderr


def has_option(text, option):
    return re.search(r'(?<![\w-])' + re.escape(option.split('=')[0]) + r'(?![\w-])', text)


def check_bulkhead(words, bulkhead):
    """words: after "bulkhead". What is wrong with it, or None."""
    command = [words[0]]
    if words[0] in ('vm', 'host'):
        if len(words) < 2:
            return 'no command'
        command.append(words[1])
    table = help_of(bulkhead, *command[:-1])
    if not re.search(r'^  ' + re.escape(command[-1]) + r'\s', table, re.M):
        return 'there is no such command'
    text, subjects = help_of(bulkhead, *command), 0
    for w in words[len(command):]:
        if w.startswith('-'):
            if not has_option(text, w):
                return f'it has no option {w}'
        elif w.startswith('%') or re.fullmatch(r'[A-Z][A-Z-]+(\.[a-z]+)?|[A-Z]', w):
            subjects += 1
            if not w.startswith('%') and w not in PLACEHOLDERS:
                return f'{w} is no name'
        else:
            break
    usage = re.search(r'Usage: .*?\n', text).group()
    if re.search(r' NAME', usage) and not subjects:
        return 'it does not say which VM'
    return None


def check_tool(tool, words):
    text = help_of(tool, words[0]) if tool == 'openssl' and words else help_of(tool)
    if text is None:
        return None
    if tool == 'openssl':
        actions = subprocess.run(['openssl', 'list', '-commands', '-digest-commands'],
                                 capture_output=True, text=True, check=False).stdout.split()
        if not words or words[0] not in actions:
            return 'there is no such command'
        words = [w for w in words[1:] if w != '-sha256']  # "any supported digest"
    if tool == 'cryptsetup':
        actions = [w for w in words if not w.startswith('-')][:1]
        if not actions or not re.search(r'\b' + actions[0] + r'\b', text):
            return 'there is no such action'
    for w in words:
        if re.fullmatch(r'-{1,2}[a-zA-Z][\w-]*(=.*)?', w) and not has_option(text, w):
            if re.fullmatch(r'-[a-zA-Z]{2,}', w) and tool != 'openssl' and all(
                    has_option(text, '-' + c) for c in w[1:]):
                continue
            return f'it has no option {w}'
        if re.fullmatch(r'[A-Z]{3,}', w) and w not in PLACEHOLDERS:
            return f'{w} is no name'
    return None


def check_text(where, text, bulkhead, counts):
    for m in re.finditer(r'(?<![\w/.-])(bulkhead|' + '|'.join(TOOLS) + r') (?=[a-z%-])', text):
        rest = re.split(r'[;,)`]|\. ', text[m.end():])[0]
        words = WORD.findall(rest.replace('\\"', '"').strip('"'))
        if m.group(1) == 'bulkhead':
            if not words or words[0] not in ('status', 'host', 'vm', 'measure', 'attest', 'verify'):
                continue
            wrong = check_bulkhead(words, bulkhead)
        elif m.group(1) in ('openssl', 'cryptsetup') or words[0].startswith(('-', '%')):
            wrong = check_tool(m.group(1), words)
        else:
            continue
        counts[m.group(1)] = counts.get(m.group(1), 0) + 1
        if wrong:
            failures.append(f'{where}: {m.group(1)} {" ".join(words)}: {wrong}')


def main():
    bulkhead, counts = sys.argv[1], {}
    for folder in sys.argv[2:]:
        for path in sorted(pathlib.Path(folder).rglob('*.c')) + \
                sorted(pathlib.Path(folder).rglob('*.h')):
            if str(path).endswith(NO_ADVICE):
                continue
            for line, text in texts(path):
                check_text(f'{path}:{line}', text, bulkhead, counts)
    print('\n'.join(failures) or 'every command exists')
    print(', '.join(f'{n} of {tool}' + ('' if help_of(bulkhead if tool == 'bulkhead' else tool)
                                         is not None else ', not installed: not checked')
                    for tool, n in sorted(counts.items())))
    return bool(failures) or counts.get('bulkhead', 0) < 50


sys.exit(main())
