# SPDX-License-Identifier: BSD-2-Clause
"""What the device sessions stand on: two hosts, a switch between them that cuts super-packets, and
taps that see each packet as it is on the wire.

    red: red0 ── mid0 [bridge] mid1 ── blue0 :blue

red0 sends and receives super-packets. blue0 and what stands on it do not: a packet there is a
packet of the wire, and the counts of every other device are held against those. Only the test sends:
no device has an IPv6 address for which the kernel would send something by itself.
"""
import collections
import fcntl
import ipaddress
import os
import select
import socket
import struct
import threading

import wire

TUNSETIFF = 0x400454ca
IFF_TUN, IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 1, 2, 0x1000, 0x4000
NEEDS_CHECKSUM = 1            # of a virtio_net_hdr
GSO_OF = {4: 1, 6: 4}         # its kinds of super-packets: TCP of each version of IP
VNET_HDR = struct.Struct("=BBHHHH")  # flags, kind, headers, size, checksum
IP_BEHIND_TAG = (b"\x08\x00", b"\x86\xdd")
ETH_P_ALL, PACKET_OUTGOING = 3, 4
SOL_PACKET, PACKET_STATISTICS = 263, 6
# Headers of IPv6 that may stand before that of the protocol; and the protocols that have ports.
HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION = 0, 43, 44, 60
WITH_PORTS = {6, 17}
NAMES = {1: "ICMP", 4: "IPv4", 6: "TCP", 17: "UDP", 41: "IPv6", 47: "GRE", 50: "ESP",
         58: "IPv6-ICMP"}
UNDERLAY = {"red": ("10.0.0.1", "fd00::1"), "blue": ("10.0.0.2", "fd00::2")}
OVERLAY = {"red": ("192.0.2.1", "fd01::1"), "blue": ("192.0.2.2", "fd01::2")}
MACS = {"red": "02:00:00:00:00:01", "blue": "02:00:00:00:00:02"}
OVERLAY_MACS = {"red": "02:00:00:00:01:01", "blue": "02:00:00:00:01:02"}


def peer(name):
    return "blue" if name == "red" else "red"


def flow_of(packet):
    """The bytes of an IP packet and its flow as the probe `flows` has it: source, port,
    destination, port, protocol."""
    later = False
    if packet[0] >> 4 == 4:
        length, fragment = struct.unpack_from("!H2xH", packet, 2)
        at, protocol = (packet[0] & 15) * 4, packet[9]
        source, to = packet[12:16], packet[16:20]
        later = fragment & 0x1fff
    else:
        length = 40 + struct.unpack_from("!H", packet, 4)[0]
        at, protocol = 40, packet[6]
        source, to = packet[8:24], packet[24:40]
        while protocol in (HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION) and not later:
            following, words = packet[at], packet[at + 1]
            if protocol == FRAGMENT:
                later, words = struct.unpack_from("!H", packet, at + 2)[0] >> 3, 0
            protocol, at = following, at + 8 + words * 8
    ports = (0, 0) if later or protocol not in WITH_PORTS else struct.unpack_from("!HH", packet, at)
    return length, (str(ipaddress.ip_address(source)), ports[0], str(ipaddress.ip_address(to)),
                    ports[1], NAMES.get(protocol, str(protocol)))


class Count(collections.defaultdict):
    """{flow: [packets, bytes]}"""

    def __init__(self):
        super().__init__(lambda: [0, 0])

    def add(self, flow, packets, size):
        self[flow][0] += packets
        self[flow][1] += size

    def add_packet(self, packet):
        size, flow = flow_of(packet)
        self.add(flow, 1, size)


