# SPDX-License-Identifier: BSD-2-Clause
"""Entries of the probe `nasty`: known values, the bytes they are in the map, and what each reader
of an output has to find. Made without dynmon: this is what the outputs are held against."""
import ipaddress
import math
import struct

SIZE, KEY_SIZE = 160, 16
LEVELS = {-1: "LEVEL_LOW", 0: "LEVEL_NONE", 2147483647: "LEVEL_HIGH"}


class Entry:
    def __init__(self, addr, port, name, most, least, low, small, wide, flag, level, huge, real,
                 half, order, text, data, mac, ip6, when, numbers, grid, points, word, pointer):
        self.__dict__.update({name: value for name, value in locals().items() if name != "self"})

    def key(self):
        return ipaddress.ip_address(self.addr).packed + struct.pack(">H", self.port) + \
            struct.pack("10s", self.name)

    def value(self):
        out = bytearray(SIZE)
        bits = self.low | (self.small & 31) << 3 | self.wide << 8 | self.flag << 48
        struct.pack_into("<QqQi", out, 0, self.most, self.least, bits, self.level)
        out[32:48] = (self.huge % 2**128).to_bytes(16, "little")
        struct.pack_into("<df", out, 48, self.real, self.half)
        struct.pack_into(">I12s4s6s", out, 60, self.order, self.text, self.data, self.mac)
        out[88:104] = ipaddress.ip_address(self.ip6).packed
        struct.pack_into("<Q3I4b", out, 104, self.when, *self.numbers, *self.grid)
        for at, (x, seen) in zip((128, 132), self.points):
            struct.pack_into("<hB", out, at, x, seen)
        struct.pack_into("<I", out, 136, self.word)
        struct.pack_into("<Q", out, 144, self.pointer)
        return bytes(out)


def shown(text):
    """A char[] as people see it: up to the NUL, with U+FFFD for what is no UTF-8."""
    return text.split(b"\0")[0].decode("utf-8", "replace")


def exact(text):
    """A char[] with --raw: reversible."""
    plain = text.rstrip(b"\0")
    try:
        word = plain.decode("utf-8")
    except UnicodeDecodeError:
        word = None
    if word is None or b"\0" in plain or word.startswith("0x"):
        return "0x" + text.hex()
    return word


def padded(text, size):
    return text + bytes(size - len(text))


ENTRIES = [
    Entry("10.0.0.1", 443, b"plain", 2**64 - 1, -2**63, 7, -16, 2**40 - 1, 1, -1, -2**127,
          math.nan, math.inf, 1, b"a,b", bytes(4), bytes(6), "::", 0, (0, 1, 2**32 - 1),
          (-128, 127, 0, -1), ((-2**15, 255), (2**15 - 1, 0)), 2**32 - 1, 0xffff888100000000),
    Entry("255.255.255.255", 65535, b'say "hi"', 0, 2**63 - 1, 0, 15, 0, 0, 2147483647, 2**127 - 1,
          -math.inf, -0.0, 2**32 - 1, b'q"q\r\nl', b"\xff\0\x7f\x80", b"\xff" * 6, "ff02::1",
          1795262400_123456789, (7, 8, 9), (1, 2, 3, 4), ((0, 0), (0, 0)), 0x10002, 0),
    Entry("0.0.0.0", 0, b"\xff\xfe\xc3(", 1, -1, 1, -1, 1, 1, 0, 0, 5e-324, 0.1, 0x01020304,
          b"caf\xc3\xa9\0rest", b"\1\2\3\4", b"\2\x42\xac\x11\0\2", "2001:db8::1", 1, (1, 1, 1),
          (0, 0, 0, 0), ((1, 1), (2, 2)), 1, 1),
    Entry("192.168.0.1", 53, b"", 2**53 + 1, -2**53 - 1, 2, 2, 2, 0, 5, 2**64, 1.7976931348623157e308,
          3.4028234663852886e38, 0, b"tab\tesc\x1b[2J", b"abcd", b"\1" * 6, "::ffff:1.2.3.4", 2,
          (3, 2, 1), (9, 9, 9, 9), ((3, 3), (4, 4)), 5, 2**64 - 1),
    Entry("10.0.0.2", 80, b"0123456789", 42, 42, 3, 3, 3, 1, 1, 2**127 - 2**64, 0.1, 1.5, 7,
          b"123456789012", b"\0\0\0\1", b"\0" * 5 + b"\1", "fe80::1", 3, (4, 5, 6), (-1, -2, -3, -4),
          ((5, 5), (6, 6)), 6, 2),
    Entry("10.0.0.3", 81, b"\n\\", 43, -43, 4, 4, 4, 1, -1, 1, -1.25, 2.5, 8, "snow\u2603".encode(),
          b"\xde\xad\xbe\xef", b"\0\1\2\3\4\5", "::1", 4, (0, 0, 0), (5, 6, 7, 8),
          ((7, 7), (8, 8)), 7, 3),
]
