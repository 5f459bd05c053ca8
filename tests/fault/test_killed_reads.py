#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""SIGKILL on entering each system call of a read: the next one hands out what it has not, once.

Each system call: with DYNMON_EVERY_SYSCALL=1. Without, as the rule in crash.py says."""
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

import crash
import killed
from killed import KILL


class ReadTest(killed.RunningCase):
    """PROMISES:
    S-11 `read` of a swapped metric writes the state first
    S-12 A window of a swapped metric is not lost, and a reader that keeps the first whole
    S-13 A window keeps its sequence number however often it is printed, also when its
    H-5 A change of a swapped program's successor writes the slot of the idle instance first"""

    def test_a_killed_read_leaves_its_window_to_the_next(self):
        self.check_windows("read", "m", "--format", "json")

    def test_a_killed_read_of_replaced_generations_leaves_theirs_too(self):
        def between():
            self.sent = (0, 0)
            self.count(3, 2)
            self.dynmon("replace", "m", self.PROBE)
            self.count(1, 1)

        def check(printed, number):
            documents = self.printed(printed)
            if number % 2:
                self.dynmon("replace", "m", self.PROBE)
                self.count(2, 1)
            self.assertEqual(self.counted(documents + self.read("m")), self.sent)
            self.assert_one_generation()
        self.every_point("read", "m", "--format", "json", prepare=self.prepare, between=between,
                         check=check)

    def test_a_read_that_was_killed_and_then_replaced_keeps_the_number_of_its_window(self):
        self.check_windows("replace", "m", self.PROBE, kill=("read", "m", "--format", "json"))

    def test_a_killed_read_of_one_metric_as_json_is_not_printed_under_two_numbers(self):
        self.check_windows("read", "m", "--format", "json",
                           kill=("read", "m", "--direction", "ingress", "--format", "json"))


class TotalsTest(killed.RunningCase):
    """PROMISES:
    S-14 A window is in the totals of OpenMetrics once, however often the read was killed and
    S-16 OpenMetrics takes no window: it shows the totals and what is in the maps."""

    def check_totals(self, *words, after):
        def prepare():
            self.prepare()
            self.all = (0, 0)

        def between():
            self.send(3, 2)

        def check(_, number):
            self.send(2, 1)
            after(number)
            self.all = (self.all[0] + 5, self.all[1] + 3)
            for _ in range(2):
                self.assertEqual(self.totals(self.expose()), self.all)
                self.dynmon("read", "m", "--format", "json")
            self.assertEqual(self.totals(self.expose()), self.all)
            self.assert_one_generation()
        self.every_point(*words, prepare=prepare, between=between, check=check)

    def expose(self):
        return self.dynmon("read", "m", "--format", "openmetrics").out

    def test_a_killed_read_is_in_the_next_exposition_once(self):
        def after(number):
            if number % 3 == 1:
                self.dynmon("replace", "m", self.PROBE)
        self.check_totals("read", "m", "--format", "json", after=after)

    def test_a_killed_exposition_takes_nothing(self):
        self.check_windows("read", "m", "--format", "json",
                           kill=("read", "m", "--format", "openmetrics"))

    def part(self, direction):
        return ("read", "m", "--direction", direction, "--format", "json")

    def test_a_killed_read_of_one_metric_and_then_of_another_counts_everything_once(self):
        def after(number):
            if number % 3 == 0:
                self.dynmon(*self.part("ingress"))
            self.dynmon(*self.part("egress"))
            if number % 3 == 1:
                self.dynmon("replace", "m", self.PROBE)
        self.check_totals(*self.part("ingress"), after=after)


