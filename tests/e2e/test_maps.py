#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""`dump` on maps of every kind: rows where the kernel gives entries or what they stand for, one
sentence where it does not."""
import json
import os
import pathlib
import re
import shutil
import socket
import struct
import unittest

import harness
import kernel
import wire
from harness import BPFFS

ZOO = BPFFS / "zoo"
SO_COOKIE = 57
BTF_LOAD = 18


def route(hops, via):
    return struct.pack("<I8s", hops, via.encode())


def number(value):
    return struct.pack("<I", value)


NEEDS_LATE = unittest.skipUnless(kernel.has_bloom_filters(), "no bloom filters")


class MapsTest(harness.Case):
    def setUp(self):
        super().setUp()
        self.load_all("zoo", ZOO)

    def load_all(self, name, folder):
        wire.command("bpftool", "prog", "loadall", str(harness.probe(name) / f"{name}.bpf.o"),
                     str(folder), "pinmaps", str(folder))
        self.at_end.append(lambda: shutil.rmtree(folder))

    def dump(self, *words):
        return json.loads(self.dynmon("dump", *words, "--format", "json", "--value-only").out)

    def csv(self, name, *words):
        return self.dynmon("dump", ZOO / name, "--format", "csv", *words).out.split("\r\n")[:-1]

    def fill(self, name, *entries):
        for key, value in entries:
            kernel.update(ZOO / name, key, value)

    def map_id(self, name):
        return kernel.object_id(ZOO / name)[1]

    def program_id(self):
        return kernel.object_id(ZOO / "zoo")[1]

    # Tries

    def test_keys_of_a_trie_are_prefixes(self):
        prefixes = {"10.0.0.0/8": 1, "10.1.0.0/16": 2, "192.168.7.1/32": 3, "0.0.0.0/0": 4}
        for text, hops in prefixes.items():
            address, length = text.split("/")
            self.fill("ZOO_TRIE4", (number(int(length)) + socket.inet_aton(address),
                                    route(hops, "a")))
        found = {row["key"]: row["value"] for row in self.dump(ZOO / "ZOO_TRIE4")}
        self.assertEqual(found, {text: {"hops": hops, "via": "a"}
                                 for text, hops in prefixes.items()})
        for condition, expected in (("key == 10.1.0.0/16", [2]), ("key == 10.0.0.0/9", []),
                                    ("key in (10.0.0.0/8, 192.168.7.1)", [1, 2, 3]),
                                    ("prefixlen >= 16 && hops != 3", [2])):
            rows = self.dump(ZOO / "ZOO_TRIE4", "--where", condition, "--sort", "hops")
            self.assertEqual([row["value"]["hops"] for row in rows], expected)
        six = socket.inet_pton(socket.AF_INET6, "2001:db8::")
        self.fill("ZOO_TRIE6", (number(32) + six, route(6, "six")))
        self.assertEqual(self.dump(ZOO / "ZOO_TRIE6"),
                         [{"key": "2001:db8::/32", "value": {"hops": 6, "via": "six"}}])
        self.assertEqual(self.csv("ZOO_TRIE6"), ["metric,key,value.hops,value.via",
                                                 "ZOO_TRIE6,2001:db8::/32,6,six"])

    def test_prefixes_are_filtered_by_what_they_lie_in_and_sorted_by_address(self):
        prefixes = ["0.0.0.0/0", "9.8.0.0/16", "10.0.0.0/8", "10.0.0.0/16", "10.0.0.0/32",
                    "10.1.0.0/16", "10.200.0.0/13", "192.168.7.1/32"]
        for hops, text in enumerate(prefixes):
            address, length = text.split("/")
            self.fill("ZOO_TRIE4", (number(int(length)) + socket.inet_aton(address),
                                    route(hops, "a")))
        keys = lambda *words: [row["key"] for row in self.dump(ZOO / "ZOO_TRIE4", "--sort", "key",
                                                               *words)]
        self.assertEqual(keys(), prefixes)
        self.assertEqual(keys("--top", "2"), prefixes[:2])
        for condition, expected in (
                ("key in 10.0.0.0/8", prefixes[2:7]), ("key == 10.0.0.0/16", ["10.0.0.0/16"]),
                ("key in (10.0.0.0/9, 192.168.0.0/16) && hops != 3", [
                    "10.0.0.0/32", "10.1.0.0/16", "192.168.7.1/32"]),
                ("key.prefixlen < 13 && key != 0.0.0.0/0", ["10.0.0.0/8"]),
                ("key == 10.0.0.0", ["10.0.0.0/32"]), ("key == 10.0.0.0/9", [])):
            with self.subTest(condition):
                self.assertEqual(keys("--where", condition), expected)
        self.fill("ZOO_TRIE6", *[(number(length) + socket.inet_pton(socket.AF_INET6, address),
                                  route(length, "six"))
                                 for address, length in (("2001:db8::", 32), ("2001:db8:1::", 48),
                                                         ("fd00::", 8))])
        rows = self.dump(ZOO / "ZOO_TRIE6", "--where", "key in 2001:db8::/32", "--sort", "-key")
        self.assertEqual([row["key"] for row in rows], ["2001:db8:1::/48", "2001:db8::/32"])
        error = self.refused(harness.USAGE, "dump", ZOO / "ZOO_TRIE4", "--where",
                             "key in 10.0.0.0/33")
        self.assertIn("column 8: '10.0.0.0/33' is not an IPv4 address or prefix such as 10.0.0.0/8",
                      error["message"])

    def test_raw_shows_the_parts_of_a_prefix(self):
        self.fill("ZOO_TRIE4", (number(8) + socket.inet_aton("10.0.0.0"), route(1, "a")))
        row, = self.dump(ZOO / "ZOO_TRIE4", "--raw")
        self.assertEqual(row["key"], {"prefixlen": 8, "address": 10})

    def test_a_trie_of_something_else_shows_its_struct(self):
        self.fill("ZOO_TRIE_PORT", (number(16) + b"\x00\x50" + bytes(2), route(1, "p")))
        row, = self.dump(ZOO / "ZOO_TRIE_PORT")
        self.assertEqual(row["key"], {"prefixlen": 16, "port": 80, "vlan": 0})

    def test_a_large_trie_is_complete(self):
        for i in range(3000):
            self.fill("ZOO_TRIE4", (number(32) + struct.pack(">I", i << 8), route(i, "")))
        rows = self.dump(ZOO / "ZOO_TRIE4")
        self.assertEqual(sorted(row["value"]["hops"] for row in rows), list(range(3000)))

    def test_a_trie_without_types(self):
        for key_size, key, expected in (
                (8, number(24) + bytes((10, 1, 2, 0)), "10.1.2.0/24"),
                (20, number(64) + socket.inet_pton(socket.AF_INET6, "fe80::"), "fe80::/64"),
                (7, number(9) + b"\x01\x02\x03", {"prefixlen": 9, "data": "010203"})):
            path = BPFFS / f"trie{key_size}"
            wire.command("bpftool", "map", "create", str(path), "type", "lpm_trie", "key",
                         str(key_size), "value", "4", "entries", "4", "name", path.name, "flags",
                         "1")
            kernel.update(path, key, number(5))
            self.assertEqual(self.dump(path), [{"key": expected, "value": 5}])
            path.unlink()

    # Arrays as memory

    def test_an_array_in_memory_is_mapped_and_not_looked_up(self):
        self.fill("ZOO_MMAP", (number(0), route(1, "first")), (number(4999), route(9, "last")))
        traced = self.folder / "calls"
        self.dynmon("dump", ZOO / "ZOO_MMAP", "--format", "json", "--value-only")
        process = self.start("dump", ZOO / "ZOO_MMAP", "--format", "json", "--value-only",
                             before=("strace", "-f", "-o", str(traced), "-e", "trace=bpf,mmap"))
        rows = json.loads(process.communicate(timeout=30)[0])
        self.assertEqual(len(rows), 5000)
        self.assertEqual(rows[0], {"hops": 1, "via": "first"})
        self.assertEqual(rows[4999], {"hops": 9, "via": "last"})
        self.assertEqual([row for row in rows[1:-1] if row != {"hops": 0, "via": ""}], [])
        calls = traced.read_text()
        self.assertIn("MAP_SHARED", calls)
        self.assertNotIn("BPF_MAP_LOOKUP", calls)

    def test_globals_by_name(self):
        self.assertEqual(self.dump(ZOO / "zoo_data"), [{"zoo_written": {"hops": 3, "via": "data"}}])
        self.assertEqual(self.dump(ZOO / "zoo_bss"), [{"zoo_zeroed": [0, 0]}])
        self.assertEqual(self.dump(ZOO / "zoo_rodata")[0]["zoo_constant"], 77) # frozen

    # Maps within maps

    def test_entries_of_all_inner_maps(self):
        self.fill("ZOO_INNER_ONE", (b"\x00\x50", route(1, "one")))
        self.fill("ZOO_INNER_TWO", (b"\x01\xbb", route(2, "two")))
        one, two = self.map_id("ZOO_INNER_ONE"), self.map_id("ZOO_INNER_TWO")
        rows = [{"key": {"outer": 1, "map_id": one, "key": 80}, "value": {"hops": 1, "via": "one"}},
                {"key": {"outer": 3, "map_id": two, "key": 443},
                 "value": {"hops": 2, "via": "two"}}]
        self.assertEqual(self.dump(ZOO / "ZOO_ARRAY_OF"), rows)
        for words in (("--where", "key.outer == 3 && key.key == 443"), ("--where", "map_id != "
                      f"{one}"), ("--sort", "-key.key", "--top", "1"), ("--where", "hops > 1")):
            self.assertEqual(self.dump(ZOO / "ZOO_ARRAY_OF", *words), rows[1:])
        self.assertEqual(self.dump(ZOO / "ZOO_ARRAY_OF", "--columns", "outer,key.key,hops"),
                         [{"key": {"outer": row["key"]["outer"], "key": row["key"]["key"]},
                           "value": {"hops": row["value"]["hops"]}} for row in rows])
        wire.command("bpftool", "map", "update", "pinned", str(ZOO / "ZOO_HASH_OF"), "key", "10",
                     "0", "0", "1", "value", "pinned", str(ZOO / "ZOO_INNER_TWO"))
        # The kernel keeps no types of this map: the outer key's are of the program's BTF.
        self.assertEqual(self.dump(ZOO / "ZOO_HASH_OF"),
                         [{"key": {"outer": "10.0.0.1", "map_id": two, "key": 443},
                           "value": {"hops": 2, "via": "two"}}])
        self.assertEqual(self.csv("ZOO_ARRAY_OF"),
                         ["metric,key.outer,key.map_id,key.key,value.hops,value.via",
                          f"ZOO_ARRAY_OF,1,{one},80,1,one", f"ZOO_ARRAY_OF,3,{two},443,2,two"])

    def test_an_inner_map_without_types_takes_them_from_the_outer_ones_definition(self):
        path = BPFFS / "inner"
        wire.command("bpftool", "map", "create", str(path), "type", "hash", "key", "2", "value",
                     "12", "entries", "8", "name", "inner")
        self.at_end.append(path.unlink)
        kernel.update(path, b"\x00\x16", route(4, "four"))
        wire.command("bpftool", "map", "update", "pinned", str(ZOO / "ZOO_HASH_OF"), "key", "10",
                     "0", "0", "9", "value", "pinned", str(path))
        row, = self.dump(ZOO / "ZOO_HASH_OF")
        self.assertEqual((row["key"]["outer"], row["key"]["key"], row["value"]),
                         ("10.0.0.9", 22, {"hops": 4, "via": "four"}))

    def of_maps(self, *inner):
        """An array of maps with one map within, neither with types."""
        wire.command("bpftool", "map", "create", str(BPFFS / "inner"), *inner, "name", "inner")
        wire.command("bpftool", "map", "create", str(BPFFS / "outer"), "type", "array_of_maps",
                     "key", "4", "value", "4", "entries", "2", "name", "outer", "inner_map",
                     "pinned", str(BPFFS / "inner"))
        self.at_end += [(BPFFS / "inner").unlink, (BPFFS / "outer").unlink]
        wire.command("bpftool", "map", "update", "pinned", str(BPFFS / "outer"), "key", "0", "0",
                     "0", "0", "value", "pinned", str(BPFFS / "inner"))
        return kernel.object_id(BPFFS / "inner")[1]

    def test_an_inner_map_may_be_per_cpu_or_an_array(self):
        number_of = self.of_maps("type", "percpu_array", "key", "4", "value", "8", "entries", "2")
        kernel.update(BPFFS / "inner", number(1), struct.pack("<Q", 5) * os.cpu_count())
        rows = [{"key": {"outer": 0, "map_id": number_of, "key": at},
                 "value": 5 * at * os.cpu_count()} for at in (0, 1)]
        self.assertEqual(self.dump(BPFFS / "outer", "--merge", "sum"), rows)
        lists = self.dump(BPFFS / "outer")
        self.assertEqual(lists[1]["value"], [5] * os.cpu_count())

    def test_inner_queues_have_no_keys_and_inner_rings_only_ids(self):
        number_of = self.of_maps("type", "queue", "key", "0", "value", "4", "entries", "2")
        self.push(BPFFS / "inner", number(9))
        self.assertEqual(self.dump(BPFFS / "outer"),
                         [{"key": {"outer": 0, "map_id": number_of}, "value": 9}])
        for name in ("outer", "inner"):
            (BPFFS / name).unlink()
        self.at_end = self.at_end[:-2]
        number_of = self.of_maps("type", "ringbuf", "key", "0", "value", "0", "entries", "4096")
        result = self.dynmon("dump", BPFFS / "outer", "--format", "json", "--value-only")
        self.assertEqual(result.json(), [{"key": 0, "value": {"map_id": number_of}}])
        self.assertIn("only their ids are shown", result.err)

    def test_an_outer_map_without_inner_ones_is_empty(self):
        self.assertEqual(self.dump(ZOO / "ZOO_HASH_OF"), [])

    # Ids and handles

    def test_a_prog_array_names_its_programs(self):
        with kernel.closing(kernel.open_pin(ZOO / "zoo")) as program:
            self.fill("ZOO_PROGRAMS", (number(2), number(program)))
        tag = json.loads(wire.command("bpftool", "-j", "prog", "show", "pinned",
                                      str(ZOO / "zoo")))["tag"]
        row = {"id": self.program_id(), "name": "zoo", "type": "xdp", "tag": tag}
        self.assertEqual(self.dump(ZOO / "ZOO_PROGRAMS"), [{"key": 2, "value": row}])

    def test_without_cap_sys_admin_there_are_ids_only_and_maps_within_are_refused(self):
        with kernel.closing(kernel.open_pin(ZOO / "zoo")) as program:
            self.fill("ZOO_PROGRAMS", (number(2), number(program)))
        less = ("setpriv", "--bounding-set", "-sys_admin")
        process = self.start("dump", ZOO / "ZOO_PROGRAMS", "--format", "json", "--value-only",
                             before=less)
        self.assertEqual(json.loads(process.communicate(timeout=30)[0]),
                         [{"key": 2, "value": {"id": self.program_id()}}])
        process = self.start("dump", ZOO / "ZOO_ARRAY_OF", before=less)
        self.assertIn("needs CAP_SYS_ADMIN", process.communicate(timeout=30)[1])
        self.assertEqual(process.returncode, harness.FAILED)

    def test_devices_and_cpus(self):
        lo = socket.if_nametoindex("lo")
        self.fill("ZOO_DEVICES", (number(1), struct.pack("<Ii", lo, 0)))
        self.assertEqual(self.dump(ZOO / "ZOO_DEVICES"),
                         [{"key": 1, "value": {"ifindex": "1 (lo)", "program_id": 0, "program": ""}}])
        self.fill("ZOO_DEVHASH", (number(77), number(lo)))
        self.assertEqual(self.dump(ZOO / "ZOO_DEVHASH"),
                         [{"key": 77, "value": {"ifindex": "1 (lo)"}}])
        self.fill("ZOO_CPUS", (number(0), struct.pack("<Ii", 192, 0)))
        self.assertEqual(self.dump(ZOO / "ZOO_CPUS"),
                         [{"key": 0, "value": {"qsize": 192, "program_id": 0, "program": ""}}])

    def test_devices_and_cpus_name_the_programs_that_run_behind_them(self):
        lo = socket.if_nametoindex("lo")  # shown with its name
        for name, program, first, what in (("ZOO_DEVICES", "zoo_device", lo, "ifindex"),
                                           ("ZOO_CPUS", "zoo_cpu", 64, "qsize")):
            with kernel.closing(kernel.open_pin(ZOO / program)) as fd:
                self.fill(name, (number(1), struct.pack("<Ii", first, fd)))
            row = {what: "1 (lo)" if what == "ifindex" else first,
                   "program_id": kernel.object_id(ZOO / program)[1], "program": program}
            self.assertEqual(self.dump(ZOO / name), [{"key": 1, "value": row}])

    def listener(self):
        listener = socket.create_server(("0.0.0.0", 0))
        self.addCleanup(listener.close)
        return listener, struct.unpack("<Q", listener.getsockopt(socket.SOL_SOCKET, SO_COOKIE, 8))[0]

    def test_sockets_are_shown_by_their_cookies(self):
        listener, cookie = self.listener()
        value = struct.pack("<Q", listener.fileno())
        self.fill("ZOO_SOCKETS", (number(3), value))
        self.assertEqual(self.dump(ZOO / "ZOO_SOCKETS"), [{"key": 3, "value": {"cookie": cookie}}])
        self.fill("ZOO_SOCKHASH", (struct.pack("<Q", 12), value))
        self.assertEqual(self.dump(ZOO / "ZOO_SOCKHASH"),
                         [{"key": 12, "value": {"cookie": cookie}}])

    def test_struct_ops_by_the_types_of_the_kernel(self):
        types = wire.command("bpftool", "btf", "dump", "file", "/sys/kernel/btf/vmlinux")
        found = re.search(r"\[(\d+)\] STRUCT 'bpf_struct_ops_tcp_congestion_ops' size=(\d+)", types)
        if not found:
            self.skipTest("this kernel has no struct_ops of congestion control")
        number, size = map(int, found.groups())
        # One int: the kernel wants some BTF with it.
        text, integer = b"\0int\0", struct.pack("<IIII", 1, 1 << 24, 4, 32)
        btf = struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, 16, 16, len(text)) + integer + text
        buffer = kernel.ctypes.create_string_buffer(btf, len(btf))
        self.at_end.append((BPFFS / "congestion").unlink)
        with kernel.unlimited_memory(), kernel.closing(kernel.bpf(BTF_LOAD, struct.pack(
                "<QQII", kernel.ctypes.addressof(buffer), 0, len(btf), 0))) as types_fd:
            made = kernel.bpf(kernel.MAP_CREATE, struct.pack("<7I16s5I", 26, 4, size, 1, 0, 0, 0, b"cc", 0,
                                                      types_fd, 0, 0, number))
            with kernel.closing(made):
                kernel.pin(made, BPFFS / "congestion")
        row, = self.dump(BPFFS / "congestion")
        self.assertEqual((row["key"], row["value"].get("common", row["value"])["state"]),
                         (0, "BPF_STRUCT_OPS_STATE_INIT"))
        self.assertEqual((row["value"]["data"]["name"], row["value"]["data"]["flags"]), ("", 0))

    def test_stacks_without_entries(self):
        self.assertEqual(self.dump(ZOO / "ZOO_STACKS"), [])

    # Local storage

    def late(self, name):
        """A map of a kind that came after Linux 5.10."""
        folder = BPFFS / "late"
        self.load_all("zoo_late", folder)
        return folder / name

    @NEEDS_LATE
    def test_storage_of_tasks(self):
        tasks = self.late("ZOO_TASKS")
        with kernel.closing(os.pidfd_open(os.getpid())) as pidfd:
            kernel.update(tasks, number(pidfd), route(1, "task"))
        comm = pathlib.Path("/proc/self/comm").read_text().strip()
        self.assertEqual(self.dump(tasks),
                         [{"key": {"pid": os.getpid(), "tid": os.getpid(), "comm": comm},
                           "value": {"hops": 1, "via": "task"}}])

    def test_storage_of_cgroups(self):
        mounts = [line.split() for line in pathlib.Path("/proc/self/mounts").read_text().splitlines()]
        root = next((mount[1] for mount in mounts if mount[2] == "cgroup2"), None)
        if root is None:
            self.skipTest("no cgroup2 is mounted here")
        release = tuple(map(int, re.match(r"(\d+)\.(\d+)", os.uname().release).groups()))
        if release < (6, 2):
            self.skipTest("storage of cgroups is new in Linux 6.2")
        self.load_all("zoo_cgroups", BPFFS / "cgroups")
        storage = BPFFS / "cgroups" / "ZOO_CGRP"
        group = pathlib.Path(root) / f"dynmon-test-{os.urandom(4).hex()}"
        group.mkdir()
        self.at_end.append(group.rmdir)
        with kernel.closing(os.open(group, os.O_RDONLY)) as directory:
            kernel.update(storage, number(directory), route(2, "group"))
        self.assertEqual(self.dump(storage),
                         [{"key": {"id": group.stat().st_ino, "path": f"/{group.name}"},
                           "value": {"number": 2, "text": "group"}}])

    def test_storage_of_sockets_lists_each_once(self):
        listener, cookie = self.listener()
        second = listener.dup()
        self.addCleanup(second.close)
        self.fill("ZOO_SK", (number(listener.fileno()), route(3, "sock")))
        row, = self.dump(ZOO / "ZOO_SK")
        self.assertEqual(row, {"key": {"cookie": cookie, "pid": os.getpid(),
                                       "comm": row["key"]["comm"]},
                               "value": {"hops": 3, "via": "sock"}})

    # What has no rows

    def assert_not_listed(self, path, kind, reason):
        error = self.refused(harness.UNSUPPORTED, "dump", path)
        self.assertIn(f"map '{path.name}' is of type {kind}", error["message"])
        self.assertIn(reason, error["message"])

    @NEEDS_LATE
    def test_a_bloom_filter_cannot_be_listed(self):
        self.assert_not_listed(self.late("ZOO_BLOOM"), "bloom_filter",
                               "only answers whether a value may be in it")

    def test_what_cannot_be_listed_says_why(self):
        for name, kind, reason in (
                ("ZOO_XSK", "xskmap", "does not say which AF_XDP sockets"),
                ("ZOO_CGROUPS", "cgroup_array", "does not say which cgroups"),
                ("ZOO_INODES", "inode_storage", "only by an open file of each"),
                ("ZOO_SOCKETS4", "sockmap", "only where values have 8"),
                ("ZOO_RING", "ringbuf", "can be read once only"),
                ("ZOO_PERF", "perf_event_array", "can be read once only")):
            with self.subTest(name):
                self.assert_not_listed(ZOO / name, kind, reason)
        self.assertIn("dynmon-load stream",
                      self.refused(harness.UNSUPPORTED, "dump", ZOO / "ZOO_RING")["hint"])

    # Types that the kernel does not keep

    def push(self, name, *values):
        for value in values:
            with kernel.closing(kernel.open_pin(ZOO / name)) as fd:  # an absolute name stays
                buffer = kernel.ctypes.create_string_buffer(value, len(value))
                kernel.bpf(kernel.MAP_UPDATE,
                           struct.pack("<I4xQQQ", fd, 0, kernel.ctypes.addressof(buffer), 0))

    def test_a_queue_is_decoded_by_the_types_of_its_program(self):
        self.push("ZOO_QUEUE", route(1, "head"), route(2, "tail"))
        self.assertEqual(self.dump(ZOO / "ZOO_QUEUE"), [{"hops": 1, "via": "head"}])
        self.assertEqual(self.dump(ZOO / "ZOO_QUEUE", "--pop"),
                         [{"hops": 1, "via": "head"}, {"hops": 2, "via": "tail"}])
        # The kernel keeps 15 characters of this name.
        self.push("ZOO_QUEUE_OF_A_LONG_NAME", route(3, "long"))
        self.assertEqual(self.dump(ZOO / "ZOO_QUEUE_OF_A_LONG_NAME"), [{"hops": 3, "via": "long"}])

    def test_types_from_an_object(self):
        path = BPFFS / "theirs"
        wire.command("bpftool", "map", "create", str(path), "type", "hash", "key", "2", "value",
                     "12", "entries", "8", "name", "ZOO_INNER_ONE")
        self.at_end.append(path.unlink)
        kernel.update(path, b"\x00\x50", route(1, "o"))
        self.assertEqual(self.dump(path), [{"key": 20480, "value": route(1, "o").hex()}])
        zoo = harness.probe("zoo") / "zoo.bpf.o"
        self.assertEqual(self.dump(path, "--object", zoo),
                         [{"key": 80, "value": {"hops": 1, "via": "o"}}])
        error = self.refused(harness.USAGE, "dump", path, "--object",
                             harness.probe("plain") / "plain.bpf.o")
        self.assertIn("no map 'ZOO_INNER_ONE' in ", error["message"])
        self.assertIn("PLAIN_SEEN", error["hint"])
        error = self.refused(harness.USAGE, "dump", path, "--object", self.folder / "none.o")
        self.assertIn("none.o", error["message"])

    def test_globals_without_types_take_them_from_an_object(self):
        path = BPFFS / "globals"
        wire.command("bpftool", "map", "create", str(path), "type", "array", "key", "4", "value",
                     "12", "entries", "1", "name", "zoo.data")
        self.at_end.append(path.unlink)
        kernel.update(path, number(0), route(8, "theirs"))
        self.assertEqual(self.dump(path), [route(8, "theirs").hex()])
        self.assertEqual(self.dump(path, "--object", harness.probe("zoo") / "zoo.bpf.o"),
                         [{"zoo_written": {"hops": 8, "via": "theirs"}}])

    # Finding a map

    def test_a_name_opens_only_the_maps_that_have_it(self):
        try:
            (BPFFS / "maps.debug").read_text()
        except OSError as error:  # not built in, or listed in the folder but not to be opened
            self.skipTest(f"this kernel's bpffs has no list of maps: {error}")
        path = BPFFS / "wanted"
        name = f"e2e_{os.urandom(4).hex()}"
        wire.command("bpftool", "map", "create", str(path), "type", "array", "key", "4", "value",
                     "4", "entries", "1", "name", name)
        self.at_end.append(path.unlink)
        traced = self.folder / "calls"
        process = self.start("dump", "name", name, "--format", "json", "--value-only",
                             before=("strace", "-f", "-o", str(traced), "-e", "trace=bpf"))
        self.assertEqual(json.loads(process.communicate(timeout=30)[0]), [0])
        self.assertEqual(traced.read_text().count("BPF_MAP_GET_FD_BY_ID"), 1)

    def test_a_map_of_a_monitor_by_its_name(self):
        self.load("t", "tally")
        self.assertEqual(self.dump("t/TALLY"), [])
        self.assertEqual(self.dump("t/tally_all"), [0])  # by its metric
        self.assertEqual(self.dump("t/.data.dynmon_meter"), [{"dynmon_meter_on": 0}])
        error = self.refused(harness.USAGE, "dump", "t/TALY")
        self.assertEqual((error["message"], error["hint"]),
                         ("monitor 't' has no map 'TALY'", "did you mean 'TALLY'?"))
        self.assertIn("no monitor 'u'", self.refused(harness.FAILED, "dump", "u/TALLY")["message"])


if __name__ == "__main__":
    harness.main()