class Tap:
    """Every packet of a device, from its IP header on."""

    def __init__(self, namespace, device):
        with namespace.inside():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
            self.socket.setsockopt(socket.SOL_SOCKET, wire.SO_RCVBUFFORCE, 64 << 20)
            self.socket.bind((device, ETH_P_ALL))
        self.socket.setblocking(False)
        self.counts = {"ingress": Count(), "egress": Count()}
        self.longest = 0  # bytes

    def read(self):
        """What came and went since the tap is there, by direction."""
        start = bytearray(256)
        while True:
            try:
                size, address = self.socket.recvfrom_into(start, len(start), socket.MSG_TRUNC)
            except BlockingIOError:
                break
            self.longest = max(self.longest, size)
            direction = "egress" if address[2] == PACKET_OUTGOING else "ingress"
            packet = bytes(start[:size])
            if packet[2:4] in IP_BEHIND_TAG and packet[0] >> 4 not in (4, 6):
                packet = packet[4:]  # the kernel takes the outer tag off only
            if packet[0] >> 4 in (4, 6):
                self.counts[direction].add_packet(packet)
        _, lost = struct.unpack("II", self.socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
        if lost:
            raise AssertionError(f"the tap lost {lost} packets")
        return self.counts

    def close(self):
        self.socket.close()


def offloads(namespace, device, **switches):
    """ethtool -K; what a kernel or device does not know stays as it is."""
    for name, value in switches.items():
        namespace.run("ethtool", "-K", device, name.replace("_", "-"), value, check=False)


def super_packets(namespace, device, sends, receives):
    """Whether the device takes super-packets from the stack, and makes them of what it receives."""
    def word(allowed):
        return "on" if allowed else "off"
    offloads(namespace, device, tso=word(sends), gso=word(sends), tx_udp_segmentation=word(sends),
             gro=word(receives))


class Lab(wire.Wire):
    """`self.red` and `self.blue` can reach each other's UNDERLAY addresses."""

    def __init__(self):
        self.sockets = {}
        self.red, self.blue = wire.Namespace("red"), wire.Namespace("blue")
        self.mid = wire.Namespace("mid")
        self.namespaces = {"red": self.red, "blue": self.blue}
        self.add_switch()
        for name, namespace in self.namespaces.items():
            namespace.ip("link", "set", "lo", "up")
            self.allow_ipv6(name, "lo")
            self.add_host(name, f"{name}0", *UNDERLAY[name])
            self.route(name, f"{name}0", MACS[peer(name)], *UNDERLAY[peer(name)])
        super_packets(self.red, "red0", True, True)
        super_packets(self.mid, "mid0", False, False)  # or red0 would have nothing to join
        super_packets(self.mid, "mid1", False, False)
        super_packets(self.blue, "blue0", False, False)

    def add_switch(self):
        self.mid.ip("link", "add", "switch", "type", "bridge", "mcast_snooping", "0")
        for name, port in (("red", "mid0"), ("blue", "mid1")):
            wire.command("ip", "-n", name, "link", "add", f"{name}0", "address", MACS[name], "type",
                         "veth", "peer", "name", port, "netns", "mid")
            self.mid.ip("link", "set", port, "master", "switch", "up")
        self.mid.ip("link", "set", "switch", "up")

    def allow_ipv6(self, name, device):
        """Without the address that a device gives itself, for which it would ask and report."""
        namespace = self.namespaces[name]
        with namespace.inside():
            namespace.set(f"ipv6/conf/{device}/addr_gen_mode", 1)
            namespace.set(f"ipv6/conf/{device}/accept_ra", 0)
            namespace.set(f"ipv6/conf/{device}/disable_ipv6", 0)

    def add_host(self, name, device, *addresses):
        """Brings the device up. The addresses are those of lo, which announces none of them."""
        namespace = self.namespaces[name]
        self.allow_ipv6(name, device)
        namespace.ip("link", "set", device, "up")
        for address in addresses:
            namespace.ip("addr", "add", address, "dev", "lo")

    def route(self, name, device, link_address, *addresses):
        """The way to the peer's addresses; `link_address`: None where the device needs none."""
        namespace = self.namespaces[name]
        own = {4: None, 6: None}
        for pair in (UNDERLAY, OVERLAY):
            if addresses[0] in pair[peer(name)]:
                own = dict(zip((4, 6), pair[name]))
        for address in addresses:
            version = 6 if ":" in address else 4
            if link_address:
                namespace.ip("neigh", "replace", address, "lladdr", link_address, "dev", device,
                             "nud", "permanent")
            namespace.ip(f"-{version}", "route", "replace", address, "dev", device, "src",
                         own[version])

    def close(self):
        self.close_sockets()
        for namespace in (self.red, self.blue, self.mid):
            namespace.delete()


# Traffic

def converse(lab, addresses, port, size, window=1 << 18):
    """`size` bytes each way by TCP between red and blue, to the end of both directions."""
    six = ":" in addresses["red"]
    kind = (socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_STREAM)
    ends = {name: lab.namespaces[name].socket(*kind) for name in ("red", "blue")}
    for end in ends.values():
        end.settimeout(30 * wire.PATIENCE)
        # No more on its way than what any queue on it holds.
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    ends["blue"].bind((addresses["blue"], port))
    ends["blue"].listen(1)
    ends["red"].bind((addresses["red"], port + 1))
    ends["red"].connect((addresses["blue"], port))
    served, _ = ends["blue"].accept()
    served.settimeout(30 * wire.PATIENCE)
    one_way(ends["red"], served, size)
    one_way(served, ends["red"], size)
    ends["red"].shutdown(socket.SHUT_WR)
    at_end = served.recv(1)
    served.shutdown(socket.SHUT_WR)
    at_end += ends["red"].recv(1)
    for end in (*ends.values(), served):
        end.close()
    if at_end:
        raise AssertionError("more came than was sent")


def one_way(sender, receiver, size):
    left, pending = size, memoryview(bytes(size))
    sender.setblocking(False)
    try:
        while left:
            try:
                pending = pending[sender.send(pending):] if pending else pending
            except BlockingIOError:
                pass
            left -= len(receiver.recv(1 << 20))
    finally:
        sender.settimeout(30 * wire.PATIENCE)
    if left or pending:
        raise AssertionError(f"{left} bytes are missing")


UDP_SEGMENT = 103
DATAGRAMS, DATAGRAM = 10, 1000


def datagrams(lab, sender, addresses, port):
    """Datagrams of one system call, a super-packet where the device takes one; and a datagram that
    becomes fragments."""
    six = ":" in addresses["red"]
    kind = (socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM)
    receiver = peer(sender)
    with (lab.namespaces[sender].socket(*kind) as out,
          lab.namespaces[receiver].socket(*kind) as into):
        into.bind((addresses[receiver], port))
        into.settimeout(10 * wire.PATIENCE)
        out.bind((addresses[sender], port + 1))
        out.connect((addresses[receiver], port))
        option = [(socket.IPPROTO_UDP, UDP_SEGMENT, struct.pack("=H", DATAGRAM))]
        try:
            out.sendmsg([bytes(DATAGRAM * DATAGRAMS)], option)
        except OSError:  # not over this device on this kernel
            for _ in range(DATAGRAMS):
                out.send(bytes(DATAGRAM))
        out.send(bytes(3000))
        sizes = [len(into.recv(4000)) for _ in range(DATAGRAMS + 1)]
    if sizes != [DATAGRAM] * DATAGRAMS + [3000]:
        raise AssertionError(f"datagrams of {sizes}")


class Pump:
    """A wire of user space between two tun or tap devices, which counts what it carries."""

    def __init__(self, namespaces, device, mode):
        self.ends = {}
        for name, namespace in namespaces.items():
            with namespace.inside():
                self.ends[name] = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
                fcntl.ioctl(self.ends[name], TUNSETIFF, struct.pack(
                    "16sH14x", device.format(name).encode(), mode | IFF_NO_PI | IFF_VNET_HDR))
        self.before_ip = 14 if mode == IFF_TAP else 0
        self.counts = {name: {"ingress": Count(), "egress": Count()} for name in self.ends}
        self.stopping, self.failure = threading.Event(), None
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        try:
            while not self.stopping.is_set():
                ready, _, _ = select.select(list(self.ends.values()), [], [], 0.05)
                for name, end in self.ends.items():
                    if end in ready:
                        self._carry(name, os.read(end, 1 << 17))
        except Exception as error:
            self.failure = error

    def _carry(self, sender, data):
        packet = data[VNET_HDR.size + self.before_ip:]
        if packet[0] >> 4 in (4, 6):
            self.counts[sender]["egress"].add_packet(packet)
            self.counts[peer(sender)]["ingress"].add_packet(packet)
        os.write(self.ends[peer(sender)], data)

    def put(self, receiver, headers, size, payload, version):
        """A super-packet of TCP for `receiver`, as the host of a virtual machine gives it: without
        the number of its segments. Each has `size` bytes of the payload."""
        start = self.before_ip + (20 if version == 4 else 40)
        head = VNET_HDR.pack(NEEDS_CHECKSUM, GSO_OF[version], len(headers), size, start, 16)
        os.write(self.ends[receiver], head + headers + payload)
        _, flow = flow_of(headers[self.before_ip:])
        segments = -(-len(payload) // size)
        self.counts[receiver]["ingress"].add(
            flow, segments, len(payload) + segments * (len(headers) - self.before_ip))

    def close(self):
        self.stopping.set()
        self.thread.join()
        for end in self.ends.values():
            os.close(end)
        if self.failure:
            raise self.failure
