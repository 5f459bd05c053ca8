#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Writes captures/*.pcap, the traffic whose every feature is known: run it after a change and commit
what it writes. The same packets come out each time; --check says whether they still do.

sessions.pcap   conversations of TCP, UDP and ICMP, IPv4 and IPv6, with and without VLANs, interleaved
headers.pcap    IP options, extension headers, fragments, types of service, every flag of TCP
tunnels.pcap    packets with others inside
payloads.pcap   first segments of TCP, whose bytes alone tell what they are
http.pcap       heads of HTTP with bytes of a body behind them
strange.pcap    what is no IP packet, or claims more than there is
"""
import pathlib
import random
import struct
import sys
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

import frames
from frames import ICMP, ICMPV6, TCP, UDP

CAPTURES = pathlib.Path(__file__).resolve().parent / "captures"
FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = (1 << bit for bit in range(8))
GRE, IPIP, IPV6_IN_IP, HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION = 47, 4, 41, 0, 43, 44, 60


def capture(packets):
    """The bytes of a pcap file of Ethernet frames, one a millisecond."""
    made = struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1)
    for number, packet in enumerate(packets):
        seconds, rest = divmod(number, 1000)
        made += struct.pack("<IIII", 1_700_000_000 + seconds, rest * 1000, len(packet),
                            len(packet)) + packet
    return made


def tcp(sport, dport, flags, data=b"", seq=1, ack=0, window=1024, options=b"", urgent=0):
    assert len(options) % 4 == 0
    words = 5 + len(options) // 4
    return struct.pack("!HHIIBBHHH", sport, dport, seq, ack, words << 4, flags, window, 0,
                       urgent) + options + data


def ipv4(payload, protocol, source, to, options=b"", fragment=0, tos=0):
    """The payload of an Ethernet frame; `fragment`: flags and offset as they stand in the header."""
    def header(check):
        return struct.pack("!BBHHHBBH4s4s", 0x45 + len(options) // 4, tos,
                           20 + len(options) + len(payload), 7, fragment, 64, protocol, check,
                           frames.ipaddress.ip_address(source).packed,
                           frames.ipaddress.ip_address(to).packed) + options
    return header(frames.checksum(header(0))) + payload


def ipv6(payload, protocol, source, to, traffic_class=0):
    return struct.pack("!IHBB16s16s", 6 << 28 | traffic_class << 20 | 0x12345, len(payload),
                       protocol, 64, frames.ipaddress.ip_address(source).packed,
                       frames.ipaddress.ip_address(to).packed) + payload


def extension(following, data):
    """An extension header; `data` fills it up to a multiple of 8 bytes."""
    assert (2 + len(data)) % 8 == 0
    return struct.pack("!BB", following, (2 + len(data)) // 8 - 1) + data


def fragment6(following, offset, more):
    return struct.pack("!BBHI", following, 0, offset << 3 | more, 0xabcd)


PADDED = b"\x01\x04" + bytes(4)  # the option PadN of six bytes


class Host:
    """Both ends of a conversation, and what is between Ethernet and IP."""

    def __init__(self, client, server, tags=()):
        self.client, self.server, self.tags = client, server, tags
        self.six = ":" in client

    def packet(self, payload, protocol, back=False, **more):
        source, to = (self.server, self.client) if back else (self.client, self.server)
        return self.frame((ipv6 if self.six else ipv4)(payload, protocol, source, to, **more))

    def frame(self, packet):
        kind = frames.IPV6 if self.six else frames.IPV4
        for tag in reversed(self.tags):
            packet = struct.pack("!HH", tag, kind) + packet
            kind = frames.QINQ if len(self.tags) == 2 and tag == self.tags[0] else frames.VLAN
        return frames.ethernet(packet, kind)


def tcp_session(chance, host):
    """Handshake, requests and answers, and one of the ways to end."""
    port, service = chance.randrange(1025, 65536), chance.choice((22, 80, 443, 8080, 50000, 21, 23))
    seq, ack = chance.randrange(1 << 32), chance.randrange(1 << 32)
    window = chance.randrange(1 << 16)

    def segment(flags, data=b"", back=False, options=b""):
        nonlocal seq, ack
        ports = (service, port) if back else (port, service)
        made = tcp(*ports, flags, data, *((ack, seq) if back else (seq, ack)), window, options)
        used = len(data) + bool(flags & (SYN | FIN))
        seq, ack = (seq, (ack + used) % (1 << 32)) if back else ((seq + used) % (1 << 32), ack)
        return host.packet(made, TCP, back)

    mss = struct.pack("!BBHBBBBBB", 2, 4, 1460, 4, 2, 1, 3, 3, 7) + bytes(2)
    yield segment(SYN, options=mss)
    yield segment(SYN | ACK, back=True, options=mss)
    yield segment(ACK)
    for _ in range(chance.randrange(12)):
        back = chance.random() < 0.5
        yield segment(PSH | ACK, said(chance, service, back), back)
        yield segment(ACK, back=chance.random() < 0.5)
    if chance.random() < 0.3:
        yield segment(RST, back=chance.random() < 0.5)
        return
    yield segment(FIN | ACK)
    yield segment(FIN | ACK, back=True)
    yield segment(ACK)


def said(chance, service, back):
    """What client or server of a service says."""
    data = chance.randbytes(chance.choice((1, 10, 100, 536, 1000, 1400)))
    if service == 443:
        return struct.pack("!BHH", 23, 0x303, len(data)) + data
    if service in (80, 8080):
        return b"HTTP/1.1 204 No Content\r\n\r\n" if back else b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    if service == 21:
        return b"220 ready\r\n" if back else b"USER anonymous\r\n"
    return data


QUESTION = struct.pack("!HHHHHH", 77, 0x0100, 1, 0, 0, 0) + b"\7example\3org\0\0\1\0\1"
ANSWER = struct.pack("!HHHHHH", 77, 0x8180, 1, 1, 0, 0) + QUESTION[12:] + \
    b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\1"
SEARCH = b"M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\n\r\n"


def udp_session(chance, host):
    port = chance.randrange(1025, 65536)
    service, asked, answered = chance.choice((
        (53, QUESTION, ANSWER), (123, b"\x23" + bytes(47), b"\x24" + bytes(47)),
        (1900, SEARCH, b"HTTP/1.1 200 OK\r\n\r\n"), (40000, bytes(300), bytes(1200)),
        (9999, b"", b"x")))
    for _ in range(chance.randrange(1, 8)):
        yield host.packet(frames.udp(port, service, asked), UDP)
        if chance.random() < 0.8:
            yield host.packet(frames.udp(service, port, answered), UDP, back=True)


def icmp_session(chance, host):
    kinds, protocol = ((128, 129), ICMPV6) if host.six else ((8, 0), ICMP)
    for _ in range(chance.randrange(1, 5)):
        data = bytes(chance.choice((0, 8, 56, 1000)))
        yield host.packet(frames.icmp(kinds[0], 0, data), protocol)
        yield host.packet(frames.icmp(kinds[1], 0, data), protocol, back=True)
    if not host.six:
        inner = ipv4(frames.udp(5000, 6000, b"12345678"), UDP, host.client, host.server)
        yield host.packet(frames.icmp(3, 3, inner[:28]), protocol, back=True)


def sessions(chance, count):
    """So many conversations, a packet of any of them at a time."""
    running = []
    for number in range(count):
        tags = chance.choice(((), (), (), (100,), (7, 42)))
        if chance.random() < 0.4:
            host = Host(f"2001:db8::{chance.randrange(1, 0xffff):x}", f"fd00::{number % 9 + 1:x}", tags)
        else:
            host = Host(f"10.{chance.randrange(256)}.{chance.randrange(256)}.7",
                        f"192.0.2.{number % 9 + 1}", tags)
        kind = chance.choice((tcp_session, tcp_session, udp_session, udp_session, icmp_session))
        running.append(kind(chance, host))
    while running:
        session = chance.choice(running)
        try:
            yield next(session)
        except StopIteration:
            running.remove(session)


FOUR, SIX = Host("10.0.0.1", "10.0.0.2"), Host("2001:db8::1", "2001:db8::2")


def headers():
    for bit in range(8):
        yield FOUR.packet(tcp(1000, 2000 + bit, 1 << bit, urgent=5), TCP)
    for flags in (0, 0xff, FIN | PSH | URG):
        yield SIX.packet(tcp(1000, 3000, flags, b"data", 0xfffffff0, 0x80000000, 65535), TCP)
    for tos in (0x10, 0xb8, 0x02):
        yield FOUR.packet(frames.udp(1, tos), UDP, tos=tos)
        yield SIX.packet(frames.udp(1, tos), UDP, traffic_class=tos)
    for words in (1, 5, 10):
        yield FOUR.packet(tcp(4000, 80, ACK, bytes(words)), TCP, options=b"\1" * (4 * words))
        yield FOUR.packet(frames.udp(4000, 53, QUESTION), UDP, options=b"\1" * (4 * words))
    yield FOUR.packet(tcp(4001, 80, ACK, options=b"\1" * 40), TCP)
    yield FOUR.packet(frames.udp(1, 2), UDP, fragment=0x4000)  # do not fragment
    yield from fragments()
    data = frames.udp(5000, 53, QUESTION)
    yield SIX.packet(extension(UDP, PADDED) + data, HOP_BY_HOP)
    yield SIX.packet(extension(UDP, PADDED) + data, DESTINATION)
    yield SIX.packet(extension(DESTINATION, PADDED) + extension(TCP, PADDED + bytes(8)) +
                     tcp(5001, 443, SYN), HOP_BY_HOP)
    yield SIX.packet(extension(UDP, b"\4\0" + bytes(4) + bytes(16)) + data, ROUTING)
    yield SIX.packet(fragment6(UDP, 0, 0) + data, FRAGMENT)  # atomic
    yield Host("10.0.0.3", "10.0.0.4", (0,)).packet(frames.udp(6, 7), UDP)  # a priority tag
    yield FOUR.packet(frames.udp(1, 2), UDP) + bytes(32)  # padding of Ethernet
    yield Host("10.0.0.9", "10.0.0.9").packet(frames.udp(9, 8), UDP)
    yield Host("10.0.0.9", "10.0.0.9").packet(frames.udp(8, 9), UDP)


def fragments():
    data = frames.udp(7000, 8000, bytes(2992))  # 3000 bytes with the header of UDP
    for start in (0, 1000, 2000):
        more = start < 2000
        piece = data[start:start + 1000]
        yield FOUR.packet(piece, UDP, fragment=more << 13 | start // 8)
        yield SIX.packet(fragment6(UDP, start // 8, more) + piece, FRAGMENT)


def tunnels():
    inner4 = ipv4(tcp(1111, 2222, SYN), TCP, "172.16.0.1", "172.16.0.2")
    inner6 = ipv6(tcp(1111, 2222, SYN), TCP, "fd01::1", "fd01::2")
    yield FOUR.packet(inner4, IPIP)
    yield FOUR.packet(inner6, IPV6_IN_IP)
    yield SIX.packet(inner6, IPV6_IN_IP)
    yield FOUR.packet(struct.pack("!HH", 0, frames.IPV4) + inner4, GRE)
    ethernet = frames.ethernet(inner4, frames.IPV4)
    yield FOUR.packet(frames.udp(33333, 4789, struct.pack("!II", 1 << 27, 5 << 8) + ethernet), UDP)
    yield SIX.packet(frames.udp(33333, 6081, struct.pack("!HHI", 0, 0x6558, 5 << 8) + ethernet), UDP)
    yield FOUR.packet(frames.udp(2152, 2152, struct.pack("!BBHI", 0x30, 0xff, len(inner4), 1) +
                                 inner4), UDP)


TEXTS = (b"a", b"abcd", b"abcde", b"a line\n", b"\r\n", b"two\r\nlines", b"a" * 19 + b"\xff",
         b"a" * 20 + b"\xff", b"abcd\xff\xff\xff", b"abc\nef", b"\x7fabcd", b"\t tab", b"abc\0def")
BYTES = (b"\0", b"\xff\xfe", b"\x80\x2e\1\0\2abc", bytes(30), b"\xc3\xa9t\xc3\xa9", b"\x17\3\3")
RECORDS = tuple(bytes([kind, 3, version]) + struct.pack("!H", length) + bytes(range(100, 130))
                for kind in (22, 23) for version in (0, 1, 3, 5)
                for length in (0, 1, 30, 16384, 18431, 18432, 65535))
WEB = (b"GET / HTTP/1.1\r\n\r\n", b"HEAD /a HTTP/1.0\r\nHost: a\r\n\r\n", b"POSTED", b"HTTPS",
       b"OPTIONS * HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


def payloads():
    """Each of a conversation of its own, so that tshark knows no more than its bytes."""
    port = 50001
    for service in (20, 443, 80, 49999):
        for data in TEXTS + BYTES + RECORDS + WEB:
            back = port % 3 == 0
            ports = (service, port) if back else (port, service)
            yield FOUR.packet(tcp(*ports, PSH | ACK, data), TCP, back)
            port += 1


OK = b"HTTP/1.1 200 OK\r\n"
TYPES = (b"text/html", b"text/plain", b"text/css", b"text/javascript", b"application/x-javascript",
         b"text/richtext", b"application/x-ns-proxy-autoconfig", b"application/json",
         b"application/problem+json", b"application/json-rpc", b"application/senml+json", b"text/xml",
         b"application/xml", b"application/soap+xml", b"application/rss+xml", b"application/atom+xml",
         b"image/svg+xml", b"application/rdf+xml", b"application/xslt+xml",
         b"application/octet-stream", b"application/x-www-form-urlencoded",
         b"multipart/form-data; boundary=x", b"multipart/mixed; boundary=x", b"image/webp",
         b"application/javascript", b"application/pdf", b"text/csv", b"application/xhtml+xml",
         b"text/htmlx", b"text", b"application/", b"Text/HTML", b"TEXT/PLAIN", b"Application/JSON",
         b"text/html; charset=utf-8", b"text/html;charset=utf-8", b"text/html ;x", b"text/html\t",
         b"text/html,x", b"application/vnd.a-type-that-is-longer-than-all-that-are-known-here",
         b"", b";charset=utf-8")
NAMES = (b"content-type:", b"CONTENT-TYPE: ", b"cOnTent-tYPE:\t", b"Content-Type:   ",
         b"Content-Type : ", b" Content-Type: ", b"X-Content-Type: ", b"Content-Types: ",
         b"Content-Typ: ", b"Content-Type ", b"ContentType: ")
PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIBBBBBI", 13, b"IHDR", 1, 1, 8, 2, 0, 0, 0,
                                          0x907753de) + bytes(30)
GIF = b"GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\1\0\1\0\0\2\1D\0;"
JFIF = b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\1\0\x48\0\x48\0\0\xff\xdb\0\x43\0" + bytes(range(64))
EXIF = b"\xff\xd8\xff\xe1\0\x20Exif\0\0MM\0*\0\0\0\x08" + bytes(80)
PART = b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\nv\r\n--x--\r\n"
JSONS = (b"{}", b"[1,2]", b'{"a": 1}\n', b'{"a": 1}\r\n', b'{"a": [1, {"b', b"{", b"[1,", b"7", b"hello",
         b'"a"', b"null", b")]}',\n[1]")


def stored(data):
    return struct.pack("<BHH", 1, len(data), len(data) ^ 0xffff) + data


def gzipped(data):
    return b"\x1f\x8b\x08" + bytes(6) + b"\xff" + stored(data) + struct.pack("<II", zlib.crc32(data),
                                                                            len(data))


def deflated(data):
    return b"\x78\x01" + stored(data) + struct.pack(">I", zlib.adler32(data))


def chunks(*data):
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in data) + b"0\r\n\r\n"


def answer(*lines, body=b"<p>hello</p>\n", first=OK):
    return first + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


def typed(*lines, body=b"<p>hello</p>\n", kind=b"text/html", first=OK):
    return answer(b"Content-Type: " + kind, *lines, body=body, first=first)


def messages():
    """Heads of HTTP with bytes behind them."""
    html = typed()
    for kind in TYPES:
        yield typed(kind=kind, body=PART if kind.startswith(b"multipart") else b"{}")
    for name in NAMES:
        yield answer(name + b"text/html")
    for body in JSONS:
        yield typed(kind=b"application/json", body=body)
    for body in (PNG, GIF, JFIF, EXIF, PNG[:8], bytes(range(256))):
        yield from (answer(body=body), typed(body=body), typed(kind=b"image/png", body=body),
                    typed(kind=b"application/octet-stream", body=body))
    for body in (b"x", b"\r\n", b"\0\1\2"):
        yield from (typed(body=body), typed(kind=b"application/octet-stream", body=body),
                    typed(kind=b"a/b", body=body), answer(body=body))
    # Ends of lines, and lines that are no headers.
    yield from (html.replace(b"\r\n", b"\n"), html.replace(b"\r\n", b"\r"),
                OK + b"Content-Type: text/html\n\r\nbody", OK + b"Content-Type: text/html\r\n\nbody",
                OK[:-2] + b"\nContent-Type: text/html\r\n\r\nbody")
    foreign = b"Content-Encoding: foo"
    for line in (b"X: a\r\n more", b"X: a\r\n\tmore", b"no header", b"x(y: z", b" x: y", b"x y: z",
                 b"\xff: z", b"\xff", b":", b"X: \0"):
        yield typed(line, foreign)
    yield answer(b"no header", b"Content-Type: text/html")
    # Lines that come twice, lines that stand first.
    yield from (typed(b"Content-Type: application/json", body=b"{}"),
                typed(b"Content-Type:"), answer(foreign, b"Content-Type: text/html"),
                typed(foreign, b"Content-Encoding: identity"))
    # How a body is coded.
    for coding in (b"identity", b"Identity", b"", b"foo", b"zstd", b"gzip, identity"):
        yield from (typed(b"Content-Encoding: " + coding), answer(b"Content-Encoding: " + coding))
    for coding, body in ((b"gzip", gzipped), (b"GZip", gzipped), (b"x-gzip", gzipped),
                         (b"deflate", deflated)):
        line = b"Content-Encoding: " + coding
        yield from (typed(line, body=body(b"hello " * 30)),
                    typed(line, body=body(b"{}"), kind=b"application/json"),
                    typed(line, body=body(b"hello"), kind=b"a/b"), answer(line, body=body(b"hello")),
                    typed(line, body=body(b"hello " * 300)[:500]))
    yield typed(b"Content-Encoding: br", body=bytes.fromhex("0b028068656c6c6f03"))
    chunked = b"Transfer-Encoding: chunked"
    for body in (chunks(b"hello"), chunks(b"hello", b"again"), b"50\r\nhello", b"5", b"5\r\n", b"0\r\n\r\n",
                 chunks(b"hello")[:-1], chunks(b"hello" * 100)[:300]):
        yield from (typed(chunked, body=body), answer(chunked, body=body),
                    typed(chunked, foreign, body=body))
    yield from (typed(b"transfer-encoding:Chunked", b"Content-Length: 0", body=chunks(b"hello")),
                typed(chunked, body=chunks(b"{}"), kind=b"application/json"),
                typed(chunked, b"Content-Encoding: gzip", body=chunks(gzipped(b"hello " * 30))),
                typed(b"Transfer-Encoding: identity"))
    # How long it is.
    for length in (b"0", b"13", b"14", b"5000", b"", b"abc"):
        yield from (typed(b"Content-Length: " + length), typed(b"content-length:" + length))
    yield from (typed(b"Content-Length: 5"), typed(b"Content-Length: 0", b"Content-Length: 13"),
                typed(b"Content-Length: 13", b"Content-Length: 0"), answer(b"Content-Length: 0"))
    for status in (b"100 Continue", b"103 Early", b"199 x", b"200", b"201 C", b"204 No", b"205 R", b"206 P",
                   b"301 M", b"304 N", b"404 N", b"500 x"):
        yield typed(first=b"HTTP/1.1 " + status + b"\r\n")
    yield from (typed(first=b"HTTP/1.0 200 OK\r\n"), typed(first=b"HTTP/1.0 304 N\r\n"))
    # Requests.
    form, length = b"application/x-www-form-urlencoded", b"Content-Length: 3"
    for method in (b"GET", b"POST", b"PUT", b"HEAD", b"DELETE", b"OPTIONS", b"PATCH", b"TRACE"):
        first = method + b" /x HTTP/1.1\r\nHost: a\r\n"
        yield from (typed(first=first, kind=form, body=b"a=b"), answer(length, first=first, body=b"a=b"),
                    typed(length, first=first, kind=form, body=b"a=b"), answer(first=first, body=b"a=b"),
                    typed(chunked, first=first, kind=b"text/plain", body=chunks(b"hello")))
    # What is not whole, and what goes on.
    for end in (len(html), len(html) - 12, len(html) - 13, len(html) - 14, len(html) - 15, 30):
        yield html[:end]
    get = b"GET /abc HTTP/1.1\r\nHost: a\r\n\r\n"
    yield from (get, get + get, get + get[:9], get + b"more", typed(b"Content-Length: 0", body=OK),
                answer(body=OK + b"\r\n", first=b"HTTP/1.1 304 N\r\n"))
    # A head that takes the place of most of the packet.
    for filler in (100, 400, 900, 950, 960):
        yield typed(b"X: " + b"a" * filler)
        yield answer(b"X: " + b"a" * filler, b"Content-Type: application/json", body=b"{}")
    yield typed(*(b"X-%d: a" % number for number in range(60)))


def http():
    """Each of a conversation of its own, some of IPv6 and with VLANs, to which the rest of the head is
    the same."""
    hosts = (FOUR, SIX, Host("10.0.0.1", "10.0.0.2", (7, 42)))
    port = 50001
    for service in (80, 49998):
        for data in messages():
            back = data.startswith(b"HTTP/")
            ports = (service, port) if back else (port, service)
            yield hosts[port % 3].packet(tcp(*ports, PSH | ACK, data), TCP, back)
            port += 1


def strange():
    good = ipv4(tcp(1, 2, SYN), TCP, "10.0.0.1", "10.0.0.2")
    yield from (frames.ethernet(bytes(28), frames.ARP), frames.ethernet(bytes(46), 0x88cc))
    yield frames.ethernet(good[:2] + struct.pack("!H", 200) + good[4:], frames.IPV4)
    yield frames.ethernet(b"\x44" + good[1:], frames.IPV4)  # a header of 16 bytes
    yield frames.ethernet(b"\x55" + good[1:], frames.IPV4)  # IP version 5
    yield frames.ethernet(good[:12], frames.IPV4)
    yield frames.ethernet(good[:2] + struct.pack("!H", 30) + good[4:], frames.IPV4)  # half of TCP
    yield frames.ethernet(ipv6(b"", 59, "fd00::1", "fd00::2"), frames.IPV6)  # no next header
    yield FOUR.packet(bytes(40), 132)  # SCTP
    yield FOUR.packet(b"\1\2\3", UDP)  # less than a header of UDP


def main():
    made = {"sessions.pcap": sessions(random.Random(1), 150), "headers.pcap": headers(),
            "tunnels.pcap": tunnels(), "payloads.pcap": payloads(),
            "http.pcap": http(), "strange.pcap": strange()}
    CAPTURES.mkdir(exist_ok=True)
    for name, packets in made.items():
        if sys.argv[1:] != ["--check"]:
            (CAPTURES / name).write_bytes(capture(packets))
        elif (CAPTURES / name).read_bytes() != capture(packets):
            sys.exit(f"{name} is not what this script makes: run it and commit the file")


if __name__ == "__main__":
    main()
