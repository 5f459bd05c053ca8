#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Named readers: each gets every window beside other readers, or a warning of what it has lost."""
import json
import os
import signal
import struct
import subprocess

import frames
import harness
import kernel
import published
import wire


def udp(dport=2):
    return frames.ipv4(frames.udp(1, dport), frames.UDP)


class ReadersCase(harness.Case):
    def setUp(self):
        super().setUp()
        self.load("f", "flows")
        self.sent = 0

    def send(self, count, *ports):
        for port in ports or (2,):
            self.receive(*[udp(port)] * count)
            self.sent += count

    def take(self, reader, *options):
        return self.read("f", "--as", reader, *options)

    def packets_of(self, documents):
        return sum(entry["value"]["packets"] for document in documents
                   for metric in document["ingress-metrics"] if metric["name"] == "flows"
                   for entry in metric["value"])

    def sequences(self, documents):
        return [document["window"]["sequence"] for document in documents]

    def readers(self):
        return {reader["name"]: (reader["waiting"], reader["lost"])
                for reader in self.status("f")["monitors"][0]["readers"]}

    def begin(self, *readers):
        for reader in readers:
            self.take(reader)


class EachTest(ReadersCase):
    """PROMISES:
    S-35 A window that a named reader takes out of the kernel is written for all of them first
    S-36 A named reader gets the windows since it was named, each once"""

    def test_each_gets_all_windows_under_the_same_numbers(self):
        self.begin("a", "b", "c")
        got = {name: [] for name in "abc"}
        for count, reader in ((3, "a"), (0, "b"), (5, "a"), (1, "b"), (2, "b"), (4, "c"), (0, "a")):
            self.send(count)
            got[reader] += self.take(reader)
        for reader in "abc":
            got[reader] += self.take(reader)
        for reader in "abc":
            self.assertEqual(self.packets_of(got[reader]), self.sent, reader)
            numbers = self.sequences(got[reader])
            self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))), reader)

    def test_a_window_reads_the_same_whether_it_has_waited_or_not(self):
        self.begin("a", "b")
        self.send(2, 7, 8, 9)
        self.transmit(udp())
        first, waited = self.take("a")[-1], self.take("b")[0]
        for document in (first, waited):
            published.require(self, "read", json.dumps(document))
            for path in ("ingress-metrics", "egress-metrics"):
                for metric in document[path]:
                    if isinstance(metric["value"], list):
                        metric["value"].sort(key=json.dumps)
        self.assertEqual(first, waited)

    def test_every_format_has_what_has_waited(self):
        self.begin("a", "b")
        self.send(4)
        self.take("a")
        self.begin("of-csv", "of-jsonl", "of-table")
        self.send(4)
        self.take("a")
        for output, found in (("csv", ",4,"), ("jsonl", '"packets":4'), ("table", "4")):
            self.assertIn(found, self.dynmon("read", "f", "flows", "--as", f"of-{output}",
                                             "--format", output).out)
        documents = self.read("f", "flows", "--as", "b", "--where", "key.dport == 9")
        self.assertEqual((self.packets_of(documents), self.readers()["b"]), (0, (0, 0)))

    def test_one_metric_and_direction_is_all_that_such_a_reader_sees_and_others_lose_nothing(self):
        self.begin("a", "b")
        self.send(3)
        self.transmit(udp())
        documents = self.read("f", "flows", "--direction", "egress", "--as", "a")
        self.assertEqual({metric["name"] for document in documents
                          for metric in document["egress-metrics"]}, {"flows"})
        self.assertFalse(any(document["ingress-metrics"] for document in documents))
        self.assertEqual(self.packets_of(self.take("b")), 3)

    def test_windows_of_replaced_generations_wait_too(self):
        self.begin("a", "b")
        got = []
        for _ in range(3):
            self.send(2)
            self.take("a")
            self.replace("f", "flows")
        self.send(1)
        got += self.take("b")
        self.assertEqual(self.packets_of(got), self.sent)
        self.take("a")
        self.take("b")
        self.take("a")
        self.assertEqual(self.status("f")["monitors"][0]["unread-generations"], 0)

    def test_totals_have_every_window_once(self):
        self.begin("a", "b")
        for count in (3, 4):
            self.send(count)
            self.take("a")
            self.take("b")
            self.assertIn(f' {self.sent}\n', self.exposition())
        # One that shows totals takes windows too: the table does not fill up.
        self.send(5)
        text = self.exposition("--as", "metrics")
        self.assertIn(f' {self.sent}\n', text)
        self.assertEqual(self.readers()["metrics"], (0, 0))
        self.assertEqual(self.packets_of(self.read("f", "--peek")), 0)
        self.assertEqual(self.packets_of(self.take("a")), 5)

    def exposition(self, *options):
        text = self.dynmon("read", "f", "flows", "--direction", "ingress", "--format", "openmetrics",
                           *options).out
        return "".join(line + "\n" for line in text.splitlines() if "_packets_total{" in line)

    def test_an_export_and_a_reader_at_once_have_all(self):
        self.begin("b")
        export = self.start("--json", "export", "f", "--profile", "netflow", "--out",
                            str(self.folder / "out"), "--idle", "0", "--interval", "50ms", "--as",
                            "files", stdout=subprocess.PIPE)
        exported = [json.loads(export.stdout.readline())]
        got = []
        for count in (3, 1, 4, 1, 5):
            self.send(count)
            got += self.take("b")
        while sum(report["packets"] for report in exported) < self.sent:
            exported.append(json.loads(export.stdout.readline()))
        export.send_signal(signal.SIGINT)
        export.communicate(timeout=10)
        got += self.take("b")
        self.assertEqual(export.returncode, 0)
        self.assertEqual(self.packets_of(got), self.sent)
        self.assertEqual(sum(report["packets"] for report in exported), self.sent)


