#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""PROBE on the command line: where it is looked for, and what its parameters may be."""
import shutil

import frames
import harness
from harness import PROBES, environment


class FindTest(harness.Case):
    def path_of(self, probe, **options):
        """The object that a load of `probe` took."""
        self.load("x", probe, **options)
        taken = self.status("x")["monitors"][0]["object"]
        self.receive(frames.plain(60))
        self.assertEqual(self.value(self.window("x"), "tally_all"), [1])
        self.dynmon("unload", "x")
        return taken

    def copy(self, name, folder):
        shutil.copytree(harness.probe(name), folder)
        return folder

    def test_by_name_along_the_path_first_folder_first(self):
        built = harness.probe("tally") / "tally.bpf.o"
        self.assertEqual(self.path_of("tally"), str(built))
        mine = self.copy("tally", self.folder / "mine" / "tally")
        path = f"{self.folder}/nothing:{mine.parent}:{PROBES[1]}"
        self.assertEqual(self.path_of("tally", env=environment(DYNMON_PROBE_PATH=path)),
                         str(mine / "tally.bpf.o"))

    def test_below_the_current_folder(self):
        mine = self.copy("tally", self.folder / "build" / "probes" / "tally")
        taken = self.path_of("tally", env=environment(DYNMON_PROBE_PATH=""))
        self.assertEqual((self.folder / taken).resolve(), mine / "tally.bpf.o")

    def test_by_folder_by_manifest_and_by_object(self):
        mine = self.copy("tally", self.folder / "anything")
        for probe in (mine, mine / "probe.yaml"):
            self.assertEqual(self.path_of(probe), str(mine / "tally.bpf.o"))
        self.load("x", mine / "tally.bpf.o")  # without manifest: every map is a metric
        self.receive(*[frames.plain(60)] * 2)
        document = self.window("x")
        self.assertEqual([metric["name"] for metric in document["ingress-metrics"]],
                         ["TALLY", "TALLY_ALL"])
        self.assertEqual(self.value(document, "TALLY_ALL"), [2])

    def test_an_unknown_name_is_met_with_the_nearest(self):
        error = self.refused(harness.USAGE, "load", "x", "taly", "--dev", "blue0", "--netns",
                             "blue")
        self.assertIn("no probe 'taly' in", error["message"])
        self.assertEqual(error["hint"], "did you mean 'tally'?")

    def test_what_is_no_probe_is_refused(self):
        (self.folder / "empty").mkdir()
        (self.folder / "notes.txt").write_text("no probe")
        for probe, message in ((self.folder / "empty", "no probe.yaml"),
                               (self.folder / "notes.txt", "is no probe"),
                               (self.folder / "gone", "open probe"),
                               ("-x", "")):
            error = self.refused(harness.USAGE, "load", "x", probe, "--dev", "blue0", "--netns",
                                 "blue")
            self.assertIn(message, error["message"])

    def test_unsound_names_of_monitors_are_refused(self):
        for name in ("", ".", "..", "a/b", "a.b", "a b", "__stage_1", "x" * 64, "ä"):
            error = self.refused(harness.USAGE, "load", name, "tally", "--dev", "blue0", "--netns",
                                 "blue")
            self.assertTrue(error["message"])
        self.load("x" * 63, "tally")


class ParametersTest(harness.Case):
    def refuse(self, *assignments):
        words = [word for text in assignments for word in ("--set", text)]
        return self.refused(harness.USAGE, "load", "t", "tally", "--dev", "blue0", "--netns",
                            "blue", *words)

    def test_parameters_reach_the_program(self):
        self.load("t", "tally", "--set", "step=0x10")
        self.receive(frames.plain(60))
        self.assertEqual(self.value(self.window("t"), "tally_all"), [16])

    def test_out_of_the_range_of_the_manifest(self):
        for text, message in (("0", "'0' is below the minimum 1"),
                              ("1001", "'1001' is above the maximum 1000")):
            error = self.refuse(f"step={text}")
            self.assertIn(f"parameter 'step': {message}", error["message"])
        self.load("t", "tally", "--set", "step=1000")

    def test_out_of_the_range_of_the_type(self):
        for text in ("4294967296", "-1", "99999999999999999999999999"):
            self.assertIn("parameter 'step'", self.refuse(f"step={text}")["message"])

    def test_what_is_no_number(self):
        for text in ("", "ten", "1.5", "0x", "1 "):
            self.assertIn("parameter 'step'", self.refuse(f"step={text}")["message"])

    def test_unknown_doubled_or_malformed(self):
        error = self.refuse("stop=1")
        self.assertIn("no parameter 'stop'", error["message"])
        self.assertEqual(error["hint"], "did you mean 'step'?")
        self.assertIn("parameter 'step' is set twice", self.refuse("step=1", "step=2")["message"])
        self.assertIn("'step' sets nothing", self.refuse("step")["message"])
        # Only the loader sets its own globals.
        self.assertIn("no parameter 'dynmon_slot'", self.refuse("dynmon_slot=1")["message"])

    def test_a_refused_parameter_leaves_nothing(self):
        self.refuse("step=0")
        self.assertFalse(harness.STORE.exists())


if __name__ == "__main__":
    harness.main()
