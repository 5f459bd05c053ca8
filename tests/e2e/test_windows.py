#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Reading: what belongs to which window, and what a read leaves alone."""
import json
import signal
import subprocess

import frames
import harness

UDP = frames.ipv4(frames.udp(1, 2), frames.UDP)


class WindowCase(harness.Case):
    def flow_packets(self, document, direction="ingress"):
        return sum(entry["value"]["packets"] for entry in self.value(document, "flows", direction))

    def raw_window(self, name, *options):
        return self.window(name, "--raw", *options)["window"]


class SequenceTest(WindowCase):
    def test_a_window_holds_what_came_since_the_one_before(self):
        self.load("f", "flows")
        for sequence, (received, sent) in enumerate([(5, 2), (0, 0), (250, 1), (1, 0), (0, 7)], 1):
            self.receive(*[UDP] * received)
            self.transmit(*[UDP] * sent)
            document = self.window("f")
            self.assertEqual(document["window"]["sequence"], sequence)
            self.assertEqual((self.flow_packets(document), self.flow_packets(document, "egress")),
                             (received, sent))

    def test_a_window_begins_where_the_one_before_ended(self):
        self.load("f", "flows")
        windows = [self.raw_window("f") for _ in range(5)]
        for earlier, later in zip(windows, windows[1:]):
            self.assertLess(earlier["from"], earlier["to"])
            self.assertEqual(later["from"], earlier["to"])
            self.assertEqual(later["sequence"], earlier["sequence"] + 1)

    def test_a_window_of_what_is_not_swapped_begins_with_the_load(self):
        self.load("p", "packets")
        first, second = self.raw_window("p"), self.raw_window("p")
        self.assertEqual(first["from"], second["from"])
        self.assertLess(first["to"], second["to"])
        self.assertEqual((first["sequence"], second["sequence"]), (1, 2))

    def test_windows_of_both_sides_of_the_swap_add_up(self):
        self.load("f", "flows")
        total = 0
        for _ in range(20):
            self.receive(*[UDP] * 13)
            total += self.flow_packets(self.window("f"))
        self.assertEqual(total, 20 * 13)


class PeekTest(WindowCase):
    def test_the_open_window_begins_where_the_one_ended_that_is_still_to_be_read(self):
        self.load("f", "flows")
        closed = self.raw_window("f", "--direction", "ingress")
        waiting, opened = [json.loads(line)["window"] for line in self.dynmon(
            "read", "f", "flows", "--peek", "--raw", "--format", "json").out.splitlines()]
        self.assertEqual((waiting["from"], waiting["to"], waiting["sequence"]),
                         (closed["from"], closed["to"], 1))
        self.assertEqual((opened["from"], opened["sequence"]), (closed["to"], 2))
        for path in ("ingress", "egress"):
            *_, document = self.read("f", "--direction", path, "--peek", "--raw")
            self.assertEqual(document["window"]["from"], closed["to"], path)

    def test_peek_shows_the_open_window_and_changes_nothing(self):
        self.load("f", "flows")
        self.receive(*[UDP] * 4)
        first = self.window("f", "--peek")
        self.receive(UDP)
        second = self.window("f", "--peek")
        self.assertEqual((self.flow_packets(first), self.flow_packets(second)), (4, 5))
        read = self.window("f")
        self.assertEqual(self.flow_packets(read), 5)
        # The window that the peeks showed is the one that is read.
        windows = [document["window"] for document in (first, second, read)]
        self.assertEqual([window["sequence"] for window in windows], [1, 1, 1])
        self.assertEqual({window["from"] for window in windows}, {read["window"]["from"]})
        self.assertEqual(self.status("f")["monitors"][0]["windows"], 1)

    def test_peek_leaves_maps_that_are_emptied_and_queues_alone(self):
        self.load("k", "kinds")
        self.receive(frames.plain(60), frames.plain(70))
        for _ in range(2):
            peeked = self.window("k", "--peek")
            self.assertEqual(self.value(peeked, "array"), [0, 2, 0, 130])
            self.assertEqual(len(self.value(peeked, "lru")), 2)
            # Only the head of a queue can be seen.
            self.assertEqual(self.value(peeked, "queue"), [{"length": 60, "marker": 0xabcd}])
        read = self.window("k")
        self.assertEqual(self.value(read, "array"), [0, 2, 0, 130])
        self.assertEqual([item["length"] for item in self.value(read, "queue")], [60, 70])


