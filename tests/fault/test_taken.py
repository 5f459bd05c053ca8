#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What is taken already: named, untouched, and still running beside us and after us."""
import contextlib
import json
import os
import pathlib
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

import frames
import harness
import kernel
import wire
from harness import BPFFS


class ForeignCase(harness.Case):
    """With programs of another owner pinned, `plain_tc` and `plain_xdp`, which count packets."""
    THEIRS = BPFFS / "theirs"

    def setUp(self):
        super().setUp()
        self.THEIRS.mkdir()
        wire.command("bpftool", "prog", "loadall", str(harness.probe("plain") / "plain.bpf.o"),
                     str(self.THEIRS), "pinmaps", str(self.THEIRS))
        self.at_end.append(lambda: shutil.rmtree(self.THEIRS))

    def program_id(self, name):
        return kernel.object_id(self.THEIRS / name)[1]

    def foreign_count(self):
        """What the foreign programs have counted."""
        return int.from_bytes(kernel.lookup(self.THEIRS / "PLAIN_SEEN", bytes(4), 8), "little")

    def send(self, count):
        self.receive(*[frames.plain(60)] * count)

    def refuse_load(self, code, *options, device="blue0"):
        return self.refused(code, "load", "p", "packets", "--dev", device, "--netns", "blue",
                            *options)


class XdpTakenTest(ForeignCase):
    """PROMISES:
    H-10 A foreign program is never overwritten or detached, wherever it stands"""

    def attach(self, mode):
        self.blue.run("ip", "link", "set", "dev", "blue0", mode, "pinned",
                      str(self.THEIRS / "plain_xdp"))
        self.at_end.append(lambda: self.blue.ip("link", "set", "dev", "blue0", mode, "off"))

    def check(self, mode, name):
        self.attach(mode)
        self.send(2)
        held = self.wire.link(self.blue, "blue0")["xdp"]
        error = self.refuse_load(harness.BUSY, "--hook", "xdp")
        self.assertIn(f"XDP is taken: program plain_xdp (id {self.program_id('plain_xdp')}) runs "
                      f"there in {name} mode", error["message"])
        self.assertIn("--hook tc", error["hint"])
        self.assertEqual(self.wire.link(self.blue, "blue0")["xdp"], held)
        self.assertFalse(harness.STORE.exists())  # the egress half was taken back
        self.send(3)
        self.assertEqual(self.foreign_count(), 5)
        # What several can share is free.
        self.load("p", "packets")
        self.send(4)
        self.assertEqual((self.packets("p"), self.foreign_count()), (4, 9))

    def test_by_a_native_program(self):
        self.check("xdpdrv", "native")

    def test_by_a_generic_program(self):
        self.check("xdpgeneric", "generic")

    def test_by_a_link(self):
        with self.blue.inside():
            link = kernel.attach_link(self.THEIRS / "plain_xdp", self.blue.ifindex("blue0"),
                                      kernel.XDP)
        try:
            self.send(2)
            error = self.refuse_load(harness.BUSY, "--hook", "xdp")
            self.assertIn("XDP is taken: program plain_xdp (id "
                          f"{self.program_id('plain_xdp')}) runs there", error["message"])
            self.send(3)
            self.assertEqual(self.foreign_count(), 5)
            self.assertFalse(harness.STORE.exists())
        finally:
            os.close(link)
        self.load("p", "packets", "--hook", "xdp")
        self.send(1)
        self.assertEqual((self.packets("p"), self.foreign_count()), (1, 5))

    def test_ours_is_not_taken_by_a_second_store(self):
        self.load("p", "packets", "--hook", "xdp")
        other = BPFFS / "other"
        error = self.refused(harness.BUSY, "--bpffs", other, "load", "p", "packets", "--dev",
                             "blue0", "--netns", "blue", "--hook", "xdp")
        self.assertIn("XDP is taken: program pivot_xdp (id ", error["message"])
        self.assertIn(f"of the dynmon store {harness.STORE}", error["message"])
        self.assertIn(f"load with --bpffs {harness.STORE}", error["hint"])
        self.send(2)
        self.assertEqual(self.packets("p"), 2)
        self.assertFalse(other.exists())


