#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Exactness: a known number of packets from several CPUs, both ways, while windows are swapped,
probes replaced and monitors share a hook. Every packet and byte is in exactly one window."""
import json
import os
import pathlib
import select
import signal
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

import frames  # noqa: E402
import harness  # noqa: E402
import kernel  # noqa: E402
import ledger  # noqa: E402

STORM = harness.BUILD / "tests" / "exact" / "packet-storm"
SLOW = harness.BUILD / "exact" / "probes" / "slow"
MILLION = 1_000_000
PATIENCE = 120  # seconds; a machine that is busy with other things is slow, not wrong


class Storm:
    """Sends until the test ends it, and at least `count` packets."""

    def __init__(self, case, count, rate):
        cpus = [str(cpu) for cpu in sorted(os.sched_getaffinity(0))[:4]]
        self.errors = tempfile.TemporaryFile("w+")
        case.addCleanup(self.errors.close)
        self.process = subprocess.Popen(
            [STORM, "--ends", "red/red0", "blue/blue0", "--cpus", *cpus, "--count", str(count),
             "--rate", str(rate), "--until-closed"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True)
        line = self.process.stdout.readline()
        if line != "sending\n":
            raise AssertionError(f"packet-storm did not start: {line}{self.said()}")

    def said(self):
        self.errors.seek(0)
        return self.errors.read()

    def finish(self):
        """The report; by then every packet has gone by the hooks."""
        out, _ = self.process.communicate(timeout=PATIENCE)
        if self.process.returncode != 0:
            raise AssertionError(f"packet-storm: {self.said()}")
        return json.loads(out)


class Reader:
    """`dynmon-load read` again and again, its documents kept in a file."""

    def __init__(self, case, name, interval, *options):
        self.out = tempfile.TemporaryFile("w+")
        case.addCleanup(self.out.close)
        self.process = case.start("--quiet", "read", name, "--format", "json", "--interval", interval,
                                  *options, stdout=self.out)

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def wait(self):
        """Its documents, when it has read as often as --count says."""
        self.process.wait(PATIENCE)
        error = self.process.stderr.read()
        if self.process.returncode != 0 or error:
            raise AssertionError(f"read: exit code {self.process.returncode}: {error}")
        self.out.seek(0)
        return [json.loads(line) for line in self.out]

    def stop(self):
        """Stops it and returns its documents."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def has_read(self, count):
        """Waits until that many documents are there."""
        while self.process.poll() is None:
            if os.pread(self.out.fileno(), 64 << 20, 0).count(b"\n") >= count:
                return
            select.select([], [], [], 0.2)
        raise AssertionError(f"read ended: {self.process.stderr.read()}")


