#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Sessions that only a guest can have: other CPUs, no BTF, no locked memory; and the exactness of a
storm that emulated CPUs can bear. guests.py names the classes for each guest."""
import collections
import json
import os
import pathlib
import subprocess
import sys
import unittest

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS / "e2e"), str(TESTS / "exact")]

import documents  # noqa: E402
import frames  # noqa: E402
import harness  # noqa: E402
import kernel  # noqa: E402
import test_exact  # noqa: E402
import wire  # noqa: E402

BTF = pathlib.Path("/sys/kernel/btf")
IMPORTED = harness.BUILD / "imported"
CORPUS = harness.BUILD / "corpus"


class GuestCase(harness.Case):
    def doctor(self):
        return self.dynmon("--json", "doctor").json()


class ExactTest(test_exact.ExactCase):
    """Every packet and byte is in exactly one window, through swaps and replaces."""
    SWAPS = 60
    PACKETS = 3_000
    RATE = 1_000
    FULL = 0.5  # share of the windows that a slow sender has to have a packet in

    def storm(self, count=PACKETS, rate=RATE):
        super().storm(count, rate)

    def test_swaps_under_traffic_on_tc(self):
        self.load("f", "flows")
        self.swap_under_storm(self.SWAPS, self.PACKETS, self.FULL)

    def test_swaps_under_traffic_on_xdp(self):
        self.load("f", "flows", "--hook", "xdp")
        self.swap_under_storm(self.SWAPS, self.PACKETS, self.FULL)

    def test_replaces_under_traffic(self):
        self.load("f", "flows")
        self.storm()
        documents = []
        for _ in range(10):
            self.replace("f", "flows")
            documents += self.read("f")
        expected = self.calm(self.PACKETS)
        documents += self.read("f")
        self.assert_exact(documents, expected)


class EveryProbeTest(GuestCase):
    """The verifier of this kernel takes every probe, and it runs."""

    # The newest kernel whose verifier refuses a probe, which it has to say as such.
    REFUSED = {"detect": (5, 10)}

    def is_refused(self, name):
        release = tuple(int(number) for number in os.uname().release.split(".")[:2])
        return release <= self.REFUSED.get(name, (0, 0))

    def test_every_probe_loads_and_counts_under_tc_and_xdp(self):
        probes = sorted(path.name for path in harness.PROBES[0].iterdir())
        self.assertGreaterEqual(len(probes), 9)
        for name in probes:
            for hook in ("tc", "xdp"):
                with self.subTest(probe=name, hook=hook):
                    if self.is_refused(name):
                        error = self.refused(harness.REJECTED, "load", "p", name, "--dev", "blue0",
                                             "--netns", "blue", "--hook", hook)
                        self.assertIn("verifier rejected", error["message"])
                        continue
                    self.load("p", name, "--hook", hook)
                    self.receive(*[frames.ipv4(frames.udp(1000, 1900, b"x"), frames.UDP)] * 3)
                    self.assertTrue(self.read("p"))
                    self.dynmon("unload", "p")


@documents.tests_of(documents.SESSIONS)
class ImportedTest(documents.SessionCase):
    """Documents of Dynmon that another machine imported count here what they counted in Polycube."""

    def played(self, session):
        places = sorted(IMPORTED.glob(f"*/{session.name}"))
        self.assertTrue(places, f"{IMPORTED} has no probe of this document")
        for place in places:
            made = json.loads((place / "import.json").read_text())
            self.play(session, place.parent.name, place / "probe", made)


class CorpusTest(GuestCase):
    """Documents of others that another machine imported: the verifier of this kernel takes them."""

    def test_every_probe_is_taken(self):
        taken = collections.Counter()
        folders = sorted(CORPUS.iterdir())
        self.assertTrue(folders)
        for folder in folders:
            made = json.loads((folder / "import.json").read_text())
            for hook in ("tc", "xdp") if made["xdp"] else ("tc",):
                with self.subTest(folder.name, hook=hook):
                    self.dynmon("check", "--kernel", "--hook", hook, folder / "probe")
                    taken[hook] += 1
        print(f"\ncorpus: of {len(folders)} probes {taken['tc']} under TC, {taken['xdp']} under XDP")


class PossibleCpusTest(GuestCase):
    """More CPUs may come than are there: per-CPU values are as long as those that may."""

    def cpus(self):
        return json.loads(self.dynmon("read", "k", "cpu_array", "--format", "json").out)

    def values(self, frame_lengths):
        self.receive(*[frames.plain(length) for length in frame_lengths])
        return self.value(self.cpus(), "cpu_array")

    def test_values_are_those_of_every_cpu_that_may_come(self):
        found = self.doctor()["kernel"]
        self.assertEqual((found["possible-cpus"], found["online-cpus"]), (8, 2))
        self.load("k", "kinds")
        values = self.values((60, 60, 70))
        self.assertEqual([len(cpus) for cpus in values], [8] * 4)
        self.assertEqual([sum(cpus) for cpus in values], [0, 3, 0, 190])

    def test_what_a_cpu_counted_stays_when_it_goes_offline(self):
        self.load("k", "kinds")
        switch = pathlib.Path("/sys/devices/system/cpu/cpu1/online")
        self.receive(*[frames.plain(60)] * 5)
        with wire.on_cpu(1):
            self.receive(*[frames.plain(70)] * 4)
        switch.write_text("0")
        try:
            self.assertEqual(self.doctor()["kernel"]["online-cpus"], 1)
            values = self.values((80,))
        finally:
            switch.write_text("1")
        self.assertEqual([sum(cpus) for cpus in values], [0, 10, 0, 5 * 60 + 4 * 70 + 80])


class FenceTest(GuestCase):
    """membarrier does not wait for programs here: the fence is another, and waits."""

    def test_the_fence_is_a_map_of_maps(self):
        full = pathlib.Path("/sys/devices/system/cpu/nohz_full")
        if os.cpu_count() > 1 and not (full.exists() and "1" in full.read_text()):
            self.skipTest("built without NO_HZ_FULL, so that membarrier is not refused")
        self.assertEqual(self.doctor()["environment"]["fence"], "map-of-maps")


class NoBtfTest(GuestCase):
    """The kernel's own BTF cannot be had."""

    @classmethod
    def setUpClass(cls):
        cls.kept = pathlib.Path("/run/vmlinux.btf")
        if not cls.kept.exists():
            cls.kept.write_bytes((BTF / "vmlinux").read_bytes())
        subprocess.run(["mount", "-t", "tmpfs", "none", str(BTF)], check=True)
        cls.addClassCleanup(subprocess.run, ["umount", str(BTF)])

    def test_the_probes_do_not_need_it(self):
        self.assertFalse(self.doctor()["features"]["btf"])
        for name in ("packets", "flows"):
            self.load(name, name)
        self.receive(*[frames.plain(60)] * 5)
        self.assertEqual(self.packets("packets"), 5)

    def test_a_probe_that_asks_for_types_is_refused_and_told_of_the_option(self):
        error = self.refused(harness.UNSUPPORTED, "load", "c", "core", "--dev", "blue0", "--netns",
                             "blue")
        self.assertIn("BTF", error["message"])
        self.assertIn("--btf", error["hint"])

    def test_with_a_file_of_it_whole_or_of_what_the_probe_needs_only(self):
        least = self.folder / "least.btf"
        wire.command("bpftool", "gen", "min_core_btf", str(self.kept), str(least),
                     str(harness.probe("core") / "core.bpf.o"))
        self.assertLess(least.stat().st_size, 4096)
        seen = []
        for file in (self.kept, least):
            self.load("c", "core", "--btf", file)
            self.receive(frames.plain(60))
            seen.append(self.value(self.window("c"), "found"))
            self.dynmon("unload", "c")
        offset, size, absent = seen[0]
        self.assertTrue(0 < offset < size < 1024, seen)  # of a field of struct sk_buff; of it
        self.assertEqual(absent, 0)
        self.assertEqual(seen[1][0], offset)


