# SPDX-License-Identifier: BSD-2-Clause
"""What tshark says of every packet of a capture: the outermost IP header and what it carries, piece
by piece (nothing is reassembled)."""
import dataclasses
import struct
import subprocess
import xml.etree.ElementTree

FIELDS = ("frame.number", "frame.protocols", "ip.hdr_len", "ieee8021ad.id", "vlan.id", "ip.src", "ip.dst", "ip.proto", "ip.len",
          "ip.dsfield", "ip.flags.rb", "ip.flags.df", "ip.flags.mf", "ip.frag_offset", "ipv6.src",
          "ipv6.dst", "ipv6.nxt", "ipv6.plen", "ipv6.tclass", "ipv6.fraghdr.nxt",
          "ipv6.fraghdr.offset", "ipv6.fraghdr.more", "tcp.srcport", "tcp.dstport", "tcp.len",
          "tcp.ack_raw", "tcp.flags", "tcp.window_size_value", "udp.srcport", "udp.dstport",
          "udp.length", "icmp.type", "icmp.code", "icmpv6.type", "icmpv6.code")
WHOLE = ("ip.defragment", "ipv6.defragment", "tcp.desegment_tcp_streams")
QUOTING = (3, 4, 5, 11, 12)  # errors of ICMP, with the packet that they are about
NUMBERS = {"tcp": 6, "udp": 17, "icmp": 1, "icmpv6": 58, "gre": 47, "sctp": 132}
APPS = {"dns": "dns", "ssdp": "ssdp", "ftp": "ftp", "ftp-data": "ftp_data", "mdns": "mdns", "telnet": "telnet",
        "tls": "ssl", "http": "http"}
# By the highest layer. pyshark calls "data" what tshark shows as bytes beside the layers; bytes within
# HTTP are no layer.
BODIES = {"http": "http_unnamed", "data": "http_data", "data-text-lines": "http_text",
          "json": "http_json", "xml": "http_xml", "urlencoded-form": "http_form",
          "mime_multipart": "http_multipart", "media": "http_media", "png": "http_png",
          "image-gif": "http_gif", "image-jfif": "http_jpeg"}


@dataclasses.dataclass
class Packet:
    source: str
    to: str
    version: int
    protocol: int
    vlan: int = 0
    length: int = 0      # of IP
    tos: int = 0
    flags: int = 0       # the 16 bits of flags and offset; those of IPv6 put in the same places
    later: bool = False  # a fragment without an L4 header
    sport: int = 0
    dport: int = 0
    tcp_len: int = 0
    tcp_ack: int = 0
    tcp_flags: int = 0
    window: int = 0
    udp_length: int = 0  # with the header
    icmp_type: int = 0
    icmp_code: int = 0
    app: str = "none"
    words: frozenset = frozenset()  # of all layers
    highest: str = ""               # of a packet with HTTP: the layer that LUCID takes


def number(row, name):
    text = row[name]
    if text in ("True", "False"):
        return int(text == "True")
    return int(text, 0) if text else 0


def after_ip(row):
    """The layers that the outermost IP header carries, extension headers left out."""
    layers = row["frame.protocols"].split(":")
    start = min(layers.index(name) for name in ("ip", "ipv6") if name in layers)
    return [name for name in layers[start + 1:] if not name.startswith("ipv6.")]


def ip_header(row):
    layers = row["frame.protocols"].split(":")
    carried = after_ip(row)
    if "ip" in layers and ("ipv6" not in layers or layers.index("ip") < layers.index("ipv6")):
        offset, more = number(row, "ip.frag_offset"), number(row, "ip.flags.mf")
        return Packet(row["ip.src"], row["ip.dst"], 4, number(row, "ip.proto"),
                      length=number(row, "ip.len"), tos=number(row, "ip.dsfield"), later=offset > 0,
                      flags=number(row, "ip.flags.rb") << 15 | number(row, "ip.flags.df") << 14 |
                      more << 13 | offset)
    later = bool(row["ipv6.fraghdr.offset"]) and number(row, "ipv6.fraghdr.offset") > 0
    protocol = number(row, "ipv6.fraghdr.nxt" if later else "ipv6.nxt")
    if not later and carried:
        protocol = NUMBERS.get(carried[0], protocol)
    return Packet(row["ipv6.src"], row["ipv6.dst"], 6, protocol,
                  length=number(row, "ipv6.plen") + 40, tos=number(row, "ipv6.tclass"), later=later,
                  flags=number(row, "ipv6.fraghdr.more") << 13 |
                  number(row, "ipv6.fraghdr.offset"))


