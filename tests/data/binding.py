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
    b = field(b"bulkhead-seal-1") + field(vm) + field(sha(descriptor, alg))
    b += struct.pack(">I", len(plugins)) + b"".join(field(n) + field(d) for n, d in plugins)
    b += struct.pack(">I", len(predicates)) + b"".join(field(sha(p, alg)) for p in predicates)
    b += struct.pack(">I", len(disks)) + b"".join(field(d) for d in disks)
    b += field(config)
    b += struct.pack(">I", len(measurements)) + b"".join(field(sha(m, alg)) for m in measurements)
    return sha(b, alg).hex()

vm = bytes(range(16))
descriptor = b"<sealing-desc></sealing-desc>"
disk = measurement("disk", "disk:/img", 1, [("disk:/img", "disk", [("digest", "sha256:00ff")])])
luks = measurement("luks", "luks:/vm", 2, [("luks:/vm", "luks", [("uuid", "a&lt;b")])])
plugins = [(b"disk", sha(b"disk plug-in")), (b"luks", sha(b"luks plug-in"))]
disks = [bytes([1] * 16), bytes([2] * 16)]
config = sha(b"config")

print("whole   ", binding(vm, descriptor, plugins, [], disks, config, [disk, luks]))
print("judged  ", binding(vm, descriptor, plugins, [b"<x/>"], disks, config, [luks]))
print("check   ", binding(vm, descriptor, plugins, [b"<x/>", b"<y/>"], disks, config, [luks]))
print("empty   ", binding(vm, b"", [], [], [], config, []))
print("sha384  ", binding(vm, descriptor, plugins, [], disks, config, [disk, luks], "sha384"))
