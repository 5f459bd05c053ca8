#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Replacing a probe in place: what is kept, what begins again, and that no packet goes uncounted."""
import json

import frames
import harness

UDP = frames.ipv4(frames.udp(1, 2), frames.UDP)


class ReplaceTest(harness.Case):
    def send(self, count):
        self.receive(*[frames.plain(60)] * count)

    def tally(self, document):
        return self.value(document, "tally")[0]["value"]["packets"]

    def test_without_keep_maps_the_new_one_begins_anew_and_the_old_window_can_be_read(self):
        self.load("t", "tally")
        self.send(5)
        replaced = self.replace("t", "tally")
        self.assertEqual((replaced["generation"], replaced["carried-maps"],
                          replaced["unread-window"]), (2, [], True))
        self.send(3)
        old, new = self.read("t")
        self.assertEqual([old["generation"], new["generation"]], [1, 2])
        self.assertEqual([self.tally(old), self.tally(new)], [5, 3])
        self.assertLess(old["window"]["sequence"], new["window"]["sequence"])
        self.send(1)
        self.assertEqual(self.tally(self.window("t")), 4)

    def test_the_document_of_dynmon_is_one_a_read_the_oldest_first(self):
        self.load("t", "tally")
        self.send(5)
        self.replace("t", "tally")
        self.send(3)
        counts = []
        for _ in range(2):
            document = json.loads(self.dynmon("read", "t", "--format", "dynmon").out)
            entry, = document["ingress-metrics"][0]["value"]
            counts.append(entry["value"]["packets"])
        self.assertEqual(counts, [5, 3])

    def test_keep_maps_goes_on_counting_in_the_same_maps(self):
        self.load("t", "tally")
        self.send(5)
        replaced = self.replace("t", "tally", "--keep-maps")
        self.assertEqual((sorted(replaced["carried-maps"]), replaced["unread-window"]),
                         (["TALLY", "TALLY_ALL"], False))
        self.send(3)
        document = self.window("t")
        self.assertEqual((document["generation"], self.tally(document)), (2, 8))

    def test_keep_maps_of_a_swapped_probe_keeps_the_open_window(self):
        self.load("f", "flows")
        self.window("f")  # side b is the active one now
        self.receive(*[UDP] * 5)
        begun = self.window("f", "--peek")["window"]["from"]
        self.replace("f", "flows", "--keep-maps")
        self.receive(*[UDP] * 3)
        document = self.window("f")
        self.assertEqual(self.value(document, "flows")[0]["value"]["packets"], 8)
        self.assertEqual(document["window"]["from"], begun)
        self.assertEqual(document["window"]["sequence"], 2)

    def test_parameters_of_the_new_program_are_those_given_now(self):
        self.load("t", "tally", "--set", "step=10")
        self.send(2)
        self.assertEqual(self.tally(self.window("t")), 20)
        replaced = self.replace("t", "tally", "--keep-maps", "--set", "step=100")
        self.assertEqual(replaced["parameters"], {"step": "100"})
        self.send(1)
        self.assertEqual(self.tally(self.window("t")), 120)
        self.assertEqual(self.status("t")["monitors"][0]["parameters"], {"step": "100"})
        self.replace("t", "tally", "--keep-maps")  # not given: the manifest's default
        self.send(1)
        self.assertEqual(self.tally(self.window("t")), 121)

    def test_keep_matching_maps_keeps_those_of_equal_type(self):
        self.load("t", "tally")
        self.send(5)
        replaced = self.replace("t", "tally_wide", "--keep-matching-maps")
        self.assertEqual(replaced["carried-maps"], ["TALLY_ALL"])
        self.send(3)
        old, new = self.read("t")
        self.assertEqual(self.value(old, "tally"), [{"key": 60, "value": {"packets": 5}}])
        self.assertEqual(self.value(new, "tally"),
                         [{"key": 60, "value": {"packets": 3, "bytes": 180}}])
        self.assertEqual(self.value(new, "tally_all"), [8])
        self.assertEqual([metric["name"] for metric in old["ingress-metrics"]], ["tally"])

    def test_old_windows_come_oldest_first_and_once(self):
        self.load("f", "flows")
        for count in (1, 2, 3, 4):
            self.receive(*[UDP] * count)
            if count < 4:
                self.replace("f", "flows")
        documents = self.read("f")
        self.assertEqual([sum(entry["value"]["packets"] for entry in self.value(document, "flows"))
                          for document in documents], [1, 2, 3, 4])
        self.assertEqual([document["window"]["sequence"] for document in documents], [1, 2, 3, 4])
        self.assertEqual([document["generation"] for document in documents], [1, 2, 3, 4])
        self.assertEqual(self.value(self.window("f"), "flows"), [])

    def test_windows_of_replaced_generations_follow_each_other_without_gap(self):
        self.load("f", "flows")
        for _ in range(2):
            self.receive(UDP)
            self.replace("f", "flows")
        self.receive(UDP)
        windows = [document["window"] for document in self.read("f", "--raw")]
        self.assertEqual(len(windows), 3)
        for earlier, later in zip(windows, windows[1:]):
            self.assertLess(earlier["from"], earlier["to"])
            self.assertEqual(later["from"], earlier["to"])

    def test_a_window_that_was_closed_for_another_metric_outlives_a_replace(self):
        for options in (), ("--keep-maps",):
            self.load("m", "mixed")
            self.send(2)
            self.assertEqual(self.value(self.window("m", "one"), "one"), [2])  # two: closed, unread
            self.send(3)
            self.replace("m", "mixed", *options)
            self.send(4)
            sums = {"one": 0, "two": 0}
            for document in self.read("m"):
                for metric in document["ingress-metrics"]:
                    if metric["name"] in sums:
                        sums[metric["name"]] += metric["value"][0]
            self.assertEqual(sums, {"one": 7, "two": 9})
            self.dynmon("unload", "m")

    def test_a_probe_with_other_directions_takes_its_place(self):
        self.load("x", "packets")
        self.send(2)
        self.transmit(frames.plain(60))
        self.replace("x", "tally")  # ingress only
        self.assertEqual([hook["hook"] for hook in self.status()["hooks"]], ["tc-ingress"])
        self.send(3)
        old, new = self.read("x")
        self.assertEqual((self.value(old, "packets_total"),
                          self.value(old, "packets_total", "egress")), ([2], [1]))
        self.assertEqual(self.value(new, "tally_all"), [3])
        self.replace("x", "packets")  # and egress again
        self.transmit(*[frames.plain(60)] * 4)
        self.assertEqual(self.value(self.read("x")[-1], "packets_total", "egress"), [4])
        self.assertEqual(sorted(hook["hook"] for hook in self.status()["hooks"]),
                         ["tc-egress", "tc-ingress"])

    def test_on_xdp_the_xdp_program_is_replaced(self):
        self.load("t", "tally", "--hook", "xdp")
        self.send(5)
        replaced = self.replace("t", "tally", "--keep-maps", "--set", "step=2")
        self.assertEqual([program["name"] for program in replaced["programs"]], ["tally_xdp"])
        self.send(3)
        self.assertEqual(self.tally(self.window("t")), 11)

    def test_on_clsact_the_program_is_replaced(self):
        self.load("t", "tally", "--tc", "clsact")
        self.send(5)
        self.replace("t", "tally", "--keep-maps", "--set", "step=2")
        self.send(3)
        self.assertEqual(self.tally(self.window("t")), 11)
        self.assertEqual(self.hook("tc-ingress")["mode"], "clsact")

    def test_no_packet_goes_uncounted_while_replaces_and_reads_go_on(self):
        self.load("f", "flows")
        documents = []
        with self.traffic(UDP) as sent:
            for round_number in range(6):
                self.replace("f", "flows", *["--keep-maps"] * (round_number % 2))
                documents += self.read("f")
        documents += self.read("f")
        self.assertEqual(sum(entry["value"]["packets"] for document in documents
                             for entry in self.value(document, "flows")), sent[0])
        self.assertEqual([document["window"]["sequence"] for document in documents],
                         list(range(1, len(documents) + 1)))


