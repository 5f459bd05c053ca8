#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Signals, too few descriptors, and damaged state: a clean end, and the next verb
goes on from there."""
import contextlib
import json
import os
import pathlib
import random
import resource
import signal
import struct
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

import crash
import frames
import harness
import kernel
import published
import wire
from harness import STORE

MONITOR = STORE / "monitors" / "m"
METER_ON = struct.pack("<Q", 1)


def udp(port):
    return frames.ipv4(frames.udp(port, 2), frames.UDP)


class SignalTest(crash.CrashCase):
    """PROMISES:
    S-17 A read that ends on SIGINT, SIGTERM or SIGHUP prints its window whole first
    S-7 Any verb, killed anywhere, succeeds when it is run again, or says that it is done
    N-2 A command that was killed, or whose result could not be written, may have done its"""

    def test_a_signal_lets_a_read_finish_its_document(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            self.dynmon("load", "f", "flows", "--dev", "blue0", "--netns", "blue")
            self.receive(*[udp(port) for port in range(3000)])
            reader = self.start("read", "f", "--format", "json")
            first = os.read(reader.stdout.fileno(), 1).decode()  # more than the pipe holds is on its way
            reader.send_signal(number)
            rest, error = reader.communicate(timeout=20)
            self.assertEqual((reader.returncode, error), (0, ""), number)
            document = json.loads(first + rest)
            self.assertEqual(sum(entry["value"]["packets"]
                                 for entry in self.value(document, "flows")), 3000)
            self.assertEqual(self.value(self.window("f"), "flows"), [])
            self.dynmon("unload", "f")

    def test_signals_at_random_moments_end_cleanly(self):
        seed = int(os.environ.get("DYNMON_SEED", time.time_ns() % 100000))
        choice = random.Random(seed)
        self.dynmon(*self.load_words())
        for _ in range(30):
            words = choice.choice((("replace", "m", self.PROBE), ("read", "m", "--format", "json"),
                                   ("apply", *self.load_words()[1:]), ("recover",)))
            number = choice.choice((signal.SIGTERM, signal.SIGINT, signal.SIGHUP))
            with self.subTest(seed=seed, words=words, signal=number):
                self.read("m")
                self.send(3, 2)
                process = self.start("--json", *words)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(choice.uniform(0, 0.06))
                process.send_signal(number)
                out, _ = process.communicate(timeout=20)
                self.assertIn(process.returncode, (0, -number))
                self.assertTrue(out == "" or out.endswith("\n"), out)
                documents = [json.loads(line) for line in out.splitlines()]
                if words[0] != "read":
                    documents = []
                self.assertEqual(self.counted(documents + self.read("m")), (3, 2))
        self.dynmon("recover")
        self.assert_one_generation()


# UBSan then says of a good object that it is none: it seems to need descriptors itself.
@unittest.skipIf(harness.sanitized(), "UBSan needs descriptors itself")
class DescriptorTest(crash.CrashCase):
    """PROMISES:
    S-19 An error of a system call ends the verb as a kill would, but for what can be taken
    S-20 What cannot be looked at"""

    def limited(self, limit, *words):
        return subprocess.run(
            [str(harness.DYNMON), *words], capture_output=True, text=True, timeout=60,
            env=harness.environment(),
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)))

    def test_too_few_descriptors_are_said_once_and_leave_nothing(self):
        short = 0
        for limit in range(5, 24):
            with self.subTest(limit=limit):
                done = self.limited(limit, *self.load_words())
                if done.returncode != 0:
                    short += 1
                    self.assertIn("EMFILE", done.stderr)
                    self.assertFalse(self.status()["monitors"])
                    self.dynmon("recover")
                    self.assertEqual(harness.pins(), [])
                    self.dynmon(*self.load_words())
                self.send(3, 2)
                done = self.limited(limit, "read", "m", "--format", "json")
                documents = self.printed(done.stdout)
                self.assertTrue(done.returncode == 0 or "EMFILE" in done.stderr, done.stderr)
                done = self.limited(limit, "replace", "m", self.PROBE)
                self.assertTrue(done.returncode == 0 or "EMFILE" in done.stderr, done.stderr)
                self.assertEqual(self.counted(documents + self.read("m")), (3, 2))
                self.assert_one_generation()
                done = self.limited(limit, "unload", "m")
                if done.returncode != 0:
                    self.assertIn("EMFILE", done.stderr)
                    self.dynmon("unload", "m")
                self.assertEqual(harness.pins(), [])
        self.assertGreater(short, 3)


class MeterTest(crash.CrashCase):
    """PROMISES:
    S-22 The measuring of `status --stats` holds the hooks' directory locked"""

    def meter_is_on(self):
        pin, = MONITOR.glob("g*/_data_dynmon_meter")
        return kernel.lookup(pin, struct.pack("<I", 0), 8) == METER_ON

    def measure_and_kill(self):
        process = self.start("status", "--stats", "60s")
        self.eventually(self.meter_is_on, "the meter is on")
        process.kill()
        process.wait(10)
        self.assertTrue(self.meter_is_on())

    def test_what_a_killed_status_left_on_is_switched_off_by_the_next_verb(self):
        self.dynmon(*self.load_words())
        self.assertFalse(self.meter_is_on())
        for words in (("recover",), ("read", "m"), ("replace", "m", self.PROBE)):
            self.measure_and_kill()
            self.dynmon(*words)
            self.assertFalse(self.meter_is_on(), words)

    def test_it_stays_on_while_somebody_measures(self):
        self.dynmon(*self.load_words())
        process = self.start("status", "--stats", "60s")
        self.eventually(self.meter_is_on, "the meter is on")
        self.dynmon("status", "--stats", "10ms")
        self.dynmon("read", "m")
        self.dynmon("recover")
        self.assertTrue(self.meter_is_on())
        process.kill()
        process.wait(10)
        self.dynmon("status", "--stats", "10ms")
        self.assertFalse(self.meter_is_on())


