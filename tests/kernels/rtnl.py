# SPDX-License-Identifier: BSD-2-Clause
"""What links are made and changed by where iproute2 is older than the kernel: rtnetlink."""
import os
import socket
import struct

NEWLINK, REQUEST, ACK, CREATE, EXCL = 16, 1, 4, 0x400, 0x200
NLMSG_ERROR = 2
# Attributes of a link.
IFNAME, NET_NS_FD, LINKINFO, INFO_KIND, INFO_DATA = 3, 28, 18, 1, 2
GSO_MAX_SIZE, GRO_MAX_SIZE, GSO_IPV4_MAX_SIZE, GRO_IPV4_MAX_SIZE = 41, 58, 63, 64
NESTED = 1 << 15


def attribute(kind, value):
    if isinstance(value, dict):
        kind, value = kind | NESTED, attributes(value)
    elif isinstance(value, int):
        value = struct.pack("=I", value)
    elif isinstance(value, str):
        value = value.encode() + b"\0"
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def attributes(values):
    return b"".join(attribute(kind, value) for kind, value in values.items())


def request(index, values, flags=0):
    """RTM_NEWLINK in the namespace that the caller is in."""
    body = struct.pack("=BxHiII", 0, 0, index, 0, 0) + attributes(values)
    head = struct.pack("=IHHII", 16 + len(body), NEWLINK, REQUEST | ACK | flags, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as link:
        link.send(head + body)
        answer = link.recv(65536)
    kind, = struct.unpack_from("=H", answer, 4)
    error, = struct.unpack_from("=i", answer, 16)
    if kind != NLMSG_ERROR or error:
        raise OSError(-error, f"RTM_NEWLINK: {os.strerror(-error)}")


def set_link(device, values):
    request(socket.if_nametoindex(device), values)


def add_link(device, kind, data, **more):
    request(0, {IFNAME: device, LINKINFO: {INFO_KIND: kind, INFO_DATA: data}, **more},
            CREATE | EXCL)
