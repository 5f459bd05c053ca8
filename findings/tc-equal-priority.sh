#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Two BPF filters of tc with one and the same preference: the one that was added last runs first.
# Seen with iproute2 6.1.0 on Linux 6.18. It meets a program that adds a filter "behind" another one
# with the same preference, because preference 1 is the front and taken. The plausible guess: filters of
# equal preference run in the order in which they were added, or the kernel refuses the second one.
# Instead the new filter runs in front of the old one, which was first at preference 1.
set -euo pipefail

version=6.1.0-3
if [ "${1:-}" != inside ]; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    if ! (cd "$work" && apt-get download -qq "iproute2=$version") 2>/dev/null; then
        echo "version changed: the archive has no iproute2 $version any more"
        exit 1
    fi
    dpkg-deb -x "$work"/iproute2_*.deb "$work/root"
    unshare --net --mount --propagation private "$0" inside "$work/root"
    exit
fi

export PATH="$2/sbin:$2/bin:$2/usr/sbin:$2/usr/bin:$PATH"
mount -t bpf bpf /sys/fs/bpf
tc -V
uname -r
ip link add near type veth peer name far
ip link set near up
ip link set far up
tc qdisc add dev near clsact

# Pins a program that gives one verdict for every packet.
python3 - <<'PYTHON'
import ctypes, platform, struct

call = {"x86_64": 321, "aarch64": 280}[platform.machine()]
libc = ctypes.CDLL(None, use_errno=True)

def bpf(command, data):
    union = ctypes.create_string_buffer(data, 128)
    result = libc.syscall(call, command, union, len(union))
    assert result >= 0, ctypes.get_errno()
    return result

for name, verdict in ((b"pass", 0), (b"drop", 2)):
    code = ctypes.create_string_buffer(struct.pack("<BBhiBBhi", 0xb7, 0, 0, verdict, 0x95, 0, 0, 0))
    words = ctypes.create_string_buffer(b"GPL")
    path = ctypes.create_string_buffer(b"/sys/fs/bpf/" + name)
    fd = bpf(5, struct.pack("<IIQQ", 3, 2, ctypes.addressof(code), ctypes.addressof(words)))
    bpf(6, struct.pack("<QI", ctypes.addressof(path), fd))
PYTHON

# What becomes of a packet when the programs $1 and then $2 are added with preference 1.
fate() {
    local program before after
    for program in "$1" "$2"; do
        tc filter add dev near egress pref 1 bpf direct-action object-pinned "/sys/fs/bpf/$program"
    done
    before=$(ip -s -j link show far | python3 -c 'import json, sys; print(json.load(sys.stdin)[0]["stats64"]["rx"]["packets"])')
    python3 -c 'import socket
out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
out.bind(("near", 0))
try:
    out.send(b"\2\0\0\0\0\1\2\0\0\0\0\2\x88\xb5" + bytes(46))
except OSError:
    pass  # the kernel reports the drop to the sender'
    after=$(ip -s -j link show far | python3 -c 'import json, sys; print(json.load(sys.stdin)[0]["stats64"]["rx"]["packets"])')
    tc filter del dev near egress
    [ "$after" -gt "$before" ] && echo passed || echo dropped
}

found="pass, then drop: $(fate pass drop)
drop, then pass: $(fate drop pass)"
echo "$found"
[ "$found" = "pass, then drop: dropped
drop, then pass: passed" ] || { echo "no longer so: filters of equal preference run in another order"; exit 1; }