class TcSharedTest(ForeignCase):
    """PROMISES:
    H-10 A foreign program is never overwritten or detached, wherever it stands
    H-8 The last monitor that leaves a hook takes it away, with the qdisc if dynmon made it"""

    @harness.NEEDS_TCX
    def test_programs_of_others_on_tcx_stay_and_run_before_and_after_ours(self):
        index = self.blue.ifindex("blue0")
        with self.blue.inside():
            link = kernel.attach_link(self.THEIRS / "plain_tc", index, kernel.TCX_INGRESS)
            try:
                self.load("p", "packets")
                ours, theirs = kernel.tcx_programs(index, kernel.TCX_INGRESS)
                self.assertEqual((theirs, ours), (self.program_id("plain_tc"),
                                                  self.hook("tc-ingress")["pivot-id"]))
                self.send(5)
                self.assertEqual((self.packets("p"), self.foreign_count()), (5, 5))
                self.dynmon("unload", "p")
                self.assertEqual(kernel.tcx_programs(index, kernel.TCX_INGRESS), [theirs])
                self.send(2)
                self.assertEqual(self.foreign_count(), 7)
            finally:
                os.close(link)

    @harness.NEEDS_TCX
    def test_the_order_on_tcx_is_kept_whatever_we_do(self):
        index = self.blue.ifindex("blue0")
        second = BPFFS / "second"
        wire.command("bpftool", "prog", "load", str(harness.probe("tally") / "tally.bpf.o"),
                     str(second), "type", "tc")
        self.at_end.append(second.unlink)
        ids = [None, self.program_id("plain_tc"), kernel.object_id(second)[1]]
        with self.blue.inside(), contextlib.ExitStack() as links:
            def attach(pin):
                links.callback(os.close, kernel.attach_link(pin, index, kernel.TCX_INGRESS))
            attach(self.THEIRS / "plain_tc")
            self.load("f", "flows")
            ids[0] = self.hook("tc-ingress")["pivot-id"]
            attach(second)
            for words in (("read", "f"), ("replace", "f", "flows"), ("recover",),
                          ("load", "q", "packets", "--dev", "blue0", "--netns", "blue", "--first"),
                          ("unload", "f")):
                self.dynmon(*words)
                self.assertEqual(kernel.tcx_programs(index, kernel.TCX_INGRESS), ids, words)
            self.send(3)
            self.assertEqual((self.packets("q"), self.foreign_count()), (3, 3))
            self.dynmon("unload", "q")
            self.assertEqual(kernel.tcx_programs(index, kernel.TCX_INGRESS), ids[1:])

    def filter(self, *words):
        self.blue.run("tc", "filter", "add", "dev", "blue0", "ingress", *words, "bpf",
                      "direct-action", "object-pinned", str(self.THEIRS / "plain_tc"))

    def filters(self):
        """Names of the BPF filters at ingress, in their order."""
        shown = json.loads(self.blue.run("tc", "-j", "filter", "show", "dev", "blue0", "ingress"))
        return [entry["options"]["bpf_name"] for entry in shown if "bpf_name" in
                entry.get("options", {})]

    def has_clsact(self):
        return "clsact" in self.blue.run("tc", "qdisc", "show", "dev", "blue0")

    def qdisc(self):
        self.blue.run("tc", "qdisc", "add", "dev", "blue0", "clsact")
        self.at_end.append(lambda: self.blue.run("tc", "qdisc", "del", "dev", "blue0", "clsact"))

    def test_filters_of_others_on_clsact_stay_and_run_before_and_after_ours(self):
        self.qdisc()
        self.filter("pref", "1")
        self.filter("pref", "50000")
        before = self.filters()
        self.assertEqual(len(before), 2)
        self.load("p", "packets", "--tc", "clsact")
        self.assertEqual(len(self.filters()), 3)
        self.send(5)
        self.assertEqual((self.packets("p"), self.foreign_count()), (5, 10))
        self.dynmon("unload", "p")
        self.assertEqual(self.filters(), before)
        self.send(1)
        self.assertEqual(self.foreign_count(), 12)

    def test_a_qdisc_that_was_there_stays_and_ours_goes(self):
        self.load("p", "packets", "--tc", "clsact")
        self.assertTrue(self.has_clsact())
        self.dynmon("unload", "p")
        self.assertFalse(self.has_clsact())
        self.qdisc()
        self.load("p", "packets", "--tc", "clsact")
        self.dynmon("unload", "p")
        self.assertTrue(self.has_clsact())

    def test_our_qdisc_stays_for_a_filter_that_came_later(self):
        self.load("p", "packets", "--tc", "clsact")
        self.filter("pref", "50000")
        self.at_end.append(lambda: self.blue.run("tc", "qdisc", "del", "dev", "blue0", "clsact"))
        self.dynmon("unload", "p")
        self.assertEqual(len(self.filters()), 1)
        self.send(3)
        self.assertEqual(self.foreign_count(), 3)

    def test_the_last_of_two_monitors_takes_the_qdisc_along(self):
        self.load("p", "packets", "--tc", "clsact")
        self.load("q", "tally", "--tc", "clsact")
        self.dynmon("unload", "p")  # egress is free now, ingress is not
        self.assertTrue(self.has_clsact())
        self.send(2)
        self.assertEqual(self.value(self.window("q"), "tally_all"), [2])
        self.dynmon("unload", "q")
        self.assertFalse(self.has_clsact())

    def test_an_ingress_qdisc_of_others_is_named(self):
        self.blue.run("tc", "qdisc", "add", "dev", "blue0", "ingress")
        self.at_end.append(lambda: self.blue.run("tc", "qdisc", "del", "dev", "blue0", "ingress"))
        error = self.refuse_load(harness.BUSY, "--tc", "clsact")
        self.assertIn("the interface has another ingress qdisc", error["message"])
        self.assertIn("ingress", self.blue.run("tc", "qdisc", "show", "dev", "blue0"))
        self.assertFalse(harness.STORE.exists())

    @harness.NEEDS_TCX
    def test_a_second_store_shares_tcx_and_is_told_of_a_clsact_filter(self):
        other = ("--bpffs", BPFFS / "other")
        load = ("load", "q", "packets", "--dev", "blue0", "--netns", "blue")
        self.load("p", "packets")
        self.dynmon(*other, *load)
        self.send(2)
        counted = self.dynmon(*other, "--json", "read", "q").json()
        self.assertEqual((self.packets("p"), self.value(counted, "packets_total")), (2, [2]))
        self.dynmon(*other, "unload", "q")
        self.send(1)
        self.assertEqual(self.packets("p"), 3)
        self.dynmon("unload", "p")
        self.load("p", "packets", "--tc", "clsact")
        error = self.refused(harness.BUSY, *other, *load, "--tc", "clsact")
        self.assertIn("a TC filter of dynmon is there already, from another store",
                      error["message"])
        self.send(1)
        self.assertEqual(self.packets("p"), 1)


class NamesTest(harness.Case):
    def test_the_name_of_a_monitor(self):
        self.load("p", "packets")
        before = self.status()
        error = self.refused(harness.BUSY, "load", "p", "tally", "--dev", "blue0", "--netns",
                             "blue")
        self.assertIn("monitor 'p' is loaded already", error["message"])
        self.assertIn("replace", error["hint"])
        self.assertEqual(self.status(), before)

    def test_no_such_interface(self):
        error = self.refused(harness.FAILED, "load", "p", "packets", "--dev", "blue1", "--netns",
                             "blue")
        self.assertIn("no interface 'blue1'", error["message"])
        self.assertEqual(error["hint"], "did you mean 'blue0'?")
        self.assertFalse(harness.STORE.exists())

    def test_offload_is_not_offered(self):
        error = self.refused(harness.USAGE, "load", "p", "packets", "--dev", "blue0",
                             "--netns", "blue", "--hook", "xdp", "--mode", "offload")
        self.assertIn("--mode: offload not in {native,generic}", error["message"])
        self.assertFalse(harness.STORE.exists())


if __name__ == "__main__":
    harness.main()
