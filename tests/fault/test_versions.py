#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A monitor whose record cannot be used, because another version of dynmon wrote it or because it is
broken: it is shown, it counts on, and it is in the way of no monitor but those behind it."""
import fcntl
import json
import os
import pathlib
import struct
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

import frames
import harness
import kernel
from damage import ARRAY, make_map, read_record, write_record
from harness import STORE

UDP = frames.ipv4(frames.udp(1, 2), frames.UDP)
STATE = 576  # bytes of struct MonitorState
VERSION = "was written by another version of dynmon"


class VersionCase(harness.Case):
    """Monitor `u` on blue0 cannot be understood until understand()."""

    def setUp(self):
        super().setUp()
        self.load("u", "packets")
        self.record = STORE / "monitors" / "u" / "g1" / "dynmon-record"
        self.whole = read_record(self.record)
        self.sent = 0
        self.cannot_be_understood = True

    def become_another(self):
        write_record(self.record, json.dumps({**json.loads(self.whole), "version": 99,
                                              "build": "9.9.9 (abcdef0)"}))

    def become_broken(self):
        write_record(self.record, "{")

    def understand(self):
        if self.cannot_be_understood:
            write_record(self.record, self.whole)
        self.cannot_be_understood = False

    def tearDown(self):
        self.understand()
        super().tearDown()

    def send(self, count=3):
        self.receive(*[UDP] * count)
        self.sent += count

    def check_u(self):
        """It has seen every packet, and goes as any other."""
        self.send()
        self.understand()
        self.assertEqual(self.packets("u"), self.sent)
        self.dynmon("unload", "u")

    def flow_packets(self, name, *options):
        return sum(entry["value"]["packets"] for document in self.read(name, *options)
                   for entry in self.value(document, "flows"))

    def load_on_red(self, name, probe="packets"):
        self.dynmon("load", name, probe, "--dev", "red0", "--netns", "red")


class ElsewhereTest(VersionCase):
    """PROMISES:
    S-32 A monitor whose record cannot be used"""

    def test_monitors_of_other_hooks_are_loaded_read_replaced_and_unloaded(self):
        self.become_another()
        self.load_on_red("q")
        self.transmit(UDP)  # red0 receives it
        self.assertEqual(self.packets("q"), 1)
        self.replace("q", "packets")
        self.dynmon("apply", "q", "packets", "--dev", "red0", "--netns", "red")
        self.dynmon("set", "q/LIMITS", "0", "1", code=harness.USAGE)  # has no such map
        self.dynmon("status", "--stats", "1ms")
        self.dynmon("unload", "q")
        self.check_u()


class ChainTest(VersionCase):
    def test_a_monitor_before_it_is_read_and_unloaded_and_it_counts_on(self):
        for become in (self.become_another, self.become_broken):
            with self.subTest(become.__name__):
                self.load("p", "flows", "--first")
                become()
                for _ in range(3):
                    self.send()
                    self.assertEqual(self.flow_packets("p"), 3)
                self.assertEqual(self.hook("tc-ingress")["chain"],
                                 ["p/flows_ingress", "u/packets_ingress"])
                self.dynmon("unload", "p")
                self.send()
                write_record(self.record, self.whole)
                self.assertEqual(self.packets("u"), self.sent)

    def test_a_monitor_behind_it_is_read_where_the_order_of_the_chain_is_kept(self):
        self.load("p", "flows")
        self.become_another()
        for _ in range(3):
            self.send()
            self.assertEqual(self.flow_packets("p"), 3)
        self.understand()
        self.dynmon("unload", "p")
        self.check_u()

    def test_without_it_one_behind_it_is_refused_with_the_reason_and_nothing_is_changed(self):
        self.load("p", "flows")
        self.become_another()
        for order in harness.STORE.glob("hooks/*/order"):
            order.unlink()
        self.send()
        before = harness.pins()
        for words in (("read", "p"), ("replace", "p", "flows"), ("unload", "p"),
                      ("load", "n", "packets", "--dev", "blue0", "--netns", "blue"),
                      ("load", "n", "packets", "--dev", "blue0", "--netns", "blue", "--first")):
            error = self.refused(harness.UNSUPPORTED, *words)
            self.assertIn("monitor 'u' is in the chain, with program packets_ingress (id ",
                          error["message"])
            self.assertIn(VERSION, error["message"])
            self.assertIn("with the version that loaded it", error["hint"])
        self.assertEqual(harness.pins(), before)
        self.assertEqual(self.flow_packets("p", "--peek"), 3)
        self.understand()
        self.assertEqual(self.flow_packets("p"), 3)
        self.check_u()

    def test_a_load_beside_it_takes_no_slot_that_may_be_its_own(self):
        self.become_broken()
        error = self.refused(harness.REJECTED, "load", "n", "packets", "--dev", "blue0", "--netns",
                             "blue")
        self.assertIn("does not hold JSON", error["message"])
        self.assertIn("recover", error["hint"])
        self.check_u()


class AllTest(VersionCase):
    """PROMISES:
    S-33 `unload --all` and `recover` do what they can"""

    def test_unload_all_unloads_all_others_and_fails_with_the_reason(self):
        self.load("p", "flows", "--first")
        self.load("a", "packets")  # behind it
        self.load_on_red("z")
        self.become_another()
        result = self.dynmon("unload", "--all", code=harness.UNSUPPORTED)
        self.assertIn("unloaded p z", result.err)
        self.assertIn("unload 'u': ", result.err)
        self.assertIn("unload 'a': ", result.err)
        self.assertIn(VERSION, result.err)
        self.assertEqual(sorted(path.name for path in (STORE / "monitors").iterdir()), ["a", "u"])
        self.send()
        self.understand()
        self.assertEqual((self.packets("u"), self.packets("a")), (3, 3))
        self.dynmon("unload", "--all")
        self.assertFalse(STORE.exists())

    def test_its_hook_stays_when_it_is_the_last_one_there(self):
        self.load("p", "flows", "--first")
        self.become_another()
        self.dynmon("unload", "p")
        error = self.refused(harness.UNSUPPORTED, "recover")
        self.assertIn(VERSION, error["message"])
        self.check_u()
        self.assertFalse(STORE.exists())

    def test_recover_mends_the_others(self):
        self.load_on_red("q")
        self.become_another()
        (STORE / "monitors" / "q" / "g1" / "dynmon-record").unlink()
        (STORE / "monitors" / "__stage_1_1").mkdir()
        failed = self.dynmon("recover", code=harness.UNSUPPORTED)
        self.assertIn("removed monitor 'q'", failed.err)
        self.assertIn("removed what process 1 had staged", failed.err)
        self.assertIn(VERSION, failed.err)
        self.assertEqual([path.name for path in (STORE / "monitors").iterdir()], ["u"])
        self.check_u()

    def test_unload_all_goes_on_behind_a_lock_and_waits_once(self):
        self.cannot_be_understood = False
        for name in ("y", "z"):
            self.load_on_red(name)
        for name in ("u", "y"):
            held = os.open(STORE / "monitors" / name, os.O_RDONLY)
            self.addCleanup(os.close, held)
            self.at_end.append(lambda held=held: fcntl.flock(held, fcntl.LOCK_UN))
            fcntl.flock(held, fcntl.LOCK_EX)
        begun = time.monotonic()
        failed = self.dynmon("--lock-timeout", "2s", "unload", "--all", code=harness.BUSY)
        self.assertLess(time.monotonic() - begun, 4)
        self.assertIn("unload 'u': ", failed.err)
        self.assertIn("unload 'y': ", failed.err)
        self.assertIn("unloaded z", failed.err)
        for step in self.at_end:
            step()
        self.at_end.clear()


class BuildTest(harness.Case):
    def test_a_record_has_the_build_that_wrote_it_and_version_tells_builds_apart(self):
        self.load("u", "packets")
        said = harness.wire.command(str(harness.DYNMON), "--version").strip()
        self.assertRegex(said, r"^dynmon-load \d+\.\d+\.\d+( \([0-9a-f]{7,}\))?$")
        record = json.loads(read_record(STORE / "monitors" / "u" / "g1" / "dynmon-record"))
        self.assertEqual("dynmon-load " + record["build"], said)


class OldStateTest(harness.Case):
    def ones(self):
        return [self.value(document, "one")[0] for document in self.read("u", "one")]

    def test_a_state_of_version_2_is_read_and_stays_one(self):
        """It has no word on windows that were left out twice; the rest is as it is today."""
        self.load("u", "mixed")
        state = STORE / "monitors" / "u" / "state"
        data = kernel.lookup(state, bytes(4), STATE)
        self.assertEqual(struct.unpack_from("<I", data)[0], 3)
        state.unlink()
        make_map(state, ARRAY, 4, STATE - 8, struct.pack("<I", 2) + data[4:STATE - 8])
        for count in (3, 5):
            self.receive(*[UDP] * count)
            self.assertEqual(self.ones(), [count])
        self.receive(*[UDP] * 2)
        self.replace("u", "mixed")
        self.receive(UDP)
        self.assertEqual(self.ones(), [2, 1])
        self.assertEqual(
            struct.unpack_from("<I", kernel.lookup(state, bytes(4), STATE - 8))[0], 2)
        self.dynmon("recover")
        self.dynmon("unload", "u")


class ShownTest(VersionCase):
    def test_status_and_doctor_show_it_with_the_reason(self):
        self.load("p", "packets")
        self.become_another()
        status = self.status()
        problems = {monitor["name"]: monitor.get("problem", "") for monitor in status["monitors"]}
        self.assertEqual(sorted(problems), ["p", "u"])
        for problem in problems.values():
            self.assertIn(f"{self.record} {VERSION}", problem)
        self.assertEqual(self.hook("tc-ingress")["chain"], ["u/packets_ingress"])
        build = harness.wire.command(str(harness.DYNMON), "--version").split(" ", 1)[1].strip()
        for problem in problems.values():
            self.assertIn(f"another version of dynmon, 9.9.9 (abcdef0); this one is {build}", problem)
        # A time that is not known is not shown as 1970.
        self.assertEqual({monitor["name"]: monitor["loaded"] for monitor in status["monitors"]
                          if monitor["name"] == "u"}, {"u": None})
        shown = self.dynmon("status", code=harness.FAILED).out
        self.assertNotIn("1970", shown)
        self.assertRegex(shown, r"(?m)^u  .*(?<!Z)$")
        advice = {entry["problem"]: entry["remedy"]
                  for entry in self.dynmon("--json", "doctor").json()["problems"]}
        self.assertEqual(advice[f"monitor 'u': {problems['u']}"],
                         "read or unload the monitor with the version that loaded it")


if __name__ == "__main__":
    harness.main()