class BegunTest(crash.CrashCase):
    """PROMISES:
    S-15 While a window may have been seen by a reader that died, it is the next thing"""

    def setUp(self):
        super().setUp()
        self.dynmon(*self.load_words())
        self.send(3, 2)
        with open("/dev/full", "w") as full:
            self.dynmon("read", "m", "--direction", "ingress", "--format", "json", stdout=full,
                        code=harness.FAILED)
        self.send(1, 1)

    UNFINISHED = "window 1 of 'pair_packets' (ingress) was not read to its end"

    def check_another(self, *shape):
        done = self.dynmon("read", "m", "--direction", "egress", "--format", "json", *shape)
        self.assertIn(self.UNFINISHED, done.err)
        first, *later = [json.loads(line) for line in done.out.splitlines()]
        self.assertEqual(first["window"]["sequence"], 1)
        self.assertEqual(self.counted([first]), (3, 0))
        entries = [entry for document in later
                   for entry in self.value(document, "pair_packets", "egress")]
        # With a condition an array is printed with its indices.
        self.assertEqual([entry["value"] if isinstance(entry, dict) else entry
                          for entry in entries], [2, 1])
        self.assertEqual(self.counted(self.read("m")), (1, 0))

    def test_a_read_of_another_metric_hands_it_out_first(self):
        self.check_another()

    def test_so_does_one_with_a_condition(self):
        self.check_another("--where", "value > 0")

    def test_so_does_one_with_columns(self):
        self.check_another("--columns", "value")

    def test_one_without_room_for_it_names_the_read_that_hands_it_out(self):
        for options in (("--format", "npz", "--sort", "-value"), ("--format", "npy"),
                        ("--format", "csv", "--columns", "value")):
            done = subprocess.run([str(harness.DYNMON), "read", "m", "--direction", "egress", *options],
                                  capture_output=True, timeout=60, env=harness.environment())
            self.assertIn(done.returncode, (harness.BUSY, harness.USAGE))
            self.assertEqual(done.stdout, b"")
        self.assertEqual(self.counted(self.read("m")), (4, 3))

    def test_it_is_shown_until_it_is_read(self):
        problem = {"problem": f"monitor 'm': {self.UNFINISHED}",
                   "remedy": "dynmon-load read m hands it out again", "ill": False}
        monitor, = self.status()["monitors"]
        self.assertEqual((monitor["unfinished-window"], monitor["health"]), (1, "attached"))
        self.assertIn(self.UNFINISHED, self.dynmon("status", "m").out)
        for verb in ("doctor", "recover"):
            document = published.require(self, verb, self.dynmon("--json", verb).out)
            self.assertIn(problem, document["problems"])
        self.assertEqual(self.counted(self.read("m")), (4, 3))
        self.assertIsNone(self.status()["monitors"][0]["unfinished-window"])
        self.assertEqual(self.dynmon("recover").out, "nothing to recover\n")

    def test_a_reader_at_work_is_no_unfinished_one(self):
        self.dynmon("read", "m")
        reader = self.start("read", "m", "--format", "json", "--interval", "1ms")
        for _ in range(50):
            reader.stdout.readline()
            self.assertIsNone(self.status()["monitors"][0]["unfinished-window"])