class SelectionTest(WindowCase):
    def test_path_shows_one_direction_and_keeps_the_other_for_later(self):
        self.load("f", "flows")
        self.receive(*[UDP] * 3)
        self.transmit(*[UDP] * 2)
        document = self.window("f", "--direction", "egress")
        self.assertEqual(document["ingress-metrics"], [])
        self.assertEqual(self.flow_packets(document, "egress"), 2)
        self.receive(UDP)
        documents = self.read("f")
        self.assertEqual(sum(map(self.flow_packets_if_any, documents)), 4)

    def flow_packets_if_any(self, document):
        names = [metric["name"] for metric in document["ingress-metrics"]]
        return self.flow_packets(document) if "flows" in names else 0

    def test_reading_one_metric_loses_nothing_of_the_others(self):
        self.load("m", "mixed")
        sums = {"one": 0, "two": 0}
        sent = 0
        reads = ["one", "one", "two", "one", None, "two", "two", None]
        for count, metric in enumerate(reads, 1):
            self.receive(*[frames.plain(60)] * count)
            sent += count
            for document in self.read("m", *([metric] if metric else [])):
                for found in document["ingress-metrics"]:
                    if found["name"] in sums:
                        sums[found["name"]] += found["value"][0]
            if metric:
                self.assertEqual(sums[metric], sent)
        self.assertEqual(sums, {"one": sent, "two": sent})

    def test_windows_of_a_metric_that_was_left_out_twice_cover_all_that_is_in_them(self):
        """What came first is on the side that is written now.

        PROMISES:
        S-39 Reads that leave a metric out may swap over a window of it that no reader has taken."""
        self.load("m", "mixed")
        begun = self.raw_window("m", "--peek")["from"]
        for count in (2, 3):
            self.receive(*[frames.plain(60)] * count)
            self.read("m", "one")
        self.receive(*[frames.plain(60)] * 4)
        look = self.read("m", "two", "--raw", "--peek")
        documents = self.read("m", "two", "--raw")
        self.receive(frames.plain(60))
        documents += self.read("m", "two", "--raw")
        self.assertEqual([self.value(document, "two") for document in documents], [[3], [6], [1]])
        self.assertEqual([document["window"]["from"] for document in (*look, *documents)],
                         [begun] * 4 + [documents[1]["window"]["to"]])

    def test_a_swapped_and_an_unswapped_metric_in_one_monitor(self):
        self.load("m", "mixed")
        total = 0
        for count in (5, 0, 8, 1):
            total += count
            self.receive(*[frames.plain(60)] * count)
            document = self.window("m")
            self.assertEqual([self.value(document, name) for name in ("one", "two", "kept")],
                             [[count], [count], [total]])

    def test_reading_only_an_unswapped_metric_closes_no_window(self):
        self.load("m", "mixed")
        self.receive(frames.plain(60))
        self.assertEqual(self.value(self.window("m", "kept"), "kept"), [1])
        self.receive(frames.plain(60))
        self.assertEqual(self.value(self.window("m", "one"), "one"), [2])

    def test_unknown_names_are_met_with_the_nearest(self):
        self.load("web", "flows")
        error = self.refused(harness.FAILED, "read", "wbe")
        self.assertEqual((error["message"], error["hint"]),
                         ("read 'wbe': no monitor 'wbe'", "did you mean 'web'?"))
        error = self.refused(harness.USAGE, "read", "web", "flow")
        self.assertIn("no metric 'flow'", error["message"])
        self.assertEqual(error["hint"], "did you mean 'flows'?")
        self.load("in", "mixed")
        error = self.refused(harness.USAGE, "read", "in", "--direction", "egress")
        self.assertIn("monitor 'in' has no metric there", error["message"])


class SharedMapTest(WindowCase):
    def send(self, received, sent):
        self.receive(*[frames.plain(60)] * received)
        self.transmit(*[frames.plain(60)] * sent)
        return {key: count for key, count in ((0, received), (1, sent)) if count}

    def entries(self, document, direction):
        return {entry["key"]: entry["value"]
                for entry in self.value(document, "both", direction)}

    def test_a_map_of_both_directions_is_shown_once_and_emptied_once(self):
        self.load("s", "shared")
        for received, sent in ((3, 2), (1, 0), (0, 4)):
            expected = self.send(received, sent)
            document = self.window("s")
            self.assertEqual(self.entries(document, "ingress"), expected)
            self.assertEqual(self.entries(document, "egress"), {})
            self.assertEqual([metric.get("same-as") for direction in ("ingress", "egress")
                              for metric in document[f"{direction}-metrics"]], [None, "ingress"])
        expected = self.send(1, 2)
        rows = self.dynmon("read", "s", "--format", "csv", "--no-origin").out.split("\r\n")[1:-1]
        self.assertEqual(sorted(row.split(",", 1)[0] for row in rows), ["ingress"] * len(expected))

    def test_a_map_of_both_directions_is_shown_under_the_one_that_is_asked_for(self):
        self.load("s", "shared")
        expected = self.send(2, 1)
        document = self.window("s", "--direction", "egress")
        self.assertEqual(self.entries(document, "egress"), expected)

    def test_dynmon_has_null_where_polycube_had_drained_the_map(self):
        self.load("s", "shared")
        self.send(2, 0)
        document = json.loads(self.dynmon("read", "s", "--format", "dynmon").out)
        self.assertEqual([metric["value"] for direction in ("ingress", "egress")
                          for metric in document[f"{direction}-metrics"]],
                         [[{"key": 0, "value": 2}], None])


