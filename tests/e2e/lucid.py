# SPDX-License-Identifier: BSD-2-Clause
"""LUCID's preprocessing, written again from its description: frames in, samples out. Shares nothing
with dynmon but the frames."""
import hashlib
import ipaddress
import struct

import numpy

# CountVectorizer sorts its vocabulary: bit i stands for word i.
WORDS = sorted(["arp", "data", "dns", "ftp", "http", "icmp", "ip", "ssdp", "ssl", "telnet", "tcp",
                "udp"])
HTTP = (b"GET ", b"POST ", b"HEAD ", b"PUT ", b"DELET", b"OPTIO", b"PATCH", b"CONNE", b"TRACE", b"HTTP/")


def application(protocol, ports, payload):
    """The layers above TCP or UDP as tshark names them, ":" between them, or ""."""
    if not payload:
        return ""
    if 53 in ports:
        return "dns"
    if protocol == 17:
        return "mdns" if 5353 in ports else "ssdp" if 1900 in ports else "data"
    if 20 in ports:  # tshark looks at so many bytes
        is_text = all(byte in b"\r\n" or 0x20 <= byte < 0x7f for byte in payload[:20])
        return "ftp-data:data-text-lines" if is_text else "ftp-data"
    for port, name in ((21, "ftp"), (23, "telnet")):
        if port in ports:
            return name
    if len(payload) >= 5 and payload.startswith(HTTP):
        return "http"
    if 80 in ports:
        return ""
    is_tls = (len(payload) >= 5 and 20 <= payload[0] <= 23 and payload[1] == 3 and payload[2] <= 3
              and 0 < int.from_bytes(payload[3:5], "big") < 18432)
    is_text = len(payload) >= 5 and all(0x20 <= byte < 0x7f for byte in payload[:4])
    return "tls" if is_tls or (443 in ports and not is_text) else "data"


def quoted(body):
    """What the packet consists of that an error of ICMP quotes."""
    packet = body[8:]
    if len(packet) < 20 or packet[0] >> 4 != 4 or struct.unpack_from("!H", packet, 6)[0] & 0x1fff:
        return []
    return {6: ["tcp"], 17: ["udp"]}.get(packet[9], [])


def layer_number(name):
    return int(hashlib.sha256(name.encode()).hexdigest(), 16) % 10**8


def protocol_number(layers):
    words = {word for layer in layers for word in layer.split("-")}  # as CountVectorizer does
    return sum(1 << WORDS.index(word) for word in words if word in WORDS)


def parse(frame, flags_only=False):
    """((source, port, destination, port, protocol), ten features) of an IPv4 packet, else None.
    `flags_only`: as newer versions of tshark show the flags of IP."""
    at, kind = 14, struct.unpack_from("!H", frame, 12)[0]
    while kind in (0x8100, 0x88A8):
        kind = struct.unpack_from("!H", frame, at + 2)[0]
        at += 4
    if kind != 0x0800:
        return None
    packet = frame[at:]
    length, flags = struct.unpack_from("!H2xH", packet, 2)
    protocol = packet[9]
    source, destination = (str(ipaddress.ip_address(packet[i:i + 4])) for i in (12, 16))
    body = packet[(packet[0] & 15) * 4:length]
    ports, layers = (0, 0), ["eth", "ethertype", "ip"]
    tcp_length = tcp_ack = tcp_flags = tcp_window = udp_length = icmp_type = 0
    if protocol == 6:
        ports = struct.unpack_from("!HH", body)
        tcp_ack, offset, tcp_flags, tcp_window = struct.unpack_from("!IBBH", body, 8)
        payload = body[(offset >> 4) * 4:]
        tcp_length = len(payload)
        layers += ["tcp", *application(6, ports, payload).split(":")]
        highest = layers[-1] or "tcp"
    elif protocol == 17:
        ports = struct.unpack_from("!HH", body)
        udp_length = struct.unpack_from("!H", body, 4)[0]
        layers += ["udp", application(17, ports, body[8:])]
        highest = layers[-1] or "udp"
    else:  # ICMP: its data are a field of it, and yet among the protocols
        icmp_type = body[0]
        layers += ["icmp"] + (quoted(body) if icmp_type in (3, 4, 5, 11, 12)
                              else ["data"] if len(body) > 8 else [])
        highest = "icmp"
    return ((source, ports[0], destination, ports[1], protocol),
            [length, layer_number(highest.upper()), flags >> 13 if flags_only else flags,
             protocol_number(layers), tcp_length, tcp_ack, tcp_flags, tcp_window, udp_length,
             icmp_type])


def samples(packets, per_flow, window):
    """[(time in ns, id, ten features), …] in the order of arrival → (ids, array)."""
    flows = {}
    for time, (source, sport, destination, dport, protocol), features in packets:
        forward = (source, sport, destination, dport, protocol)
        backward = (destination, dport, source, sport, protocol)
        flow = flows[backward] if backward in flows else flows.setdefault(forward, [])
        if len(flow) < per_flow:
            flow.append([time, *features])
    largest = numpy.array([window, 1 << 16, 1 << 32, 1 << 16, 1 << 12, 1 << 16, 1 << 32, 1 << 16,
                           1 << 16, 1 << 16, 1 << 8], dtype=float)
    result = numpy.zeros((len(flows), per_flow, 11))
    for sample, flow in zip(result, flows.values()):
        first = min(row[0] for row in flow)
        rows = numpy.array([[(row[0] - first) / 10**9, *row[1:]] for row in flow], dtype=float)
        sample[:len(flow)] = 1.0 - (largest - rows) / (largest - 0.0)
    return list(flows), result