class ApplyTest(harness.Case):
    def apply(self, *options, name="t", probe="tally"):
        return self.dynmon("--json", "apply", name, probe, "--dev", "blue0", "--netns", "blue",
                           *options).json()

    def test_apply_loads_then_leaves_alone_then_replaces(self):
        self.assertEqual(self.apply()["outcome"], "loaded")
        self.receive(*[frames.plain(60)] * 5)
        again = self.apply()
        self.assertEqual((again["outcome"], again["generation"]), ("unchanged", 1))
        changed = self.apply("--set", "step=2", "--keep-maps")
        self.assertEqual((changed["outcome"], changed["generation"]), ("replaced", 2))
        self.assertEqual((changed["carried-maps"][:1], changed["unread-window"]),
                         (["TALLY"], False))
        said = self.dynmon("apply", "t", "tally", "--dev", "blue0", "--netns", "blue", "--set",
                           "step=3", "--keep-maps").out
        self.assertRegex(said, r"replaced t: generation 3 runs, kept TALLY")
        self.apply("--set", "step=2", "--keep-maps")
        self.assertEqual(self.apply("--set", "step=2")["outcome"], "unchanged")
        other = self.apply("--keep-matching-maps", probe="tally_wide")
        self.assertEqual((other["outcome"], other["probe"]), ("replaced", "tally_wide"))
        self.receive(frames.plain(60))
        self.assertEqual(self.value(self.read("t")[-1], "tally_all"), [6])

    def test_unchanged_means_the_same_programs_run_on(self):
        self.apply()
        before = self.status()
        self.apply()
        self.assertEqual(self.status(), before)

    def test_every_probe_is_left_alone_when_nothing_differs(self):
        for probe in sorted(folder.name for folder in (harness.BUILD / "probes").iterdir()):
            with self.subTest(probe):
                self.assertEqual(self.apply(name=probe, probe=probe)["outcome"], "loaded")
                self.assertEqual(self.apply(name=probe, probe=probe)["outcome"], "unchanged")
                self.dynmon("unload", probe)

    def test_apply_on_another_hook_is_refused(self):
        self.apply()
        error = self.refused(harness.BUSY, "apply", "t", "tally", "--dev", "blue0", "--netns",
                             "blue", "--hook", "xdp")
        self.assertIn("is on another interface or hook", error["message"])
        error = self.refused(harness.BUSY, "apply", "t", "tally", "--dev", "red0", "--netns", "red")
        self.assertIn("is on another interface or hook", error["message"])


if __name__ == "__main__":
    harness.main()