class NamesTest(ReadersCase):
    """PROMISES:
    S-38 A reader without a name is refused (exit code 3) where there are named ones"""

    def test_one_without_a_name_takes_nothing_from_those_that_have_one(self):
        self.begin("a")
        self.send(3)
        export = ("export", "f", "--profile", "netflow", "--out", str(self.folder / "out"))
        for words in (("read", "f"), ("read", "f", "--interval", "1s"), export):
            error = self.refused(harness.BUSY, *words)
            self.assertIn("has named readers, 'a'", error["message"])
            self.assertIn("--as", error["hint"])
        self.dynmon("read", "f", "--peek")
        self.dynmon("read", "f", "--format", "openmetrics")
        self.assertEqual(self.packets_of(self.take("a")), 3)

    def test_a_name_is_one_process_at_a_time(self):
        reader = self.start("read", "f", "--format", "json", "--interval", "300ms", "--as", "a",
                            stdout=subprocess.PIPE)
        self.assertTrue(reader.stdout.readline())
        for words in ((), ("--forget",)):
            error = self.refused(harness.BUSY, "read", "f", "--as", "a", *words)
            self.assertIn(f"pid {reader.pid}", error["message"])
        self.take("b")
        reader.kill()
        reader.communicate(timeout=10)
        self.take("a")

    def test_status_lists_them_and_they_can_be_removed(self):
        self.begin("a", "b")
        self.send(1)
        self.take("a")
        self.assertEqual(self.readers(), {"a": (0, 0), "b": (1, 0)})
        self.assertIn("reader b  1 window(s) waiting  0 lost", self.dynmon("status", "f").out)
        self.dynmon("read", "f", "--as", "b", "--forget")
        self.assertEqual(self.readers(), {"a": (0, 0)})
        error = self.refused(harness.USAGE, "read", "f", "--as", "b", "--forget")
        self.assertIn("has no reader 'b'", error["message"])
        self.assertEqual(error["hint"], "it has 'a'")
        self.dynmon("read", "f", "--as", "a", "--forget")
        self.assertEqual(self.readers(), {})
        self.send(2)
        self.assertEqual(self.packets_of(self.read("f")), 2)  # without a name, as before

    def test_words_that_do_not_fit_are_refused(self):
        for words, message in ((("--as", "a/b"), "--as 'a/b' is no name"),
                               (("--as", "a", "--peek"), "--peek"),
                               (("--forget",), "--as"),
                               (("--as", "a", "--keep-memory", "x"), "--keep-memory 'x' is no"),
                               (("--as", "a", "--keep", "x"), "--keep 'x' is not a duration")):
            self.assertIn(message, self.refused(harness.USAGE, "read", "f", *words)["message"])
        self.assertEqual(self.readers(), {})

    def test_there_is_a_bound_on_readers(self):
        self.begin(*(f"r{i}" for i in range(16)))
        self.assertIn("16 named readers at most",
                      self.refused(harness.USAGE, "read", "f", "--as", "one-more")["message"])
        self.assertEqual(len(self.readers()), 16)


