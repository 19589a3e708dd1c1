#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# What a seal is bound to, computed from integrity-mgr/binding.h's formula alone: prints the expected
# digests of tests/unit/test_binding.c.
import hashlib, struct

def field(b):
    return struct.pack(">I", len(b)) + b

def sha(b, alg="sha256"):
    return hashlib.new(alg, b).digest()

def measurement(plugin, target, version, nodes):
    inner = "".join(f'<node id="{i}" type="{t}">' + "".join(
        f'<value name="{n}">{x}</value>' for n, x in values) + "</node>" for i, t, values in nodes)
    return (f'<measurement plugin="{plugin}" target="{target}" version="{version}">{inner}'
            "</measurement>").encode()

def binding(vm, descriptor, plugins, predicates, disks, config, measurements, alg="sha256"):
    b = field(b"bulkhead-seal-2") + field(vm) + field(owner) + field(recipient)
    b += field(sha(descriptor, alg)) + struct.pack(">I", len(plugins))
    b += b"".join(field(n) + struct.pack(">I", v) for n, v, d in plugins)
    return rest(b, predicates, disks, config, measurements, alg)

# BINDING_FILES
def old(vm, descriptor, plugins, predicates, disks, config, measurements, alg="sha256"):
    b = field(b"bulkhead-seal-1") + field(vm) + field(sha(descriptor, alg))
    b += struct.pack(">I", len(plugins)) + b"".join(field(n) + field(d) for n, v, d in plugins)
    return rest(b, predicates, disks, config, measurements, alg)

def rest(b, predicates, disks, config, measurements, alg):
    b += struct.pack(">I", len(predicates)) + b"".join(field(sha(p, alg)) for p in predicates)
    b += struct.pack(">I", len(disks)) + b"".join(field(d) for d in disks)
    b += field(config)
    b += struct.pack(">I", len(measurements)) + b"".join(field(sha(m, alg)) for m in measurements)
    return sha(b, alg).hex()

vm = bytes(range(16))
descriptor = b"<sealing-desc></sealing-desc>"
disk = measurement("disk", "disk:/img", 1, [("disk:/img", "disk", [("digest", "sha256:00ff")])])
luks = measurement("luks", "luks:/vm", 2, [("luks:/vm", "luks", [("uuid", "a&lt;b")])])
plugins = [(b"disk", 1, sha(b"disk plug-in")), (b"luks", 2, sha(b"luks plug-in"))]
owner = b"uid:1000"
recipient = b"host:" + b"ab" * 32
disks = [bytes([1] * 16), bytes([2] * 16)]
config = sha(b"config")

for name, of in ("", binding), ("old ", old):
    print(name + "whole ", of(vm, descriptor, plugins, [], disks, config, [disk, luks]))
    print(name + "sha384", of(vm, descriptor, plugins, [], disks, config, [disk, luks], "sha384"))
    print(name + "judged", of(vm, descriptor, plugins, [b"<x/>"], disks, config, [luks]))
    print(name + "check ", of(vm, descriptor, plugins, [b"<x/>", b"<y/>"], disks, config, [luks]))
    print(name + "empty ", of(vm, b"", [], [], [], config, []))
