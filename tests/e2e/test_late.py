#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Maps that only the newest kernels have: ring buffers that overwrite, hashes that grow."""
import json
import os
import shutil
import signal
import struct
import unittest

import frames
import harness
import kernel
import published
import wire
from harness import BPFFS

RINGBUF, RHASH = 27, 35
NO_PREALLOC, OVERWRITE, NOBODY_KNOWS = 1 << 0, 1 << 19, 1 << 25


def can_make(*facts):
    try:
        os.close(kernel.make_map(*facts))
    except OSError:
        return False
    return True


NEEDS_OVERWRITE = unittest.skipUnless(can_make(RINGBUF, 0, 0, 4096, OVERWRITE),
                                      "no BPF_F_RB_OVERWRITE")
NEEDS_RHASH = unittest.skipUnless(can_make(RHASH, 4, 8, 16, NO_PREALLOC), "no RHASH")


class LateCase(harness.Case):
    def load_all(self, name):
        folder = BPFFS / name
        wire.command("bpftool", "prog", "loadall", str(harness.probe(name) / f"{name}.bpf.o"),
                     str(folder), "pinmaps", str(folder))
        self.at_end.append(lambda: shutil.rmtree(folder))
        return folder

    def pinned(self, name, *facts):
        """The pin of a map without types."""
        path = BPFFS / name
        with kernel.closing(kernel.make_map(*facts)) as fd:
            kernel.pin(fd, path)
        self.at_end.append(path.unlink)
        return path


class FlagsTest(LateCase):
    """The kernel itself has refused what it does not know."""

    def test_a_kernel_makes_no_ring_with_a_flag_that_nobody_knows(self):
        self.assertFalse(can_make(RINGBUF, 0, 0, 4096, NOBODY_KNOWS))
        self.assertTrue(can_make(RINGBUF, 0, 0, 4096, 0))


@NEEDS_OVERWRITE
class OverwriteTest(LateCase):
    """Every event is printed once or counted, and none is torn."""
    KEPT = 4095 // 24  # one byte of the ring always stays free

    def setUp(self):
        super().setUp()
        self.rings = self.load_all("zoo_overwrite")
        self.frame = self.folder / "frame"
        self.frame.write_bytes(frames.plain(60))

    def run_program(self, count):
        wire.command("bpftool", "prog", "run", "pinned", str(self.rings / "zoo_overwrite"),
                     "data_in", str(self.frame), "repeat", str(count))

    def parsed(self, text):
        lines = text.splitlines()
        for line in lines[:3] + lines[-3:]:
            published.require_one(self, "stream-line", line)
        return [json.loads(line) for line in lines]

    def stream(self, name, *words):
        result = self.dynmon("stream", self.rings / name, "--timeout", "300ms", *words)
        return self.parsed(result.out), result.err

    def numbers(self, lines):
        events = [line["event"] for line in lines if "event" in line]
        for event in events:
            self.assertEqual((event["again"], event["twice"]),
                             (event["number"], 2 * event["number"]))
        return [event["number"] for event in events]

    def test_it_begins_at_the_oldest_event_and_counts_those_that_are_gone(self):
        self.run_program(1000)
        lines, err = self.stream("ZOO_NEWS")
        gone = 1000 - self.KEPT
        self.assertEqual(lines[0], {"overwritten": gone, "bytes": 24 * gone})
        self.assertEqual(self.numbers(lines), list(range(gone, 1000)))
        self.assertIn(f"{self.KEPT} events, 0 lost, {gone} overwritten before they were read", err)
        # Each event once.
        lines, err = self.stream("ZOO_NEWS")
        self.assertEqual(lines, [])
        self.assertIn("0 events, 0 lost", err)
        self.run_program(5)
        self.assertEqual(self.numbers(self.stream("ZOO_NEWS")[0]), list(range(1000, 1005)))

    def test_count_leaves_what_comes_after(self):
        self.run_program(300)
        lines, _ = self.stream("ZOO_NEWS", "--count", "3")
        first = 300 - self.KEPT
        self.assertEqual(self.numbers(lines), list(range(first, first + 3)))
        lines, _ = self.stream("ZOO_NEWS", "--count", "2")
        self.assertEqual(self.numbers(lines), [first + 3, first + 4])

    def test_of_events_that_differ_in_size_the_bytes_are_counted(self):
        self.run_program(1000)
        lines, err = self.stream("ZOO_MIXED")
        events = [line for line in lines if "size" in line]
        left = sum(line["size"] + 8 for line in events)
        lost = [line for line in lines if "overwritten" in line]
        self.assertEqual({line["size"] for line in events}, {8, 16})
        self.assertEqual(sum(line["bytes"] for line in lost), 500 * 16 + 500 * 24 - left)
        self.run_program(1000)
        lines, err = self.stream("ZOO_MIXED")
        self.assertIsNone(lines[0]["overwritten"])
        self.assertIn(f"{lines[0]['bytes']} bytes overwritten before they were read", err)

    def test_a_reader_that_is_overtaken_again_and_again_misses_none_uncounted(self):
        path = self.folder / "lines"
        with open(path, "w") as out:
            process = self.start("stream", self.rings / "ZOO_NEWS", stdout=out)
        sent = 0
        for count in (100, 20_000, 1, 50_000, 500):
            self.run_program(count)
            sent += count

        def accounted():
            lines = path.read_text().rpartition("\n")[0].splitlines()
            self.lines = [json.loads(line) for line in lines]
            return sent == sum(line.get("overwritten", 1) for line in self.lines)

        self.eventually(accounted, "every event has come or is counted", 30)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(30), 0, process.stderr.read())
        numbers = self.numbers(self.lines)
        self.assertEqual(numbers, sorted(set(numbers)))
        self.assertEqual(numbers[-1], sent - 1)


@NEEDS_RHASH
class RhashTest(LateCase):
    def dump(self, *words):
        return json.loads(self.dynmon("dump", *words, "--format", "json").out)

    def test_keys_and_values_are_decoded_by_their_types(self):
        folder = self.load_all("zoo_rhash")
        kernel.fill(folder / "ZOO_RHASH", [(struct.pack("<I", n), struct.pack("<I8s", n % 7, b"via"))
                                           for n in range(5000)])
        document = self.dump(folder / "ZOO_RHASH")
        metric, = document["ingress-metrics"]
        self.assertEqual(metric["type"], "rhash")
        self.assertEqual({row["key"]: row["value"] for row in metric["value"]},
                         {n: {"hops": n % 7, "via": "via"} for n in range(5000)})
        result = self.dynmon("dump", folder / "ZOO_RHASH", "--where", "hops == 3", "--sort", "key",
                             "--top", "2")
        self.assertIn("ZOO_RHASH  rhash  top 2 of 714 rows, 4286 filtered out", result.out)

    def test_without_types_they_are_numbers(self):
        path = self.pinned("untyped", RHASH, 4, 8, 16, NO_PREALLOC)
        kernel.update(path, struct.pack("<I", 5), struct.pack("<Q", 6))
        self.assertEqual(self.dump(path)["ingress-metrics"][0]["value"], [{"key": 5, "value": 6}])


if __name__ == "__main__":
    harness.main()