class MemlockTest(GuestCase):
    """Before 5.11 maps and programs count as locked memory."""

    def test_a_limit_of_nothing_is_raised_where_it_counts(self):
        words = ["load", "p", "packets", "--dev", "blue0", "--netns", "blue"]
        process = self.start(*words, before=("prlimit", "--memlock=0:0"))
        out, error = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0, out + error)
        self.receive(*[frames.plain(60)] * 5)
        self.assertEqual(self.packets("p"), 5)

    @unittest.skipIf(kernel.VERSION >= (5, 11), "locked memory is not counted")
    def test_who_may_not_raise_it_is_told(self):
        words = ["--json", "load", "p", "packets", "--dev", "blue0", "--netns", "blue"]
        drop = ("setpriv", "--bounding-set=-sys_resource", "--inh-caps=-sys_resource", "prlimit",
                "--memlock=0:0")
        process = self.start(*words, before=drop)
        _, error = process.communicate(timeout=60)
        self.assertEqual(process.returncode, harness.FAILED, error)
        said = json.loads(error.splitlines()[-1])["error"]
        self.assertEqual(said["errno"], "EPERM")
        self.assertIn("RLIMIT_MEMLOCK", said["hint"])


class UnprivilegedTest(GuestCase):
    """kernel.unprivileged_bpf_disabled in each of its states, 1 last: it is for good."""

    def test_root_loads_in_every_state_and_doctor_says_which(self):
        switch = pathlib.Path("/proc/sys/kernel/unprivileged_bpf_disabled")
        for state in (0, 2, 1):
            switch.write_text(str(state))
            self.assertEqual(self.doctor()["environment"]["unprivileged-bpf-disabled"], state)
            self.load("p", "packets")
            self.receive(*[frames.plain(60)] * 5)
            self.assertEqual(self.packets("p"), 5)
            self.dynmon("unload", "p")


if __name__ == "__main__":
    harness.main()