class LateTest(ReadersCase):
    """PROMISES:
    S-37 Windows wait for a named reader as long as --keep says"""

    def test_who_is_late_loses_the_oldest_windows_and_is_told(self):
        self.begin("a")
        self.take("b", "--keep", "1ms")
        self.send(3)
        self.take("a")
        result = self.dynmon("read", "f", "--as", "a", "--format", "json")
        self.assertIn("reader 'b' has not come for", result.err)
        self.assertGreaterEqual(self.readers()["b"][1], 1)
        late = self.dynmon("read", "f", "--as", "b", "--format", "json", "--keep", "1h")
        self.assertRegex(late.err, r"reader 'b' has lost \d+ windows?, for which it came too late")
        self.send(4)
        self.take("a")
        result = self.dynmon("read", "f", "--as", "b", "--format", "json")
        self.assertEqual(result.err, "")  # one warning, not two
        self.assertEqual(self.packets_of([json.loads(line)
                                          for line in result.out.splitlines()]), 4)

    def test_memory_is_a_bound_too(self):
        self.take("a", "--keep-memory", "256KiB")
        self.take("b")
        lost = ""
        for _ in range(20):
            self.send(1, *range(200))
            lost += self.dynmon("read", "f", "--as", "a", "--format", "json").err
        self.assertIn("no room is left for windows that named readers have not taken", lost)
        waiting, lost = self.readers()["b"]
        self.assertGreater(lost, 0)
        documents = self.take("b")
        self.assertIn(len(documents) - waiting, (0, 1))  # its own may have cost one more
        self.assertEqual(self.packets_of(documents), 200 * (len(documents) - 1))
        numbers = self.sequences(documents)
        self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))))

    def test_a_window_that_is_larger_than_the_memory_stays_where_it_is(self):
        self.take("a", "--keep-memory", "16KiB")
        self.send(1, *range(1000))
        error = self.refused(harness.FAILED, "read", "f", "--as", "a")
        self.assertIn("does not fit into the 16384 that named readers have", error["message"])
        self.dynmon("read", "f", "--as", "a", "--forget")
        self.assertEqual(self.packets_of(self.take("a", "--keep-memory", "1MiB")), 1000)


class DamagedTest(ReadersCase):
    """What another program wrote over it is refused, and goes with the monitor or its readers."""

    CHUNK, FIRST = 16384, struct.pack("I", 0)

    def setUp(self):
        super().setUp()
        self.dir = harness.STORE / "monitors" / "f"
        self.begin("a", "b")
        self.send(3)
        self.take("a")

    def index(self):
        size = int(json.loads(wire.command("bpftool", "-j", "map", "show", "pinned",
                                           str(self.dir / "readers")))["bytes_value"])
        return kernel.lookup(self.dir / "readers", self.FIRST, size)

    def check_unloads(self):
        self.dynmon("unload", "f")
        self.assertFalse(harness.STORE.exists())

    def test_an_index_that_is_none(self):
        whole = self.index()
        for index in (whole[:4] + b"\xff" * (len(whole) - 4), whole[:4] + b"\xff\xff" + whole[6:],
                      whole[:48] + b"/" + whole[49:]):
            kernel.update(self.dir / "readers", self.FIRST, index)
            error = self.refused(harness.REJECTED, "read", "f", "--as", "a")
            self.assertIn("readers holds nothing that dynmon writes", error["message"])
            self.refused(harness.REJECTED, "read", "f")
            self.assertIn("readers holds nothing", self.status("f")["monitors"][0]["problem"])
        self.check_unloads()

    def test_an_index_of_another_version(self):
        kernel.update(self.dir / "readers", self.FIRST, b"\x09" + self.index()[1:])
        error = self.refused(harness.UNSUPPORTED, "read", "f", "--as", "a")
        self.assertIn("was written by another version of dynmon", error["message"])
        self.check_unloads()

    def test_windows_that_are_none(self):
        for chunk in (b"\xff" * self.CHUNK, b"\0" * self.CHUNK, os.urandom(self.CHUNK)):
            for key in range(3):
                kernel.update(self.dir / "windows", struct.pack("I", key), chunk)
            error = self.refused(harness.REJECTED, "read", "f", "--as", "b")
            self.assertIn("a window that waits for named readers", error["message"])
        self.dynmon("read", "f", "--as", "b", "--forget")
        self.send(2)
        self.assertIn(2, [entry["value"]["packets"] for document in self.take("c")
                          for entry in self.value(document, "flows")])
        self.check_unloads()

    def test_maps_of_other_sizes(self):
        for name in ("readers", "windows"):
            (self.dir / name).rename(self.dir / "hidden")
            with kernel.closing(kernel.make_map(2, 4, 8, 1)) as made:
                kernel.pin(made, self.dir / name)
            error = self.refused(harness.REJECTED, "read", "f", "--as", "a")
            self.assertIn(f"{name} is a map of another type or size", error["message"])
            (self.dir / name).unlink()
            (self.dir / "hidden").rename(self.dir / name)
        self.take("a")


if __name__ == "__main__":
    harness.main()