def fill_l4(packet, row, highest):
    if packet.protocol == 6:
        packet.sport, packet.dport = number(row, "tcp.srcport"), number(row, "tcp.dstport")
        packet.tcp_len, packet.tcp_ack = number(row, "tcp.len"), number(row, "tcp.ack_raw")
        packet.tcp_flags = number(row, "tcp.flags") & 0xff
        packet.window = number(row, "tcp.window_size_value")
    elif packet.protocol == 17:
        packet.sport, packet.dport = number(row, "udp.srcport"), number(row, "udp.dstport")
        packet.udp_length = number(row, "udp.length")
    elif packet.protocol in (1, 58):
        name = "icmp" if packet.protocol == 1 else "icmpv6"
        packet.icmp_type, packet.icmp_code = number(row, f"{name}.type"), number(row, f"{name}.code")
    icmp_payload = packet.length - (number(row, "ip.hdr_len") or 40) - 8
    payload = packet.tcp_len or packet.udp_length > 8 or \
        (packet.protocol in (1, 58) and icmp_payload > 0)
    above = after_ip(row)[1:]
    if payload and packet.protocol == 1 and packet.icmp_type in QUOTING:
        packet.app = {"tcp": "quotes_tcp", "udp": "quotes_udp"}.get("".join(above[1:2]), "none")
    elif payload and (above or 80 not in (packet.sport, packet.dport)):  # else a page goes on there
        packet.app = APPS.get("".join(above[:1]), "data")
        if packet.app == "http":
            packet.highest = "data" if highest == "fake-field-wrapper" else highest
            packet.app = BODIES[packet.highest] if above[1:] else "http"
        if packet.app == "ftp_data" and "data-text-lines" in above:
            packet.app = "ftp_text"


def frames(capture):
    """The bytes of each frame of a capture of make.py."""
    data, found, at = capture.read_bytes(), [], 24
    while at < len(data):
        size, = struct.unpack_from("<I", data, at + 8)
        found.append(data[at + 16:at + 16 + size])
        at += 16 + size
    return found


def ask(capture, *options):
    words = ["tshark", "-n", "-r", str(capture), *options]
    for name in WHOLE:
        words += ["-o", f"{name}:FALSE"]
    return subprocess.run(words, check=True, capture_output=True, text=True, errors="replace",
                          timeout=120).stdout


def highest_of_http(capture):
    """The highest layer of each packet with HTTP, by its number. Notes of tshark are no layers."""
    tree = xml.etree.ElementTree.fromstring(ask(capture, "-T", "pdml", "-Y", "http"))
    found = {}
    for packet in tree.iter("packet"):
        number_field = packet.find("proto[@name='geninfo']/field[@name='num']")
        layers = [proto.get("name") for proto in packet.findall("proto")]
        found[number_field.get("show")] = [name for name in layers if not name.startswith("_ws.")][-1]
    return found


def packets(capture):
    """A Packet for every frame, or None where tshark sees no IP."""
    fields = [word for name in FIELDS for word in ("-e", name)]
    out = ask(capture, "-T", "fields", "-E", "occurrence=f", *fields)
    highest = highest_of_http(capture)
    found = []
    for line in out.splitlines():
        row = dict(zip(FIELDS, line.split("\t")))
        if not row["ip.src"] and not row["ipv6.src"]:
            found.append(None)
            continue
        packet = ip_header(row)
        packet.vlan = number(row, "ieee8021ad.id") or number(row, "vlan.id")
        if not packet.later:
            fill_l4(packet, row, highest.get(row["frame.number"]))
        packet.words = frozenset(row["frame.protocols"].replace("-", ":").split(":"))
        found.append(packet)
    return found
