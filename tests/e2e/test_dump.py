#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""`dump`: any map of any program, decoded; queues only as far as they can be seen."""
import json
import os
import shutil
import struct
import subprocess

import frames
import harness
import kernel
import wire
from harness import BPFFS, STORE


class DumpTest(harness.Case):
    def dump(self, *words):
        return json.loads(self.dynmon("dump", *words, "--format", "json", "--value-only").out)

    def generation(self, name, number=1):
        return STORE / "monitors" / name / f"g{number}"

    def map_id(self, path):
        return json.loads(wire.command("bpftool", "-j", "map", "show", "pinned", str(path)))["id"]

    def foreign(self, name, *words):
        """A map that dynmon did not make."""
        path = BPFFS / name
        wire.command("bpftool", "map", "create", str(path), *words)
        self.at_end.append(path.unlink)
        return path

    def test_a_pin_of_a_monitor_is_decoded_by_its_types(self):
        self.load("f", "flows")
        self.receive(*[frames.ipv4(frames.udp(1, 53), frames.UDP)] * 2)
        entry, = self.dump(self.generation("f") / "FLOWS_INGRESS-a")
        self.assertEqual(entry["key"], {"saddr": "10.0.0.1", "daddr": "10.0.0.2", "sport": 1,
                                        "dport": 53, "proto": "UDP", "ip_version": 4, "vlan": 0})
        self.assertEqual((entry["value"]["packets"], entry["value"]["bytes"]), (2, 56))
        # Looking takes nothing away.
        self.assertEqual(len(self.value(self.window("f"), "flows")), 1)

    def test_what_is_no_pin_is_said_to_be_none(self):
        for words, said in ((("/etc/passwd",), "/etc/passwd is not on a BPF file system"),
                            (("pinned", "/etc/passwd"), "/etc/passwd is not on a BPF file system"),
                            (("",), "MAP is empty"), (("pinned", ""), "MAP is empty")):
            for verb in ("dump", "stream"):
                error = self.refused(harness.USAGE, verb, *words)
                self.assertEqual(error["message"], said)
                self.assertNotIn("another user", error["hint"])

    def test_an_id_and_a_word_for_pins_lead_to_the_same_map(self):
        self.load("t", "tally")
        self.receive(*[frames.plain(60)] * 3)
        path = self.generation("t") / "TALLY"
        expected = [{"key": 60, "value": {"packets": 3}}]
        self.assertEqual(self.dump("id", self.map_id(path)), expected)
        self.assertEqual(self.dump("pinned", path), expected)

    def named(self, pin, name, value):
        """A map with one element, found by a name that is known to all of the machine."""
        path = self.foreign(pin, "type", "array", "key", "4", "value", "4", "entries", "1", "name",
                            name)
        wire.command("bpftool", "map", "update", "pinned", str(path), "key", "0", "0", "0", "0",
                     "value", str(value), "0", "0", "0")
        return self.map_id(path)

    def test_a_name_leads_to_the_only_map_that_has_it(self):
        name = f"e2e_{os.urandom(4).hex()}"
        self.named("one", name, 7)
        self.assertEqual(self.dump("name", name), [7])
        # The kernel keeps 15 characters.
        longer = f"e2e_long_{os.urandom(3).hex()}"
        self.named("two", longer, 8)
        self.assertEqual(self.dump("name", longer + "_and_more"), [8])

    def test_a_name_that_several_maps_have_is_refused_with_their_ids(self):
        name = f"e2e_{os.urandom(4).hex()}"
        one, two = sorted((self.named("one", name, 1), self.named("two", name, 2)))
        error = self.refused(harness.USAGE, "dump", "name", name)
        self.assertIn(f"2 maps have the name '{name}'", error["message"])
        self.assertEqual(error["hint"], f"say which: `id N`, with N one of {one}, {two}")

    def test_a_large_map_read_ahead_on_a_second_cpu_is_the_same(self):
        count = 20_000  # more than the batches that are read before a thread starts
        path = self.foreign("large", "type", "hash", "key", "4", "value", "8", "entries",
                            str(count), "name", "large")
        kernel.fill(path, ((struct.pack("=I", i), struct.pack("=Q", i * i))
                           for i in range(count)))
        for options in (("--format", "csv"), ("--format", "json", "--raw", "--value-only")):
            alone = self.dynmon("dump", path, *options)
            ahead = self.dynmon("dump", path, *options, "--read-ahead", "2")
            self.assertEqual(alone.out, ahead.out)
        entries = self.dump(path, "--read-ahead", "2")
        self.assertEqual(sorted((e["key"], e["value"]) for e in entries),
                         [(i, i * i) for i in range(count)])
        self.assertIn("--read-ahead", self.refused(harness.USAGE, "dump", path, "--read-ahead", "3")["message"])

    def test_a_reader_that_goes_away_ends_a_dump_that_reads_ahead(self):
        count = 20_000
        path = self.foreign("large", "type", "hash", "key", "4", "value", "8", "entries",
                            str(count), "name", "large")
        kernel.fill(path, ((struct.pack("=I", i), bytes(8)) for i in range(count)))
        dump = subprocess.Popen([harness.DYNMON, "dump", path, "--format", "json", "--read-ahead", "2"],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        dump.stdout.read(1)
        dump.stdout.close()
        error = dump.stderr.read().decode()
        self.assertEqual(dump.wait(timeout=60), harness.FAILED)
        self.assertIn("write output: broken pipe (EPIPE)", error)

    def test_per_cpu_values_are_added_up_or_listed(self):
        self.load("k", "kinds")
        self.receive(*[frames.plain(60)] * 4)
        path = self.generation("k") / "KIND_CPU_HASH"
        self.assertEqual(self.dump(path), [{"key": 60, "value": 4}])
        entry, = self.dump(path, "--merge", "none")
        self.assertEqual(sum(entry["value"]), 4)
        self.assertEqual(len(entry["value"]), os.cpu_count())
        self.assertLessEqual(self.dump(path, "--merge", "max")[0]["value"], 4)
        error = self.refused(harness.USAGE, "dump", "k/KIND_HASH", "--merge", "max")
        self.assertIn("--merge is for per-CPU maps, and 'KIND_HASH' is none", error["message"])

    def per_cpu(self, name, value_size, entries):
        """A map of another owner without types, and how many CPUs there are."""
        path = self.foreign(name, "type", "percpu_hash", "key", "4", "value", str(value_size),
                            "entries", "4", "name", name)
        cpus = kernel.possible_cpus()
        stride = -(-value_size // 8) * 8
        kernel.fill(path, [(struct.pack("<I", key), b"".join(
            value.ljust(stride, b"\0") for value in values[:cpus]).ljust(stride * cpus, b"\0"))
                           for key, values in entries])
        return path, cpus

    def test_cpus_of_a_map_of_somebody_else_are_listed_unless_they_are_asked_to_be_one(self):
        number = lambda value: struct.pack("<I", value)
        path, cpus = self.per_cpu("counts", 4, [(7, [number(4_000_000_000), number(10**9)])])
        each = ([4_000_000_000, 10**9] + [0] * cpus)[:cpus]
        self.assertEqual(self.dump(path), [{"key": 7, "value": each}])
        total = sum(each)  # more than 32 bits have room for
        self.assertEqual(self.dump(path, "--merge", "sum"), [{"key": 7, "value": total}])
        self.assertEqual(self.dump(path, "--merge", "sum", "--where", f"value == {total}"),
                         [{"key": 7, "value": total}])
        rows = self.dynmon("dump", path, "--merge", "sum", "--format", "csv").out.split("\r\n")
        self.assertEqual(rows[1], f"counts,7,{total}")

    def test_bytes_of_each_cpu_are_listed_and_no_rule_makes_one_of_them_in_silence(self):
        path, cpus = self.per_cpu("bytes", 12, [(1, [b"first cpu", b"second cpu"])])
        each = [value.ljust(12, b"\0").hex() for value in ([b"first cpu", b"second cpu"]
                                                          + [b""] * cpus)[:cpus]]
        self.assertEqual(self.dump(path), [{"key": 1, "value": each}])
        for rule in ("sum", "max", "or"):
            error = self.refused(harness.USAGE, "dump", path, "--merge", rule)
            self.assertIn(f"--merge: merge '{rule}' does not fit 'value': bytes are neither added "
                          "up nor compared", error["message"])
        self.assertEqual(self.dump(path, "--merge", "first"), [{"key": 1, "value": each[0]}])

    def test_a_map_of_somebody_else_without_types_is_shown_as_numbers(self):
        path = self.foreign("theirs", "type", "hash", "key", "4", "value", "8", "entries", "4",
                            "name", "theirs")
        wire.command("bpftool", "map", "update", "pinned", str(path), "key", "7", "0", "0", "0",
                     "value", "0", "1", "0", "0", "0", "0", "0", "0")
        self.assertEqual(self.dump(path), [{"key": 7, "value": 256}])
        self.assertEqual(self.dump("id", self.map_id(path)), [{"key": 7, "value": 256}])

    def test_a_map_of_somebody_else_with_types_is_decoded_by_them(self):
        wire.command("bpftool", "prog", "loadall", str(harness.probe("plain") / "plain.bpf.o"),
                     str(BPFFS / "theirs"), "pinmaps", str(BPFFS / "theirs"))
        self.at_end.append(lambda: shutil.rmtree(BPFFS / "theirs"))
        path = BPFFS / "theirs" / "PLAIN_SEEN"
        self.assertEqual(self.dump(path), [{"packets": 0}])
        wire.command("bpftool", "map", "update", "pinned", str(path), "key", "0", "0", "0", "0",
                     "value", "5", "0", "0", "0", "0", "0", "0", "0")
        self.assertEqual(self.dump(path), [{"packets": 5}])

    def test_of_a_queue_the_head_is_shown_and_pop_takes_all(self):
        self.load("k", "kinds")
        self.receive(frames.plain(60), frames.plain(70), frames.plain(80))
        lengths = lambda *words: [item["length"] for item in self.dump(*words)]
        queue, stack = (self.generation("k") / name for name in ("KIND_QUEUE", "KIND_STACK"))
        self.assertEqual((lengths(queue), lengths(stack)), ([60], [80]))
        self.assertIn("only its head is shown", self.dynmon("dump", queue).err)
        self.assertEqual((lengths(queue, "--pop"), lengths(stack, "--pop")),
                         ([60, 70, 80], [80, 70, 60]))
        self.assertEqual((lengths(queue), lengths(stack)), ([], []))

    def test_formats(self):
        self.load("t", "tally")
        self.receive(*[frames.plain(60)] * 3, *[frames.plain(100)] * 5)
        path = self.generation("t") / "TALLY"
        rows = self.dynmon("dump", path, "--format", "csv").out.split("\r\n")
        self.assertEqual(rows[0], "metric,key,value.packets")
        self.assertEqual(sorted(rows[1:3]), ["TALLY,100,5", "TALLY,60,3"])
        lines = self.dynmon("dump", path, "--sort", "-packets").out.splitlines()
        self.assertEqual(lines, ["TALLY  hash  2 rows", "key  packets", "100        5",
                                 " 60        3"])

    def test_an_id_beyond_32_bits_is_not_another_one(self):
        for number in "4294967296", "99999999999999999999", "-1", "1x", "":
            self.assertIn("names no map",
                          self.refused(harness.USAGE, "dump", "id", number)["message"])

    def test_what_is_no_map_is_refused_by_name(self):
        self.load("t", "tally")
        program = self.generation("t") / "prog-ingress-a"
        cases = [((BPFFS / "nothing",), "no pin /sys/fs/bpf/nothing"),
                 ((STORE,), f"{STORE} is a directory, not a map"),
                 ((program,), f"{program} is not a map"),
                 (("id", "4294967295"), "open map id 4294967295"),
                 (("id", "12x"), "'id 12x' names no map"),
                 (("name", "nobody"), "no map has the name 'nobody'"),
                 ((self.generation("t") / "TALLY", "--pop"), "--pop is for queues and stacks")]
        for words, message in cases:
            self.assertIn(message, self.refused(harness.USAGE, "dump", *words)["message"])


if __name__ == "__main__":
    harness.main()