class IntervalTest(WindowCase):
    def test_interval_and_count_print_so_many_windows(self):
        self.load("f", "flows")
        self.receive(*[UDP] * 3)
        out = self.dynmon("read", "f", "--format", "json", "--interval", "20ms", "--count", "3").out
        documents = [json.loads(line) for line in out.splitlines()]
        self.assertEqual([document["window"]["sequence"] for document in documents], [1, 2, 3])
        self.assertEqual([self.flow_packets(document) for document in documents], [3, 0, 0])

    def interrupt(self, signal_number):
        """Sends packets while a reader runs, stops it, and counts what all windows hold."""
        self.load("f", "flows")
        reader = self.start("--quiet", "read", "f", "--format", "json", "--interval", "10ms")
        sent = 0
        lines = []
        while len(lines) < 5:
            self.receive(*[UDP] * 10)
            sent += 10
            lines.append(reader.stdout.readline())
        reader.send_signal(signal_number)
        rest, error = reader.communicate(timeout=10)
        self.assertEqual((reader.returncode, error), (0, ""))
        self.assertTrue(rest == "" or rest.endswith("\n"), rest[-100:])
        documents = [json.loads(line) for line in lines + rest.splitlines()]
        self.assertEqual([document["window"]["sequence"] for document in documents],
                         list(range(1, len(documents) + 1)))
        last = self.window("f")
        self.assertEqual(last["window"]["sequence"], len(documents) + 1)
        self.assertEqual(sum(map(self.flow_packets, documents + [last])), sent)

    def test_ctrl_c_ends_with_a_whole_document(self):
        self.interrupt(signal.SIGINT)

    def test_sigterm_ends_with_a_whole_document(self):
        self.interrupt(signal.SIGTERM)

    def test_an_interval_that_is_none_is_refused(self):
        self.load("f", "flows")
        for text in ("0s", "-1s", "soon", "1y", "1e30"):
            error = self.refused(harness.USAGE, "read", "f", f"--interval={text}")
            self.assertIn("--interval", error["message"])


class ClaimTest(WindowCase):
    """PROMISES:
    S-34 A reader that goes on (`export`, `read --interval`) holds the claim on the windows"""

    def export(self, out):
        return ("export", "f", "--profile", "netflow", "--out", str(self.folder / out), "--idle",
                "0", "--interval", "300ms")

    def taking(self, *words):
        """A reader that has come so far that it takes windows."""
        reader = self.start(*words, stdout=subprocess.PIPE)
        self.assertTrue(reader.stdout.readline())
        return reader

    def refuse_others(self, reader):
        for words in (("read", "f"), ("read", "f", "--interval", "1s"), self.export("other")):
            error = self.refused(harness.BUSY, *words)
            self.assertIn("another reader takes the windows of monitor 'f'", error["message"])
            self.assertIn(f"pid {reader.pid}", error["message"])
            self.assertIn("--peek", error["hint"])
        for words in (("--peek",), ("--format", "openmetrics")):
            self.dynmon("read", "f", *words)

    def test_whoever_else_wants_the_windows_of_a_reader_that_goes_on_is_refused(self):
        self.load("f", "flows")
        for words in (("--json", *self.export("out")),
                      ("read", "f", "--format", "json", "--interval", "300ms")):
            reader = self.taking(*words)
            self.refuse_others(reader)
            reader.send_signal(signal.SIGINT)
            reader.communicate(timeout=10)
            self.read("f")

    def test_a_reader_that_is_killed_has_no_claim_any_more(self):
        self.load("f", "flows")
        reader = self.taking("read", "f", "--format", "json", "--interval", "300ms")
        self.receive(*[UDP] * 3)
        reader.kill()
        printed = reader.communicate(timeout=10)[0]
        whole = [json.loads(line) for line in printed[:printed.rfind("\n") + 1].splitlines()]
        windows = {document["window"]["sequence"]: document for document in self.read("f") + whole}
        self.assertEqual(sum(map(self.flow_packets, windows.values())), 3)

    def test_the_claim_goes_on_over_a_replace(self):
        self.load("f", "flows")
        reader = self.taking("read", "f", "--format", "json", "--interval", "300ms")
        self.replace("f", "flows")
        self.refuse_others(reader)
        reader.send_signal(signal.SIGINT)
        reader.communicate(timeout=10)

    def test_a_monitor_without_a_place_for_it_gets_one(self):
        self.load("f", "flows")
        claim = harness.STORE / "monitors" / "f" / "claim"  # an older dynmon made none
        claim.rmdir()
        self.read("f")
        self.refuse_others(self.taking("read", "f", "--format", "json", "--interval", "300ms"))


if __name__ == "__main__":
    harness.main()
