# SPDX-License-Identifier: BSD-2-Clause
"""LUCID's preprocessing, written again from its description: frames in, samples out. Shares nothing
with dynmon but the frames."""
import hashlib
import ipaddress
import re
import struct

import numpy

# CountVectorizer sorts its vocabulary: bit i stands for word i.
WORDS = sorted(["arp", "data", "dns", "ftp", "http", "icmp", "ip", "ssdp", "ssl", "telnet", "tcp",
                "udp"])
HTTP = (b"GET ", b"POST ", b"HEAD ", b"PUT ", b"DELET", b"OPTIO", b"PATCH", b"CONNE", b"TRACE", b"HTTP/")
TYPES = {
    "data-text-lines": "text/html text/plain text/css text/javascript text/richtext "
                       "application/x-javascript application/x-ns-proxy-autoconfig",
    "json": "application/json application/problem+json application/json-rpc application/senml+json",
    "xml": "text/xml application/xml application/soap+xml application/rss+xml application/atom+xml "
           "image/svg+xml application/rdf+xml application/xslt+xml",
    "urlencoded-form": "application/x-www-form-urlencoded",
    "data": "application/octet-stream"}
LAYERS = {kind.encode(): layer for layer, kinds in TYPES.items() for kind in kinds.split()}
PICTURES = ((rb"\x89PNG", "png"), (rb"GIF8", "image-gif"),
            (rb"\xff\xd8\xff\xe0..JFIF|\xff\xd8\xff\xe1..Exif", "image-jfif"))


def head_and_body(payload):
    """({name: value}, body) of a message of HTTP; the body is b"" if the head is not whole."""
    fields = {}
    found = list(re.finditer(rb"([^\r\n]*)(\r\n|\r|\n)", payload[:1024]))
    for line in found[1:]:
        name, colon, value = line[1].partition(b":")
        if not colon:
            begin = line.end() if not line[1] else line.start()
            return fields, payload[begin:] if begin < 1024 else b""
        fields[name.lower()] = re.match(rb"[ \t]*([^; \t]*)", value)[1].lower()
    return fields, b""


def http(payload):
    """The layers of a message of HTTP."""
    fields, body = head_and_body(payload)
    answer = payload.startswith(b"HTTP/")
    chunked = fields.get(b"transfer-encoding") == b"chunked"
    if not body:
        return "http"
    has_none = answer and re.match(rb"HTTP/... (1|204|304)", payload)
    if has_none or (not chunked and fields.get(b"content-length", b"" if answer else b"0") == b"0"):
        return "http" if body.startswith(HTTP) else "data:http"
    if chunked and (len(body) == 5 or not body.endswith(b"0\r\n\r\n")):
        return "http"
    coding = fields.get(b"content-encoding", b"identity")
    if coding not in (b"identity", b"gzip", b"x-gzip", b"deflate", b"br"):
        return "data:http"
    return by_type(fields.get(b"content-type"), body, chunked or coding != b"identity")


def by_type(kind, body, coded):
    if kind and kind.startswith(b"multipart/"):
        return "http:data:mime_multipart"
    layer = LAYERS.get(kind, "media")
    if layer == "json" and not coded and not re.fullmatch(rb"\{.*\}\r?\n?|\[.*\]\r?\n?", body, re.S):
        layer = "data-text-lines"
    if layer == "media" and len(body) >= 16 and not coded:
        layer = next((name for start, name in PICTURES if re.match(start, body, re.S)), layer)
    return "data:http" if kind is None and layer == "media" else "http:" + layer


def application(protocol, ports, payload):
    """The layers above TCP or UDP as tshark names them, ":" between them, or "". The last one is the
    highest: bytes that HTTP shows in itself are none."""
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
        return http(payload)
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
