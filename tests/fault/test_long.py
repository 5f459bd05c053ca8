#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""`read --interval` and `export` run for months: what others do beside them, and what the machine
refuses for a while, does not end them, and what ends them gives the right error and code."""
import json
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

import crash
import exports
import frames
import harness
import killed
import wire
from exports import UDP
from harness import STORE
from test_lock import HOLD, EXCLUSIVE


class LongCase(exports.ExportCase):
    def hear(self, process, word, seconds=10):
        """The line of stderr that has `word`."""
        lines = []

        def heard():
            lines.append(process.stderr.readline())
            if lines[-1] == "" and process.poll() is not None:
                self.fail(f"it ended with {process.returncode}: {lines}")
            return word in lines[-1]
        self.eventually(heard, word, seconds)
        return lines[-1]

    def start_read(self, **options):
        return self.start("read", "f", "--interval", "30ms", "--format", "json", **options)

    def document(self, process):
        line = process.stdout.readline()
        if not line:
            self.fail(f"it has ended: {process.stderr.read()}")
        return json.loads(line)

    def hold(self, directory):
        holder = subprocess.Popen([sys.executable, "-c", HOLD, str(directory), str(EXCLUSIVE)],
                                  stdout=subprocess.PIPE, text=True)
        self.processes.append(holder)
        self.assertEqual(holder.stdout.readline(), "held\n")
        return holder

    def told(self, collector):
        return sum(record["packetDeltaCount"] for record in collector.records())


class DescriptorTest(LongCase):
    CLOSED = ("sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh")

    def test_an_export_without_standard_descriptors_sends_flows_and_nothing_else(self):
        self.load("f", "flows")
        collector = self.collector("tcp")
        for _ in range(3):
            self.receive(UDP, UDP)
            exporter = self.start("export", "f", "--profile", "ipfix", "--to", collector.to,
                                  "--interval", "20ms", "--count", 3, "--idle", 0,
                                  before=self.CLOSED)
            self.assertEqual(exporter.wait(20 * wire.PATIENCE), 0)
        self.eventually(lambda: self.told(collector) == 6, "every packet arrives")
        collector.close()  # it has met nothing but IPFIX

    def test_a_read_without_stdout_fails_and_takes_nothing(self):
        self.load("f", "flows")
        self.receive(UDP)
        reader = self.start("read", "f", before=self.CLOSED)
        self.assertEqual(reader.wait(20 * wire.PATIENCE), harness.FAILED)
        self.assertEqual(self.value(self.read("f")[0], "flows")[0]["value"]["packets"], 1)

    def test_a_limit_of_the_file_size_is_an_error_and_takes_nothing(self):
        self.load("f", "flows")
        self.receive(*[frames.ipv4(frames.udp(port, 2), frames.UDP) for port in range(1, 30)])
        with open(self.folder / "out", "wb") as out:
            result = self.dynmon(
                "read", "f", "--format", "json", stdout=out, code=harness.FAILED,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)))
        self.assertIn("EFBIG", result.err)
        self.assertEqual(len(self.value(self.read("f")[0], "flows")), 29)


class LockTest(LongCase):
    def test_a_reader_goes_on_after_a_lock_that_is_held_for_longer_than_it_waits(self):
        self.load("f", "flows")
        reader = self.start("--lock-timeout", "20ms", "read", "f", "--interval", "30ms",
                            "--format", "json")
        self.document(reader)
        holder = self.hold(STORE / "monitors" / "f")
        said = self.hear(reader, "is locked by")
        self.assertIn(f"by pid {holder.pid}", said)
        self.receive(UDP, UDP)
        harness.stop(holder)
        self.hear(reader, "goes on")
        self.eventually(lambda: self.value(self.document(reader), "flows"), "the packets come")
        self.assertEqual(self.finish(reader).count("is locked by"), 0)  # said once

    def test_an_export_does_too_and_its_last_window_decides_how_it_ends(self):
        self.load("f", "flows")
        collector = self.collector("tcp")
        exporter = self.start("--lock-timeout", "20ms", "--json", "export", "f", "--profile",
                              "ipfix", "--to", collector.to, "--interval", "30ms", "--idle", 0)
        exporter.stdout.readline()
        holder = self.hold(STORE)
        self.hear(exporter, "is locked by")
        self.receive(UDP, UDP)
        harness.stop(holder)
        self.eventually(lambda: self.told(collector) == 2, "the packets arrive")
        self.hold(STORE)
        self.hear(exporter, "is locked by")
        exporter.send_signal(signal.SIGINT)
        self.assertEqual(exporter.wait(20 * wire.PATIENCE), harness.BUSY)

    def test_the_time_out_is_one_bound_for_all_locks_of_a_command(self):
        """The first is let go when half of the time is over, the second not at all."""
        self.load("f", "flows")
        first, second = self.hold(STORE / "monitors" / "f"), self.hold(STORE)
        begun = time.monotonic()
        waiting = self.start("--lock-timeout", "3s", "read", "f")
        self.eventually(lambda: time.monotonic() - begun > 2, "two thirds of the time are over")
        harness.stop(first)
        _, error = waiting.communicate(timeout=30)
        self.assertEqual(waiting.returncode, harness.BUSY, error)
        self.assertIn(f"{STORE} is locked by pid {second.pid}", error)
        self.assertLess(time.monotonic() - begun, 4.5)
        harness.stop(second)


class RepairTest(killed.KilledCase, LongCase):
    """What a verb that was killed beside a reader without rights leaves is finished by `recover`,
    and the reader goes on."""
    REPLACE = ("replace", "f", "flows")

    def points_behind_publishing(self):
        self.load("f", "flows")
        calls = self.trace(*self.REPLACE)
        published = [at for at, call in enumerate(calls) if call[0].startswith("renameat")][0]
        return [call for call in calls[published + 1:]
                if not crash.is_private(call[0], call[2]) and call[0] in ("bpf", "unlink", "rmdir",
                                                                          "unlinkat")]

    def check(self, points, start, next_window):
        for point in points:
            with self.subTest(point=point):
                runner = start()
                done = self.run_at(point, killed.KILL, *self.REPLACE)
                self.assertIn(done.returncode, (-9, 0), done.stderr)
                # It meets what is left, twice at least, and lives.
                begun = time.monotonic()
                self.eventually(lambda: runner.poll() is not None
                                or time.monotonic() - begun > 0.15, "it has met that")
                self.assertIsNone(runner.poll(), runner.poll() and runner.stderr.read())
                self.dynmon("recover")
                self.receive(UDP)
                next_window(runner)
                self.finish(runner)

    def test_a_reader_outlives_a_replace_that_was_killed(self):
        printed = self.folder / "printed"  # a pipe would fill up

        def start():
            with open(printed, "wb") as out:
                runner = self.start_read(stdout=out)
            self.eventually(printed.read_text, "it reads")
            return runner
        self.check(self.points_behind_publishing()[::4], start, lambda runner: self.eventually(
            lambda: '"packets":1' in printed.read_text(), "the packet comes"))

    def test_an_export_outlives_a_replace_that_was_killed(self):
        points = self.points_behind_publishing()[1::4]
        collector = self.collector("tcp")
        sent = [0]

        def arrived(_):
            sent[0] += 1
            self.eventually(lambda: self.told(collector) == sent[0], "the packet comes", 10)
        self.check(points, lambda: self.start_export(collector.to, "--idle", 0, interval="30ms"),
                   arrived)


class StateTest(LongCase):
    def test_flows_go_out_at_the_end_when_the_folder_of_the_state_is_gone(self):
        """And the windows that could not be saved are in the kernel still."""
        self.load("f", "flows")
        collector = self.collector("tcp")
        folder = self.folder / "states"
        folder.mkdir()
        exporter = self.start_export(collector.to, "--idle", "1h", "--state", folder / "state")
        self.receive(*[UDP] * 3)
        self.eventually(lambda: not self.in_kernel(), "the flow is taken")
        exporter.stdout.readline()  # the window after it was reported too
        shutil.rmtree(folder)
        self.hear(exporter, "windows stay in the kernel")
        self.receive(*[UDP] * 4)
        error = self.finish(exporter, harness.FAILED)
        self.assertNotIn("they are in", error)
        self.eventually(lambda: self.told(collector) == 3, "what was saved goes out")
        self.assertEqual(sum(entry["value"]["packets"] for document in self.read("f")
                             for entry in self.value(document, "flows")), 4)

    def in_kernel(self):
        document = self.read("f", "--peek")[-1]
        return self.value(document, "flows")


class EndTest(LongCase):
    def test_a_monitor_that_is_unloaded_is_no_error_of_usage(self):
        self.load("f", "flows")
        reader = self.start_read()
        self.document(reader)
        self.dynmon("unload", "f")
        self.assertEqual(reader.wait(20 * wire.PATIENCE), harness.FAILED, reader.stderr.read())

    def test_a_metric_that_is_replaced_is_no_error_of_usage(self):
        self.load("f", "flows")
        reader = self.start("read", "f", "flows", "--interval", "30ms", "--format", "json")
        self.document(reader)
        self.replace("f", "packets")
        self.assertEqual(reader.wait(20 * wire.PATIENCE), harness.FAILED, reader.stderr.read())

    def test_a_bpffs_that_is_unmounted_is_no_error_of_usage(self):
        for words in (("read", "f", "--format", "json"),
                      ("export", "f", "--profile", "netflow", "--out", self.folder / "out")):
            self.load("f", "flows")
            process = self.start("--json", *words, "--interval", "30ms")
            self.document(process)
            wire.command("umount", "-l", str(harness.BPFFS))
            try:
                _, error = process.communicate(timeout=20 * wire.PATIENCE)
                self.assertEqual(process.returncode, harness.FAILED, error)
            finally:
                wire.command("mount", "-t", "bpf", "bpf", str(harness.BPFFS))

    def test_what_is_waited_for_is_said_at_once(self):
        self.load("f", "flows")
        collector = self.collector("udp")
        for words in (("read", "f"), ("export", "f", "--profile", "ipfix", "--to", collector.to)):
            process = self.start(*words, "--interval", "1h")
            self.assertEqual(process.stderr.readline(),
                             f"dynmon: info: {words[0]} 'f': the first window ends in 1h, then one "
                             "follows every 1h; Ctrl-C ends it\n")
            self.finish(process)

    def test_a_monitor_that_is_not_there_is_said_at_once(self):
        self.load("f", "flows")
        error = self.refused(harness.FAILED, "read", "g", "--interval", "1h")
        self.assertIn("no monitor 'g'", error["message"])


if __name__ == "__main__":
    harness.main()
