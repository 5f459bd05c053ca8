#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# GRO on a veth device joins nothing, although ethtool says "on", while the other end has any kind of
# TSO on. Seen with ethtool 6.1 and iproute2 6.1.0 on Linux 6.18. It meets a container that is
# to receive large packets, and a test with packets that GRO has joined. The plausible guess: GRO is a
# setting of the end that receives. Instead the other end looks at its own TSO, and as long as that is
# on for IPv4 it takes all that it sends for large, and passes GRO by. Here it sends IPv6, which the
# stack has cut before, and only taking TSO of IPv4 off makes the receiver join it.
set -euo pipefail

versions=(iproute2=6.1.0-3 ethtool=1:6.1-1)
if [ "${1:-}" != inside ]; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    if ! (cd "$work" && apt-get download -qq "${versions[@]}") 2>/dev/null; then
        echo "version changed: the archive has no ${versions[*]} any more"
        exit 1
    fi
    for package in "$work"/*.deb; do
        dpkg-deb -x "$package" "$work/root"
    done
    unshare --net --mount --propagation private "$0" inside "$work/root"
    exit
fi

export PATH="$2/sbin:$2/bin:$2/usr/sbin:$2/usr/bin:$PATH"
mount -t tmpfs tmpfs /run
mkdir /run/netns
ip -V
ethtool --version
uname -r
ip netns add there
ip link add near type veth peer name far netns there
ip link set near up
ip -n there link set far up
ip addr add fd00::1/64 dev near nodad
ip -n there addr add fd00::2/64 dev far nodad
ethtool -K near tx-tcp6-segmentation off
ip netns exec there ethtool -K far gro on
ip netns exec there ethtool -k far | grep '^generic-receive-offload: on'

# Bytes of the longest frame that the receiver sees of a connection of TCP.
longest() {
    ip netns exec there python3 - <<'PYTHON'
import os, socket

tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x86dd))
tap.setsockopt(socket.SOL_SOCKET, 33, 16 << 20)
tap.bind(("far", 0x86dd))
server = socket.create_server(("fd00::2", 5000), family=socket.AF_INET6)
if os.fork() == 0:
    os.execvp("nsenter", ["nsenter", "--net=/run/near", "python3", "-c", """
import socket
out = socket.create_connection(("fd00::2", 5000), 20)
out.sendall(bytes(1000000))
out.shutdown(socket.SHUT_WR)
out.recv(1)"""])
served, _ = server.accept()
while served.recv(1 << 16):
    pass
served.close()
os.wait()
tap.setblocking(False)
longest = 0
try:
    while True:
        longest = max(longest, tap.recv_into(bytearray(1), 0, socket.MSG_TRUNC))
except BlockingIOError:
    print("joined" if longest > 2000 else "as they were sent")
PYTHON
}

touch /run/near
mount --bind /proc/self/ns/net /run/near
on=$(longest)
ethtool -K near tso off > /dev/null
off=$(longest)
found="IPv4 TSO on: $on
IPv4 TSO off: $off"
echo "$found"
[ "$found" = "IPv4 TSO on: as they were sent
IPv4 TSO off: joined" ] || { echo "no longer so: what GRO joins does not hang on the sender's TSO"; exit 1; }
