# SPDX-License-Identifier: BSD-2-Clause
"""Frames, byte by byte: what a test sends is what it can count."""
import ipaddress
import struct

RED_MAC = bytes.fromhex("020000000001")
# No device has this address: every hook sees the frame, and no stack answers it.
NOBODY_MAC = bytes.fromhex("020000000099")

ARP, IPV4, IPV6, VLAN, QINQ = 0x0806, 0x0800, 0x86DD, 0x8100, 0x88A8
LOCAL_EXPERIMENT = 0x88B5
ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16


def ethernet(payload, ethertype=LOCAL_EXPERIMENT, vlan=None, to=NOBODY_MAC, source=RED_MAC):
    tag = struct.pack("!HH", VLAN, vlan) if vlan is not None else b""
    return to + source + tag + struct.pack("!H", ethertype) + payload


def plain(length, **where):
    """A frame of `length` bytes that is no IP packet."""
    return ethernet(bytes(length - 14), **where)


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ipv4(payload, protocol, source="10.0.0.1", to="10.0.0.2", tos=0, **link):
    def header(check):
        return struct.pack("!BBHHHBBH4s4s", 0x45, tos, 20 + len(payload), 7, 0, 64, protocol, check,
                           ipaddress.ip_address(source).packed, ipaddress.ip_address(to).packed)
    return ethernet(header(checksum(header(0))) + payload, IPV4, **link)


def ipv6(payload, protocol, source="fd00::1", to="fd00::2", tos=0, **link):
    header = struct.pack("!IHBB16s16s", 6 << 28 | tos << 20, len(payload), protocol, 64,
                         ipaddress.ip_address(source).packed, ipaddress.ip_address(to).packed)
    return ethernet(header + payload, IPV6, **link)


def tcp(sport, dport, flags, data=b""):
    return struct.pack("!HHIIBBHHH", sport, dport, 1, 0, 5 << 4, flags, 1024, 0, 0) + data


def udp(sport, dport, data=b""):
    return struct.pack("!HHHH", sport, dport, 8 + len(data), 0) + data


def icmp(kind, code=0, data=b""):
    return struct.pack("!BBHHH", kind, code, 0, 1, 1) + data


def protocol_of(frame):
    """The ethertype behind VLAN tags: what a packet socket that is to get the frame asks for."""
    at = 12
    while struct.unpack_from("!H", frame, at)[0] in (VLAN, QINQ):
        at += 4
    return struct.unpack_from("!H", frame, at)[0]
