#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A replacement that cannot be: packets flow, counts go on, the old state is as it was, and the
message names the cause."""
import pathlib
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

import frames
import harness
import kernel


class RefusedReplaceTest(harness.Case):
    def setUp(self):
        super().setUp()
        self.load("t", "tally")
        self.receive(*[frames.plain(60)] * 5)

    def state(self):
        """All that is to stay: what status says, every pin, and what is pinned there."""
        status = self.status()
        return status, {str(path): kernel.object_id(path) for path in harness.pins()}

    def refuse(self, code, probe, *options):
        """The error of a replace that fails under traffic; nothing has changed."""
        before = self.state()
        earlier = self.value(self.window("t", "--peek"), "tally_all")[0]
        with self.traffic(frames.plain(60)) as sent:
            error = self.refused(code, "replace", "t", probe, *options)
        self.assertEqual(self.state(), before)
        self.assertEqual(self.value(self.window("t", "--peek"), "tally_all"), [earlier + sent[0]])
        if code != harness.USAGE:  # found before anything was begun
            self.assertTrue(error["message"].startswith("replace 't': "), error)
        return error

    def edited(self, old, new, name="tally"):
        """A copy of a probe with one change in its manifest; (folder, "FILE:LINE:COL") of it."""
        folder = self.folder / "edited"
        shutil.copytree(harness.probe(name), folder, dirs_exist_ok=True)
        manifest = folder / "probe.yaml"
        text = manifest.read_text()
        self.assertEqual(text.count(old), 1, old)
        at = text.index(old)
        manifest.write_text(text.replace(old, new))
        line = text.count("\n", 0, at) + 1
        return folder, f"{manifest}:{line}:"

    def test_the_verifier_refuses_it(self):
        log = self.folder / "log.txt"
        error = self.refuse(harness.REJECTED, "rejected", "--verifier-log", log)
        self.assertIn("verifier rejected 'rejected': invalid access to packet", error["message"])
        self.assertIn("at: dynmon_add(counter, *first_byte); // beyond data_end",
                      error["message"])
        self.assertIn("data_end", error["hint"])
        self.assertEqual(error["errno"], "EACCES")
        text = log.read_text()
        self.assertIn("invalid access to packet", text)
        self.assertRegex(text, r"(?m)^0: ")               # from the first instruction …
        self.assertRegex(text, r"processed \d+ insns")   # … to the end
        self.assertIn(f"the whole verifier log is in {log}",
                      self.dynmon("replace", "t", "rejected", "--verifier-log", log,
                                  code=harness.REJECTED).err)

    def test_apply_and_load_and_check_say_the_same(self):
        for words in (("apply", "t", "rejected", "--dev", "blue0", "--netns", "blue"),
                      ("load", "u", "rejected", "--dev", "blue0", "--netns", "blue"),
                      ("check", "--kernel", "rejected")):
            before = self.state()
            error = self.refused(harness.REJECTED, *words)
            self.assertIn("invalid access to packet", error["message"])
            self.assertEqual(self.state(), before)

    def test_a_map_of_another_type_cannot_be_kept(self):
        error = self.refuse(harness.REJECTED, "tally_wide", "--keep-maps")
        self.assertIn("map 'TALLY' cannot be kept: value has a new field 'bytes'",
                      error["message"])
        self.assertIn("--keep-matching-maps", error["hint"])

    def test_a_map_that_would_be_swapped_cannot_be_kept(self):
        folder, _ = self.edited("      map-name: TALLY_ALL\n", "      map-name: TALLY_ALL\n"
                                "      extraction-options: {swap-on-read: true}\n")
        error = self.refuse(harness.REJECTED, folder, "--keep-maps")
        self.assertIn("map 'TALLY_ALL' cannot be kept: one of them is swapped on read",
                      error["message"])

    def test_the_object_is_cut_off(self):
        whole = (harness.probe("tally") / "tally.bpf.o").read_bytes()
        folder, _ = self.edited("name: tally\ndesc", "name: tally\ndesc")
        before = self.state()
        for size in (0, 3, 16, 63, 64, 500, len(whole) // 2, len(whole) - 100, len(whole) - 1):
            (folder / "tally.bpf.o").write_bytes(whole[:size])
            error = self.refused(harness.USAGE, "replace", "t", folder)
            self.assertIn("tally.bpf.o", error["message"], size)
            self.assertEqual(self.state(), before)
        self.refuse(harness.USAGE, folder)

    def test_the_manifest_names_what_is_not_there(self):
        for old, new, message, hint in (
                ("map-name: TALLY_ALL", "map-name: TALLY_AL", "no map 'TALLY_AL'",
                 "did you mean 'TALLY_ALL'?"),
                ("program: tally\n", "program: tall\n", "no program 'tall'",
                 "did you mean 'tally'?"),
                ("  - name: step\n", "  - name: steps\n", "no parameter 'steps'",
                 "did you mean 'step'?"),
                ("    default: 1\n", "    defualt: 1\n", "'defualt'", "did you mean 'default'?"),
                ("    max: 1000\n", "    max: 5000000000\n", "parameter 'step'", None),
                ("    default: 1\n", "    default: 2000\n", "the default is above the maximum",
                 None),
                ("description: Packets by length of frame.\n", "description: [\n", "", None)):
            folder, place = self.edited(old, new)
            error = self.refuse(harness.USAGE, folder)
            self.assertIn(message, error["message"])
            if new != "description: [\n":  # what ends a list is missed further down
                self.assertIn(place, error["message"])
            if hint is not None:
                self.assertEqual(error["hint"], hint)

    def test_the_manifest_is_gone_or_no_file(self):
        folder, _ = self.edited("name: tally\ndesc", "name: tally\ndesc")
        (folder / "probe.yaml").unlink()
        self.refuse(harness.USAGE, folder)
        (folder / "probe.yaml").mkdir()
        self.refuse(harness.USAGE, folder)

    def test_a_parameter_is_out_of_range(self):
        error = self.refuse(harness.USAGE, "tally", "--set", "step=0")
        self.assertIn("parameter 'step': '0' is below the minimum 1", error["message"])
        error = self.refuse(harness.USAGE, "tally", "--set", "stp=1")
        self.assertEqual(error["hint"], "did you mean 'step'?")

    def test_the_object_has_no_program_for_the_hook(self):
        folder, _ = self.edited("  xdp-program: tally_xdp\n", "")
        manifest = folder / "probe.yaml"
        manifest.write_text(manifest.read_text().replace("  program: tally\n",
                                                         "  program: tally_xdp\n"))
        error = self.refuse(harness.USAGE, folder)
        self.assertIn("program 'tally_xdp' (section 'xdp') is no TC program", error["message"])

    def test_one_without_hand_over_cannot_stand_in_the_middle(self):
        self.load("after", "packets")
        error = self.refuse(harness.USAGE, harness.probe("plain") / "plain.bpf.o")
        self.assertIn("does not hand over, but others come after it", error["message"])
        self.assertEqual(self.hook("tc-ingress")["chain"], ["t/tally", "after/packets_ingress"])

    def test_the_monitor_does_not_exist(self):
        error = self.refused(harness.FAILED, "replace", "tt", "tally")
        self.assertIn("no monitor 'tt'", error["message"])


class SwappedReplaceTest(harness.Case):
    UDP = frames.ipv4(frames.udp(1, 2), frames.UDP)

    def test_a_refused_replace_of_a_swapped_probe_disturbs_no_window(self):
        self.load("f", "flows")
        packets = 0
        with self.traffic(self.UDP) as sent:
            for _ in range(3):
                self.refused(harness.REJECTED, "replace", "f", "rejected")
                packets += self.flow_packets(self.window("f"))
        packets += self.flow_packets(self.window("f"))
        self.assertEqual(packets, sent[0])
        self.assertEqual(self.status("f")["monitors"][0]["generation"], 1)

    def flow_packets(self, document):
        return sum(entry["value"]["packets"] for entry in self.value(document, "flows"))


class RefusedLoadTest(harness.Case):
    def test_a_refused_load_leaves_nothing(self):
        for options in (), ("--hook", "xdp"), ("--tc", "clsact"):
            error = self.refused(harness.REJECTED, "load", "r", "rejected", "--dev", "blue0",
                                 "--netns", "blue", *options)
            self.assertIn("verifier rejected 'rejected", error["message"])
            self.assert_nothing_left()


if __name__ == "__main__":
    harness.main()
