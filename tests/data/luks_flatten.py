# SPDX-License-Identifier: Apache-2.0
# What the luks plug-in should find in the metadata that cryptsetup prints: one line a node
# ("@id"), one a value, in the plug-in's order. Usage: luks_flatten.py TARGET < json
import json
import sys


def flatten(path, value):
    if isinstance(value, dict) and value:
        for key in sorted(value):
            yield from flatten(path + [key], value[key])
    elif isinstance(value, list) and value:
        for index, element in enumerate(value):
            yield from flatten(path + [str(index)], element)
    elif isinstance(value, str):
        yield '.'.join(path) + '=' + value
    else:
        yield '.'.join(path) + '=' + json.dumps(value)


target = sys.argv[1]
metadata = json.load(sys.stdin)
metadata['config'].pop('json_size')
for line in flatten(['config'], metadata['config']):
    print(line)
for kind, word in ('segments', 'segment'), ('keyslots', 'keyslot'), ('digests', 'digest'):
    for number in sorted(metadata[kind], key=int):
        print('@%s#%s-%s' % (target, word, number))
        for line in flatten([], metadata[kind][number]):
            print(line)
