#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""`dump` on maps of programs that dynmon did not make: objects of the package xdp-tools, loaded and
not attached, and types of the tools of libbpf-tools, whose programs are for tracing and are never
loaded: their objects lie in the binaries, their maps are made by the test."""
import json
import pathlib
import shutil
import socket
import struct

import harness
import kernel
import sources
import wire
from harness import BPFFS

SHELF = BPFFS / "foreign"
ELF = b"\x7fELF\x02\x01\x01"
RELOCATABLE, EM_BPF = 1, 247
SUM = ("--merge", "sum")


def xdp_object(name):
    """A file of the package xdp-tools (or of libxdp, which comes with it)."""
    found = sorted([*pathlib.Path("/usr/lib").glob(f"*/bpf/{name}.o"),
                    *pathlib.Path("/usr/lib/bpf").glob(f"{name}.o"),
                    *pathlib.Path("/usr/lib64/bpf").glob(f"{name}.o")])
    if not found:
        raise AssertionError(f"no {name}.o: the package xdp-tools is missing (ci/deps tests)")
    return found[0]


def embedded_object(tool):
    """The BPF object in the binary of a tool, where its skeleton has it: as bytes."""
    path = shutil.which(tool, path="/usr/sbin:/usr/bin")
    if path is None:
        raise AssertionError(f"no {tool}: the package libbpf-tools is missing (ci/deps tests)")
    binary = pathlib.Path(path).read_bytes()
    at = 0
    while (at := binary.find(ELF, at + 1)) > 0:
        kind, machine = struct.unpack_from("<HH", binary, at + 16)
        if (kind, machine) == (RELOCATABLE, EM_BPF):
            table, = struct.unpack_from("<Q", binary, at + 40)
            entry, entries = struct.unpack_from("<HH", binary, at + 58)
            return binary[at:at + table + entry * entries]
    raise AssertionError(f"no BPF object in {path}")


def copies(*values):
    """The first CPUs' copies of a value; those of the others are 0."""
    size = -(-len(values[0]) // 8) * 8
    written = b"".join(value.ljust(size, b"\0") for value in values)
    return written.ljust(size * kernel.possible_cpus(), b"\0")


def by_key(rows):
    return sorted(rows, key=lambda row: str(row["key"]))


class ForeignCase(harness.Case):
    def dump(self, map_path, *words):
        return json.loads(self.dynmon("dump", map_path, "--format", "json", "--value-only",
                                      *words).out)

    def assert_dump(self, map_path, source, expected, *words):
        """With the types that the kernel knows, and with those of the object alike."""
        self.assertEqual(by_key_if_any(self.dump(map_path, *words)), expected)
        self.assertEqual(by_key_if_any(self.dump(map_path, "--object", source, *words)), expected)


def by_key_if_any(rows):
    return by_key(rows) if rows and isinstance(rows[0], dict) and "key" in rows[0] else rows


class XdpToolsTest(ForeignCase):
    def load_object(self, name, pins_itself=False):
        """The object and the folder with the pins of its maps, or (`pins_itself`) the top of the
        bpffs, where libbpf puts maps that ask to be pinned by name."""
        source = xdp_object(name)
        shelf = SHELF / name
        shelf.mkdir()
        maps = BPFFS if pins_itself else shelf / "maps"
        wire.command("bpftool", "prog", "loadall", str(source), str(shelf / "programs"), "type",
                     "xdp", *([] if pins_itself else ["pinmaps", str(maps)]))
        return source, maps

    def clear_shelf(self):
        if SHELF.exists():
            shutil.rmtree(SHELF)
        for path in BPFFS.iterdir():
            if path.is_file() and path.suffix != ".debug":
                path.unlink()

    def setUp(self):
        super().setUp()
        SHELF.mkdir()
        self.at_end.append(self.clear_shelf)

    def test_filters_of_xdp_filter(self):
        source, maps = self.load_object("xdpfilt_alw_all", pins_itself=True)
        counter = lambda *numbers: copies(*[struct.pack("<Q", number) for number in numbers])
        kernel.fill(maps / "filter_ipv4", [(socket.inet_aton("10.1.2.3"), counter(3)),
                                            (socket.inet_aton("0.0.0.9"), counter(2**64 - 1))])
        self.assert_dump(maps / "filter_ipv4", source, by_key([
            {"key": 0x0302010a, "value": 3}, {"key": 0x09000000, "value": 2**64 - 1}]), *SUM)
        kernel.fill(maps / "filter_ipv6",
                    [(socket.inet_pton(socket.AF_INET6, "2001:db8::1"), counter(5))])
        self.assert_dump(maps / "filter_ipv6", source, [{"key": "2001:db8::1", "value": 5}],
                         *SUM)
        self.assert_dump(maps / "filter_ipv6", source, [], "--where", "key in fd00::/8")
        kernel.fill(maps / "filter_ethernet", [(bytes.fromhex("02004c4f4f50"), counter(7))])
        self.assert_dump(maps / "filter_ethernet", source,
                         [{"key": {"addr": "02:00:4c:4f:4f:50"}, "value": 7}], *SUM)
        kernel.fill(maps / "filter_ports", [(struct.pack("<I", 443), counter(9)),
                                             (struct.pack("<I", 65535), counter(1))])
        self.assert_dump(maps / "filter_ports", source,
                         [{"key": 443, "value": 9}, {"key": 65535, "value": 1}], "--where", "value",
                         *SUM)

    def test_counters_of_each_cpu_are_listed_or_become_one(self):
        source, maps = self.load_object("xdpfilt_alw_all", pins_itself=True)
        record = lambda packets, size: struct.pack("<QQ", packets, size)
        per_cpu = [record(5, 500), record(7, 2**40)][:kernel.possible_cpus()]
        kernel.fill(maps / "xdp_stats_map", [(struct.pack("<I", 2), copies(*per_cpu))])
        shown = lambda packets, size: {"packets": packets, "rx_packets": packets, "bytes": size,
                                       "rx_bytes": size}
        total = shown(*[sum(struct.unpack("<QQ", one)[at] for one in per_cpu) for at in (0, 1)])
        # aborted, dropped, passed, tx and redirected
        self.assert_dump(maps / "xdp_stats_map", source,
                         [shown(0, 0), shown(0, 0), total, shown(0, 0), shown(0, 0)], *SUM)
        each = self.dump(maps / "xdp_stats_map", "--where", "packets")
        self.assertEqual(each[0]["value"][:len(per_cpu)],
                         [shown(*struct.unpack("<QQ", one)) for one in per_cpu])

    def test_configuration_of_xdpdump(self):
        source, maps = self.load_object("xdpdump_xdp")
        data, = [path for path in maps.iterdir() if path.name.endswith("data")]
        kernel.fill(data, [(bytes(4), struct.pack("<III", 3, 262144, 2**32 - 1))])
        self.assert_dump(data, source, [{"trace_cfg": {
            "capture_if_ifindex": 3, "capture_snaplen": 262144,
            "capture_prog_index": 2**32 - 1}}])
        events = maps / "xdpdump_perf_map"
        error = self.refused(harness.UNSUPPORTED, "dump", events)
        self.assertEqual(error["hint"], "`dynmon-load stream` prints them")

    def test_frozen_configuration_of_the_dispatcher(self):
        source, maps = self.load_object("xdp-dispatcher")
        constants, = [path for path in maps.iterdir() if path.name.endswith("rodata")]
        rows = self.dump(constants)
        self.assertEqual(rows, self.dump(constants, "--object", source))
        raw = kernel.lookup(constants, bytes(4), self.value_size(constants))
        conf = rows[0]["conf"]
        self.assertEqual([conf["magic"], conf["dispatcher_version"], conf["num_progs_enabled"]],
                         list(raw[:3]))
        self.assertEqual(conf["run_prios"], list(struct.unpack_from("<10I", raw, 44)))

    def value_size(self, path):
        return json.loads(wire.command("bpftool", "-j", "map", "show", "pinned",
                                       str(path)))["bytes_value"]

    def test_sockets_of_libxdp_are_refused_with_a_reason(self):
        _, maps = self.load_object("xsk_def_xdp_prog")
        error = self.refused(harness.UNSUPPORTED, "dump", maps / "xsks_map")
        self.assertIn("AF_XDP sockets", error["message"])


class LibbpfToolsTest(ForeignCase):
    def source(self, tool):
        path = self.folder / f"{tool}.bpf.o"
        path.write_bytes(embedded_object(tool))
        return path

    def map(self, name, kind, key_size, value_size, entries):
        """A map without types: what a tool's map is to a kernel that keeps no BTF."""
        path = BPFFS / name.replace(".", "_")
        wire.command("bpftool", "map", "create", str(path), "type", kind, "key", str(key_size),
                     "value", str(value_size), "entries", str(max(len(entries), 1)), "name",
                     name[:15])
        self.at_end.append(path.unlink)
        kernel.fill(path, entries)
        return path

    def test_system_calls(self):
        entries = [(struct.pack("<I", pid), struct.pack("<QQ16s", count, ns, comm))
                   for pid, count, ns, comm in ((1, 7, 2**60, b"init"),
                                                (4711, 2**64 - 1, 0, b"sixteen bytes ok"))]
        path = self.map("data", "hash", 4, 32, entries)
        expected = [{"key": 1, "value": {"count": 7, "total_ns": 2**60, "comm": "init"}},
                    {"key": 4711, "value": {"count": 2**64 - 1, "total_ns": 0,
                                            "comm": "sixteen bytes ok"}}]
        source = self.source("syscount")
        self.assertEqual(by_key(self.dump(path, "--object", source)), expected)
        self.assertEqual(self.dump(path, "--object", source, "--where",
                                   "comm ~ 'six*' && count > 1"), expected[1:])
        untyped = by_key(self.dump(path))
        self.assertEqual([(row["key"], row["value"]) for row in untyped],
                         [(struct.unpack("<I", key)[0], value.hex()) for key, value in entries])

    def test_connections(self):
        one, two = (socket.inet_pton(socket.AF_INET6, text) for text in ("fd00::1", "2001:db8::2"))
        path = self.map("ipv6_count", "hash", 36, 8,
                        [(one + two + struct.pack("<HH", 40000, 443), struct.pack("<Q", 3))])
        self.assertEqual(self.dump(path, "--object", self.source("tcpconnect")),
                         [{"key": {"saddr": one.hex(), "daddr": two.hex(), "sport": 40000,
                                   "dport": 443}, "value": 3}])

    def test_addresses_that_are_numbers_of_128_bits(self):
        six = socket.inet_pton(socket.AF_INET6, "fd00::ffff")
        four = socket.inet_aton("10.0.0.1").ljust(16, b"\0")
        key = six + four + struct.pack(">HH", 40000, 443) + struct.pack("<I", 2**32 - 1) + bytes(8)
        value = struct.pack("<Q16sI4x", 4711, b"nc", 65534)
        path = self.map("tuplepid", "hash", 48, 32, [(key, value)])
        little = lambda data: int.from_bytes(data, "little")
        self.assertEqual(self.dump(path, "--object", self.source("tcptracer")),
                         [{"key": {"saddr_v4": little(six[:4]), "saddr_v6": little(six),
                                   "daddr_v4": little(four[:4]), "daddr_v6": little(four),
                                   "sport": little(key[32:34]), "dport": little(key[34:36]),
                                   "netns": 2**32 - 1},
                           "value": {"pid": 4711, "comm": "nc", "uid": 65534}}])

    def test_a_histogram(self):
        slots = [index * 1001 for index in range(27)]
        path = self.map("hists", "hash", 8, 108, [(struct.pack("<II", 2**32 - 1, 8 << 20),
                                                   struct.pack("<27I", *slots))])
        source = self.source("biolatency")
        expected = [{"key": {"cmd_flags": 2**32 - 1, "dev": 8 << 20}, "value": {"slots": slots}}]
        self.assertEqual(self.dump(path, "--object", source), expected)
        self.assertEqual(self.dump(path, "--object", source, "--where", "slots[26] == 26026"),
                         expected)
        self.assertEqual(self.dump(path, "--object", source, "--where", "slots[26] == 26025"), [])

    def test_global_variables(self):
        # As libbpf calls it: the first 8 characters of the object's name, and the section.
        path = self.map("numamove.bss", "array", 4, 16,
                        [(bytes(4), struct.pack("<QQ", 2**63, 17))])
        self.assertEqual(self.dump(path, "--object", self.source("numamove")),
                         [{"latency": 2**63, "num": 17}])

    def test_events_by_the_name_of_their_type(self):
        path = self.map("events", "perf_event_array", 4, 4, [])
        source = self.source("execsnoop")
        result = self.dynmon("stream", path, "--object", source, "--type", "event", "--where",
                             "comm == bash && pid > 1", "--timeout", "10ms")
        self.assertEqual(result.out, "")
        error = self.refused(harness.USAGE, "stream", path, "--object", source, "--type", "event",
                             "--where", "com == bash", "--timeout", "10ms")
        self.assertIn("no field 'com'", error["message"])

    def test_another_map_of_that_name_is_not_shown_by_those_types(self):
        path = self.map("data", "hash", 4, 24, [(bytes(4), bytes(24))])
        error = self.refused(harness.USAGE, "dump", path, "--object", self.source("syscount"))
        self.assertIn("'data' in ", error["message"])
        self.assertIn(" has values of 32 bytes, the map of 24", error["message"])
        error = self.refused(harness.USAGE, "dump", path, "--object", self.source("opensnoop"))
        self.assertIn("no map 'data' in ", error["message"])


UNLOADABLE = """
struct amount { __u64 packets; __u64 bytes; };
struct delay { __u64 shortest; __u64 longest; };
""" + sources.map_of("counters_of_each_port", "BPF_MAP_TYPE_HASH", value="struct amount") \
    + sources.map_of("counters_of_each_host", "BPF_MAP_TYPE_HASH", value="struct delay") + """
extern int elsewhere(struct __sk_buff* skb);
static __attribute__((used)) SEC("tc") int unseen(struct __sk_buff* skb) { return elsewhere(skb); }
"""


class TypesOnlyTest(ForeignCase):
    """A file that only says what the map holds needs nothing that a load would need."""
    NAME = "counters_of_eac"  # what the kernel keeps
    ENTRY = struct.pack("<I", 7), struct.pack("<QQ", 3, 180)

    def setUp(self):
        super().setUp()
        self.object = sources.compiled(self.folder / "outsider", UNLOADABLE)

    def map(self, pin):
        path = BPFFS / pin
        wire.command("bpftool", "map", "create", str(path), "type", "hash", "key", "4", "value",
                     "16", "entries", "1", "name", self.NAME)
        self.at_end.append(path.unlink)
        kernel.fill(path, [self.ENTRY])
        return path

    def test_the_name_of_the_pin_decides_among_long_names(self):
        path = self.map("counters_of_each_port")
        self.assertEqual(self.dump(path, "--object", self.object),
                         [{"key": 7, "value": {"packets": 3, "bytes": 180}}])
        path = self.map("counters_of_each_host")
        self.assertEqual(self.dump(path, "--object", self.object),
                         [{"key": 7, "value": {"shortest": 3, "longest": 180}}])

    def test_so_does_the_name_that_the_user_gives(self):
        self.map("elsewhere")
        self.assertEqual(json.loads(self.dynmon(
            "dump", "name", "counters_of_each_host", "--object", self.object, "--format", "json",
            "--value-only").out), [{"key": 7, "value": {"shortest": 3, "longest": 180}}])

    def test_what_could_be_either_is_ambiguous(self):
        path = self.map("elsewhere")
        error = self.refused(harness.USAGE, "dump", path, "--object", self.object)
        self.assertIn("ambiguous: 'counters_of_each_port', 'counters_of_each_host' in ",
                      error["message"])
        self.assertIn("name WHOLE_NAME", error["hint"])

    def test_a_map_without_types_is_one_line_of_information(self):
        result = self.dynmon("dump", self.map("elsewhere"), "--format", "jsonl")
        self.assertEqual([line for line in result.err.splitlines() if "--object FILE" in line],
                         result.err.splitlines())
        self.assertEqual(len(result.err.splitlines()), 1)

    def test_such_an_object_is_loaded_as_little_as_before(self):
        self.refused(harness.USAGE, "load", "o", self.object, "--dev", "blue0", "--netns", "blue")


if __name__ == "__main__":
    harness.main()