class DamagedTest(crash.CrashCase):
    """PROMISES:
    S-23 Truth, in order
    S-24 When the bpffs is gone, everything is gone with it, and the next load starts clean
    S-8 `recover` leaves no staging directory, no idle hook and no half monitor
    H-7 A hook is taken off in this order
    H-9 The next verb mends an attached hook whose slots another process cleared"""

    def chain(self):
        return next((STORE / "hooks").glob("*_tc-ingress/chain"))

    def test_a_lost_bpffs_is_a_clean_start(self):
        self.dynmon(*self.load_words())
        self.send(1, 1)
        wire.command("umount", str(harness.BPFFS))
        wire.command("mount", "-t", "bpf", "bpf", str(harness.BPFFS))
        self.assertEqual(self.status(), {"monitors": [], "hooks": [], "problems": []})
        self.dynmon("recover")
        self.eventually_free()
        self.send(1, 1)
        self.dynmon(*self.load_words())
        self.send(3, 2)
        self.assertEqual(self.counted(self.read("m")), (3, 2))

    def eventually_free(self):
        def free():
            with contextlib.suppress(AssertionError):
                self.assert_device_is_free()
                return True
        self.eventually(free, "the kernel lets go of the links", seconds=20)

    def test_an_emptied_chain_is_filled_again(self):
        for words in (("recover",), ("read", "m"), ("replace", "m", self.PROBE, "--keep-maps")):
            self.dynmon(*self.load_words())
            self.send(3, 2)
            for point in ("ingress", "egress"):
                path, = (STORE / "hooks").glob(f"*_tc-{point}/chain")
                wire.command("bpftool", "map", "delete", "pinned", str(path), "key", "0", "0", "0",
                             "0")
            self.send(1, 1)  # passes, and no program counts it
            self.assertEqual(self.status()["monitors"][0]["health"], "interrupted")
            self.dynmon(*words)
            self.assert_one_generation()
            self.send(2, 2)
            self.dynmon("unload", "m")

    def test_a_chain_whose_pin_is_gone_is_said_and_can_be_loaded_anew(self):
        self.dynmon(*self.load_words())
        self.chain().unlink()
        self.send(1, 1)
        self.dynmon("recover")
        self.try_dynmon("unload", "m")
        self.dynmon("recover")
        self.dynmon(*self.load_words())
        self.send(3, 2)
        self.assertEqual(self.counted(self.read("m")), (3, 2))

    def test_a_monitor_without_its_record_is_taken_down_by_recover(self):
        for lost in ("g1/dynmon-record", "g1/dynmon-btf", "state", "g1/prog-ingress-a"):
            with self.subTest(lost=lost):
                self.dynmon(*self.load_words())
                self.dynmon("load", "other", "packets", "--dev", "blue0", "--netns", "blue")
                (MONITOR / lost).unlink()
                self.send(1, 1)
                self.dynmon("recover")
                if MONITOR.exists():
                    self.dynmon("unload", "m")
                self.receive(crash.FRAME)
                self.assertEqual(self.packets("other", "ingress"), 2)
                self.dynmon(*self.load_words())
                self.send(3, 2)
                self.assertEqual(self.counted(self.read("m")), (3, 2))
                self.dynmon("unload", "--all")

    def test_unload_is_off_although_others_hold_the_link(self):
        for options in ((), ("--hook", "xdp"), ("--tc", "clsact")):
            self.dynmon(*self.load_words(), *options)
            held = [kernel.open_pin(path) for path in harness.pins()]
            self.dynmon("unload", "m")
            self.assert_device_is_free()
            self.assertEqual(harness.pins(), [])
            for fd in held:
                os.close(fd)


if __name__ == "__main__":
    harness.main()