class NamedTest(killed.RunningCase):
    """Two named readers, of which one is killed: each has every window once.

    PROMISES:
    S-35 A window that a named reader takes out of the kernel is written for all of them first
    S-36 A named reader gets the windows since it was named, each once"""

    def words(self, reader, *more):
        return ("read", "m", "--as", reader, "--format", "json", *more)

    def take(self, reader):
        return self.printed(self.dynmon(*self.words(reader)).out)

    def take_both(self):
        for reader in "ab":
            self.take(reader)

    def prepare_both(self):
        self.prepare()
        self.take_both()

    def count_anew(self):
        self.take_both()
        self.sent = (0, 0)
        self.count(3, 2)

    def check_readers(self, kill, after=lambda number: None):
        def check(printed, number):
            got = {"a": self.printed(printed), "b": []}
            self.count(2, 1)
            after(number)
            self.count(1, 1)
            for reader in "ba" if number % 2 else "ab":
                got[reader] += self.take(reader)
            for reader in "ab":
                self.assertEqual(self.counted(got[reader]), self.sent, reader)
            text = self.dynmon("read", "m", "--format", "openmetrics").out
            self.totals_of_all = self.totals(text)
            self.assert_one_generation()
            monitor = self.status()["monitors"][0]
            self.assertEqual([reader["lost"] for reader in monitor["readers"]], [0, 0])
        self.every_point(*kill, prepare=self.prepare_both, between=self.count_anew, check=check)

    def test_a_killed_reader_takes_no_window_from_another_and_gets_its_own(self):
        self.check_readers(self.words("a"))

    def test_nor_does_one_whose_monitor_is_replaced(self):
        def after(number):
            if number % 3:
                self.dynmon("replace", "m", self.PROBE, *(["--keep-maps"] * (number % 3 - 1)))
        self.check_readers(self.words("a"), after=after)

    def test_a_replace_that_is_killed_leaves_what_waits(self):
        def between():
            self.count_anew()
            self.got = self.take("a")

        def check(_, number):
            self.count(2, 1)
            if number % 2:
                self.dynmon("recover")
            self.assertEqual(self.counted(self.take("b")), self.sent)
            self.assertEqual(self.counted(self.got + self.take("a")), self.sent)
            self.take("b")
            self.take("a")
        self.every_point("replace", "m", self.PROBE, prepare=self.prepare_both, between=between,
                         check=check)

    def test_a_reader_that_is_killed_when_it_is_named_or_removed_is_there_or_not(self):
        def check(_, number):
            self.count(2, 1)
            names = [reader["name"] for reader in self.status()["monitors"][0]["readers"]]
            self.assertIn(names, ([], ["a"]))
            self.dynmon(*self.words("a"))
            self.sent = (0, 0)
            self.count(2, 1)
            self.assertEqual(self.counted(self.take("a")), self.sent)
            self.dynmon(*self.words("a", "--forget"))
            self.assertEqual(self.status()["monitors"][0]["readers"], [])

        self.every_point(*self.words("a"), prepare=self.prepare, check=check)
        forget = self.words("a", "--forget")
        self.start_over()
        self.prepare()
        self.dynmon(*self.words("a"))
        for number, point in enumerate(self.points(*forget)):
            with self.subTest(point=point, number=number):
                self.dynmon(*self.words("a"))
                self.assertEqual(self.run_at(point, KILL, *forget).returncode, -9)
                check("", number)


class EmptiedTest(crash.CrashCase):
    """What is only emptied may be lost with the read that took it, but never takes with it what
    comes later.

    PROMISES:
    S-14 A window is in the totals of OpenMetrics once, however often the read was killed and
    N-1 Metrics with `empty-on-read` alone and queues are taken out of a map that programs"""

    PROBE = "emptied"
    READ = ("read", "m", "--format", "json")

    def total(self):
        text = self.dynmon("read", "m", "--format", "openmetrics").out
        found = re.search(r"^packets_total\{.*\} (\d+)$", text, re.M)
        return int(found.group(1)) if found else 0

    def test_what_comes_after_a_killed_read_is_counted(self):
        self.dynmon(*self.load_words())
        self.dynmon(*self.READ)  # from now on all reads make the same calls
        self.receive(*[crash.FRAME] * 3)
        self.dynmon(*self.READ)
        self.assertEqual(self.total(), 3)
        self.receive(*[crash.FRAME] * 3)
        calls = self.trace(*self.READ)
        points = [call for call in calls if call[2].startswith("BPF_MAP_UPDATE")]
        self.assertGreater(len(points), 1)
        everything, lost = 6, 0
        for point in points:
            with self.subTest(point=point):
                self.receive(*[crash.FRAME] * 3)
                done = self.run_at(point, KILL, *self.READ)
                self.assertEqual(done.returncode, -9, done.stderr)
                after_kill = self.total()
                self.receive(*[crash.FRAME] * 2)
                everything += 5
                self.assertEqual(self.total(), after_kill + 2)
                self.dynmon(*self.READ)
                self.assertIn(everything - self.total(), (lost, lost + 3))
                lost = everything - self.total()
        self.assertEqual(self.total(), everything - lost)


if __name__ == "__main__":
    crash.main("ReadTest", "TotalsTest", "NamedTest", "EmptiedTest")
