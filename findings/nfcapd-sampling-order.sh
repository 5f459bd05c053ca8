#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# nfcapd multiplies by another rate when the same sampling record has its elements in another order.
# Seen with nfdump 1.7.1 of Debian 12. The record says 1 in 10 twice: samplingPacketInterval 1 with
# samplingPacketSpace 9 (RFC 5477), and the older samplingInterval 10. With the older element first nfcapd
# counts 10 packets for each, with it last 11: it takes the 10 for the space that follows one packet.
# It meets exporters that say the rate in both ways, so that every collector finds the one it knows.
# The plausible guess: a template says where each element is, so their order means nothing (RFC 7011).
set -euo pipefail

version=1.7.1-2+deb12u1
work=$(mktemp -d)
collector=
clean_up() {
    [ -z "$collector" ] || kill "$collector" 2>/dev/null || true
    rm -rf "$work"
}
trap clean_up EXIT
cd "$work"
if ! apt-get download -qq "nfdump=$version" 2>/dev/null; then
    echo "version changed: the archive has no nfdump $version any more"
    exit 1
fi
dpkg-deb -x nfdump_*.deb root
export PATH=$work/root/usr/bin:$PATH
LD_LIBRARY_PATH=$(find "$work/root" -name 'libnfdump*.so*' -printf '%h\n' | head -n 1)
export LD_LIBRARY_PATH
nfdump -V | head -n 1

cat >send.py <<'PYTHON'
import socket, struct, sys, time

def described(elements):
    return b"".join(struct.pack("!HH", number, len(value)) for number, value in elements)

def values(elements):
    return b"".join(value for _, value in elements)

def packed(number, body):
    body += bytes(-len(body) % 4)
    return struct.pack("!HH", number, len(body) + 4) + body

def send(body, sequence):
    collector.send(struct.pack("!HHIII", 10, 16 + len(body), int(time.time()), sequence, 1) + body)

word = lambda number: struct.pack("!I", number)
long = lambda number: struct.pack("!Q", number)
now = int(time.time() * 1000)
flow = [(8, socket.inet_aton("192.0.2.1")), (12, socket.inet_aton("192.0.2.2")), (7, b"\0\1"),
        (11, b"\0\2"), (4, b"\x11"), (152, long(now - 1000)), (153, long(now)), (2, long(3)),
        (1, long(300))]
psamp, older = [(305, word(1)), (306, word(9))], [(34, word(10))]
rate = [(149, word(1))] + (psamp + older if sys.argv[2] == "last" else older + psamp)

collector = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
collector.connect(("127.0.0.1", int(sys.argv[1])))
send(packed(3, struct.pack("!HHH", 300, len(rate), 1) + described(rate)), 0)
send(packed(300, values(rate)), 0)
send(packed(2, struct.pack("!HH", 256, len(flow)) + described(flow)) + packed(256, values(flow)), 1)
PYTHON

# Packets that nfcapd stores for a flow of 3.
stored() {
    local folder=$work/$1 port=
    mkdir "$folder"
    # A port that is free now.
    port=$(python3 -c 'import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    nfcapd -l "$folder" -p "$port" -b 127.0.0.1 >"$folder.log" 2>&1 &
    collector=$!
    for _ in $(seq 100); do
        ss -Hlun "sport = :$port" | grep -q . && break
        read -rt 0.05 <> <(:) || true
    done
    python3 send.py "$port" "$1"
    for _ in $(seq 100); do
        [ -z "$(ss -Hun -a "sport = :$port" | awk '$2 > 0')" ] && break
        read -rt 0.05 <> <(:) || true
    done
    kill -TERM "$collector"
    wait "$collector" || true
    collector=
    nfdump -R "$folder" -q -o 'fmt:%pkt' | tr -d ' \n'
}

failed=0
for place in first last; do
    packets=$(stored "$place")
    expected=30
    [ "$place" = last ] && expected=33
    echo "samplingInterval $place: 3 packets at 1 in 10 are stored as $packets"
    if [ "$packets" != "$expected" ]; then
        echo "changed: expected $expected"
        failed=1
    fi
done
exit "$failed"