class ExactCase(harness.Case):
    def tearDown(self):
        if hasattr(self, "storming"):
            harness.stop(self.storming.process)
        super().tearDown()

    def storm(self, count=MILLION, rate=250_000):
        self.storming = Storm(self, count, rate)

    def calm(self, least):
        """What was sent, as a monitor on blue0 has to see it."""
        report = self.storming.finish()
        for lane in report["lanes"]:
            self.assertEqual((lane["dropped"], lane["refused"]), (0, 0),
                             f"{lane['from']} dropped packets: this run shows nothing")
        self.assertGreaterEqual(report["sent"], least)
        self.assertGreater(min(thread["sent"] for thread in report["threads"]), 0)
        expected = ledger.sent_by(report, "blue0")
        self.assertEqual(sum(packets for flows in expected.values()
                             for packets, _ in flows.values()), report["sent"])
        return expected

    def assert_exact(self, documents, expected):
        total = ledger.ledger_of(documents)
        self.assertEqual(total.faults(expected), [])
        self.assertEqual(total.gaps(), [])
        # The same with one window fewer must not pass.
        full = [at for at, document in enumerate(documents) if ledger.has_packets(document)]
        for left_out in (full[0], full[len(full) // 2], full[-1]):
            kept = documents[:left_out] + documents[left_out + 1:]
            self.assertNotEqual(ledger.ledger_of(kept).faults(expected), [])
        return len(full)

    def swap_under_storm(self, swaps, packets, full=0.9):
        """Loaded as `f`: windows while packets flow, and the last one when all have arrived."""
        self.storm(packets)
        reader = Reader(self, "f", "10ms", "--count", str(swaps))
        reader.has_read(swaps // 4)
        at_a_quarter = reader.descriptors()
        reader.has_read(swaps * 3 // 4)
        # A window may be in the making at either moment: it holds a few descriptors for its time.
        self.assertLess(reader.descriptors(), at_a_quarter + swaps / 4, "descriptors leak")
        documents = reader.wait()
        self.assertEqual(len(documents), swaps)
        expected = self.calm(packets)
        documents += self.read("f")
        self.assertGreater(self.assert_exact(documents, expected), swaps * full)
        self.assertFalse(ledger.has_packets(self.window("f")), "a window after the last packet")


@unittest.skipIf(kernel.VERSION < (5, 17), "the probe needs bpf_loop()")
class FenceTest(ExactCase):
    """The probe counts a packet 20 ms after it began with it. What it began with before the swap
    is in the window that ends there, which has to wait for it: not lost and not in a later one."""
    SLACK = 1_000_000  # ns between the clocks of loader and probe
    SENT = 100

    def place(self, verb, *options):
        """`load` or `replace` of the slow probe, which takes a policy that lets it be so slow."""
        policy = self.folder / "policy.yaml"
        policy.write_text("instructions: 1000000000\n")
        return self.dynmon("--json", "--policy", policy, verb, "s", SLOW, *options).json()

    def setUp(self):
        super().setUp()
        self.place("load", "--dev", "blue0", "--netns", "blue")

    def test_a_packet_that_is_looked_at_during_the_swap_is_in_the_window_that_ends(self):
        reader = Reader(self, "s", "10ms", "--raw")
        reader.has_read(1)
        for _ in range(self.SENT):
            self.receive(frames.plain(60))
        documents = reader.stop() + self.read("s", "--raw")
        values = [(document["window"], self.value(document, "seen")[0]) for document in documents]
        self.assertEqual(sum(value["packets"] for _, value in values), self.SENT)
        for window, value in values:
            if value["packets"]:
                self.assertGreater(value["first"], window["from"] - self.SLACK)

    def test_a_packet_that_is_looked_at_during_a_replace_is_in_the_window_of_the_old_program(self):
        done, sent, documents = threading.Event(), [0], []

        def send():
            while not done.is_set():
                self.receive(*[frames.plain(60)] * 10)
                sent[0] += 10

        sender = threading.Thread(target=send)
        sender.start()
        try:
            generation = 1
            while sent[0] < self.SENT or generation <= 5:
                generation = self.place("replace")["generation"]
                documents += self.read("s", "--raw")
        finally:
            done.set()
            sender.join()
        documents += self.read("s", "--raw")
        values = [self.value(document, "seen")[0]["packets"] for document in documents]
        self.assertEqual(sum(values), sent[0])
        self.assertGreater(documents[-1]["generation"], 5)


class SwapsTest(ExactCase):
    def test_windows_of_500_swaps_add_up_to_every_packet_and_byte(self):
        self.load("f", "flows")
        self.swap_under_storm(500, MILLION)


class PartsTest(ExactCase):
    def test_readers_of_single_metrics_and_directions_lose_nothing_to_each_other(self):
        self.load("f", "flows")
        self.storm(300_000)
        documents = []
        for _ in range(12):
            for options in (["flows", "--direction", "ingress"], ["flows_missed"], [],
                            ["--direction", "egress"], ["flows"]):
                documents += self.read("f", *options)
        expected = self.calm(300_000)
        for _ in range(2):
            documents += self.read("f")
        self.assertEqual(ledger.ledger_of(documents).faults(expected), [])


class ReplacesTest(ExactCase):
    REPLACES = int(os.environ.get("DYNMON_EXACT_REPLACES", 150))  # ci/soak: 500
    INTERVAL = 0.3  # seconds between reads
    OPTIONS = ()

    def test_windows_of_all_generations_add_up_to_every_packet_and_byte(self):
        self.load("f", "flows")
        self.storm(rate=60_000)
        reader = Reader(self, "f", f"{self.INTERVAL * 1000:.0f}ms")
        for done in range(self.REPLACES):
            if done % 8 == 0:
                self.keep_up(reader, done)
            self.replace("f", "flows", *self.OPTIONS)
        documents = reader.stop()
        expected = self.calm(MILLION)
        documents += self.read("f")
        self.assert_exact(documents, expected)
        self.assert_generations(documents)

    def keep_up(self, reader, done):
        """A replace is refused when 32 generations wait for the reader."""
        reader.has_read(done - 16)

    def assert_generations(self, documents):
        """Each replaced one had a window of its own."""
        self.assertEqual([document["generation"] for document in documents],
                         sorted(document["generation"] for document in documents))
        self.assertEqual({document["generation"] for document in documents},
                         set(range(1, self.REPLACES + 2)))


class KeptMapsTest(ReplacesTest):
    """The maps go on, so their windows do: only reads end them."""
    OPTIONS = ("--keep-maps",)

    def keep_up(self, reader, done):
        pass  # no generation waits

    def assert_generations(self, documents):
        # The first window and that of the read behind the reader's are not of its interval.
        first, last = (harness.seconds(documents[at]["window"]["to"]) for at in (0, -1))
        self.assertLessEqual(len(documents), (last - first) / self.INTERVAL + 3)
        self.assertEqual(documents[-1]["generation"], self.REPLACES + 1)


class XdpTest(ExactCase):
    def test_native_xdp_counts_every_packet_through_100_swaps(self):
        self.load("f", "flows", "--hook", "xdp", "--mode", "native")
        self.assertEqual(self.hook("xdp")["mode"], "native")
        self.swap_under_storm(100, 300_000)

    def test_generic_xdp_counts_every_packet_through_100_swaps(self):
        self.load("f", "flows", "--hook", "xdp", "--mode", "generic")
        self.assertEqual(self.hook("xdp")["mode"], "generic")
        self.swap_under_storm(100, 300_000)


class TwoMonitorsTest(ExactCase):
    SWAPS = 100

    def test_two_monitors_on_one_hook_are_both_exact_in_windows_and_totals(self):
        self.load("f", "flows")
        self.load("g", "flows", "--first")
        self.storm(500_000)
        readers = {name: Reader(self, name, "10ms", "--count", str(self.SWAPS)) for name in "fg"}
        documents = {name: reader.wait() for name, reader in readers.items()}
        expected = self.calm(500_000)
        # The last window of `g` is not printed but only added to its totals.
        documents["f"] += self.read("f")
        self.assert_exact(documents["f"], expected)
        for name in "fg":
            self.assertGreater(sum(map(ledger.has_packets, documents[name])), self.SWAPS * 0.9)
            text = self.dynmon("read", name, "--format", "openmetrics").out
            for at, family in enumerate(("dynmon_flows_packets", "dynmon_flows_bytes")):
                self.assertEqual(ledger.totals_of(text, family),
                                 ledger.expected_totals(expected, at), f"{name}: {family}")
        self.assertEqual(ledger.ledger_of(documents["g"]).gaps(), [])


class CyclesTest(ExactCase):
    CYCLES = 60

    def test_load_and_unload_under_traffic_leave_nothing_however_often(self):
        self.storm(100_000, rate=50_000)
        for _ in range(self.CYCLES):
            self.load("f", "flows")
            self.dynmon("unload", "f")
        self.calm(100_000)
        self.assert_nothing_left()


if __name__ == "__main__":
    harness.main()
