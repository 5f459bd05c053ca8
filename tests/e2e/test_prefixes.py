#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Metrics of tries and of arrays that are read as memory: swapped, emptied, exact."""
import shutil

import harness
import frames


class PrefixesTest(harness.Case):
    def read_all(self, *options):
        document = self.window("p", *options)
        nets = [{row["key"]: row["value"] for row in self.value(document, name)}
                for name in ("swapped_nets", "emptied_nets")]
        lengths = [{at: frames for at, frames in enumerate(self.value(document, name)) if frames}
                   for name in ("lengths", "swapped_lengths")]
        return nets, lengths

    def test_each_window_holds_what_came_since_the_one_before(self):
        for hook in ("tc", "xdp"):
            with self.subTest(hook):
                self.load("p", "prefixes", "--hook", hook)
                self.receive(*[frames.plain(60)] * 3, *[frames.plain(200)] * 2)
                nets, lengths = {"10.60.0.0/16": 3, "10.200.0.0/16": 2}, {60: 3, 200: 2}
                self.assertEqual(self.read_all("--peek"), ([nets] * 2, [lengths] * 2))
                self.assertEqual(self.read_all(), ([nets] * 2, [lengths] * 2))
                self.receive(frames.plain(61))
                self.assertEqual(self.read_all(), ([{"10.61.0.0/16": 1}] * 2, [{61: 1}] * 2))
                self.assertEqual(self.read_all(), ([{}] * 2, [{}] * 2))
                self.dynmon("unload", "p")

    def test_a_prefix_is_a_label(self):
        self.load("p", "prefixes")
        for total in (1, 2):
            self.receive(frames.plain(60))
            out = self.dynmon("read", "p", "swapped_nets", "--format", "openmetrics").out
            lines = [line for line in out.splitlines() if 'net="10.60.0.0/16"' in line]
            self.assertEqual([line.split()[1] for line in lines if "_total{" in line],
                             [str(total)], out)

    def test_global_variables_are_a_metric(self):
        self.load("p", "prefixes")
        self.receive(frames.plain(60), frames.plain(70))
        values, = self.value(self.window("p", "globals"), "globals")
        self.assertEqual((values["frames_seen"], values["last_length"]), (2, 70))
        out = self.dynmon("read", "p", "globals", "--format", "openmetrics").out
        self.assertIn('frames_seen_total{monitor="p",device="blue0",direction="ingress"} 2\n', out)

    def test_global_variables_are_neither_emptied_nor_swapped(self):
        for option, fault in (("empty", "cannot be emptied"), ("swap", "cannot be swapped")):
            copy = self.folder / option
            shutil.copytree(harness.probe("prefixes"), copy)
            manifest = copy / "probe.yaml"
            text = manifest.read_text().replace(
                "map-name: .bss", "map-name: .bss\n      extraction-options:\n"
                f"        {option}-on-read: true")
            manifest.write_text(text)
            result = self.dynmon("check", copy, code=harness.USAGE)
            self.assertIn(f"map '.bss' {fault}: it holds the variables", result.out + result.err)

    def test_nothing_is_lost_while_frames_come_in(self):
        self.load("p", "prefixes", "--hook", "xdp")
        counted = 0
        with self.traffic(frames.plain(60)) as sent:
            for _ in range(20):
                counted += self.read_all()[1][1].get(60, 0)
        counted += self.read_all()[1][1].get(60, 0)
        self.assertEqual(counted, sent[0])

    def test_maps_live_on_over_a_replacement(self):
        self.load("p", "prefixes")
        self.receive(frames.plain(60))
        self.replace("p", "prefixes", "--keep-maps")
        self.receive(frames.plain(60))
        self.assertEqual(self.read_all(), ([{"10.60.0.0/16": 2}] * 2, [{60: 2}] * 2))


if __name__ == "__main__":
    harness.main()
