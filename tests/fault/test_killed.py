#!/usr/bin/python3
"""SIGKILL on entering each system call of a verb: whatever it has left behind, packets flow, the
same verb and every other one go on from there, counts are exact, and nothing is left at the end.

Each system call: with DYNMON_EVERY_SYSCALL=1. Without, as the rule in crash.py says."""
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

import crash
import harness

KILL = "signal=KILL"


class KilledCase(crash.CrashCase):
    def points(self, *words):
        """Where to be killed: see crash.EVERY."""
        calls = self.trace(*words)
        if crash.EVERY:
            return calls
        return [call for index, call in enumerate(calls)
                if not crash.is_private(call[0], call[2]) or index % crash.STRIDE == 0]

    def every_point(self, *words, prepare, check, between=lambda: None):
        """prepare(); for each point: between(), kill, check(what was printed, number)."""
        prepare()
        between()
        points = self.points(*words)
        self.clean()
        self.assertGreater(len(points), 15)
        missed, ready = 0, False
        for number, point in enumerate(points):
            with self.subTest(point=point, number=number, of=len(points)):
                try:
                    if not ready:
                        prepare()
                        ready = True
                    between()
                    done = self.run_at(point, KILL, *words)
                    missed += done.returncode == 0
                    if done.returncode != 0:
                        self.assertEqual(done.returncode, -9, (point, done.stderr))
                    check(done.stdout, number)
                    ready = harness.STORE.exists()
                except BaseException:
                    ready = False
                    self.start_over()
                    raise
        print(f"{' '.join(words[:3])}: killed at {len(points) - missed} of {len(points)} calls",
              file=sys.stderr)
        # A run may make some calls fewer than the one that was traced.
        self.assertLess(missed, 6 + len(points) // 20)


class LoadCase(KilledCase):
    """PROMISES:
    S-1 Traffic is never stopped
    S-2 A directory is pinned under a staging name
    S-3 `load`: hooks, then the generation, then the
    S-6 A published directory is removed by renaming it to a staging name first
    S-7 Any verb, killed anywhere, succeeds when it is run again, or says that it is done
    H-1 Pivot and chain are pinned before anything is attached
    H-2 A link that was not pinned when its maker died detaches by itself
    H-3 A clsact filter is found again by its handle and its program"""

    def check(self, _, number):
        self.send(1, 1)
        if number % 2:
            self.dynmon("recover")
            if harness.STORE.exists():  # the load was complete
                self.assert_one_generation()
                self.dynmon("unload", "m")
            self.assertEqual((harness.pins(), harness.STORE.exists()), ([], False))
            self.assert_device_is_free()
        again = self.try_dynmon(*self.load_words())
        known = 0
        if again.returncode != harness.OK:
            self.assertEqual(again.returncode, harness.BUSY, again.stderr)
            self.assertIn("monitor 'm' is loaded already", again.stderr)
            known = 1
        self.send(3, 2)
        self.assert_one_generation()
        self.assertEqual(self.counted(self.read("m")), (3 + known, 2 + known))
        self.dynmon("unload", "m")
        self.assertEqual((harness.pins(), harness.STORE.exists()), ([], False))

    def kill_loads(self):
        self.every_point(*self.load_words(), prepare=lambda: None, check=self.check)


@harness.NEEDS_TCX
class TcxLoadTest(LoadCase):
    def test_a_killed_load_over_tcx_can_be_repeated(self):
        self.kill_loads()


class ClsactLoadTest(LoadCase):
    OPTIONS = ("--tc", "clsact")

    def test_a_killed_load_over_clsact_can_be_repeated(self):
        self.kill_loads()


class XdpLoadTest(LoadCase):
    OPTIONS = ("--hook", "xdp")

    def test_a_killed_load_over_xdp_can_be_repeated(self):
        self.kill_loads()


class RunningCase(KilledCase):
    def prepare(self):
        self.dynmon(*self.load_words())
        self.sent = (0, 0)

    def count(self, received, sent):
        self.send(received, sent)
        self.sent = (self.sent[0] + received, self.sent[1] + sent)

    def next_verb(self, number, *words):
        """Whoever comes next has to find its way."""
        if number % 3 == 0:
            return self.printed(self.dynmon(*words).out)
        if number % 3 == 1:
            self.dynmon("recover")
        return []

    def check_windows(self, *words, kill=None, between=lambda: None):
        """Kills `kill`, else `words`; `words` are sometimes run again. No window is lost or counted
        twice. `between` comes before each kill."""
        first = between

        def between():
            first()
            self.read("m")
            self.sent = (0, 0)
            self.count(3, 2)

        def check(printed, number):
            documents = self.printed(printed)
            self.count(2, 1)
            documents += self.next_verb(number, *words)
            self.count(1, 1)
            self.assertEqual(self.counted(documents + self.read("m")), self.sent)
            self.dynmon("recover")
            self.assert_one_generation()
        self.every_point(*(kill or words), prepare=self.prepare, between=between, check=check)


class ReplaceTest(RunningCase):
    """PROMISES:
    S-4 `replace`: the new generation is published, which
    S-10 After the next verb exactly one generation counts
    S-12 A window of a swapped metric is not lost, and a reader that keeps the first whole
    H-4 One slot write is one step for packets"""

    def test_a_killed_replace_loses_and_doubles_nothing(self):
        self.check_windows("replace", "m", self.PROBE)

    def test_a_killed_replace_that_keeps_maps_loses_and_doubles_nothing(self):
        self.check_windows("replace", "m", self.PROBE, "--keep-maps")


class ApplyTest(RunningCase):
    """PROMISES:
    S-7 Any verb, killed anywhere, succeeds when it is run again, or says that it is done
    S-10 After the next verb exactly one generation counts"""

    def test_a_killed_apply_loses_and_doubles_nothing(self):
        """With another clock than that of the running generation it replaces, every time."""
        self.check_windows("apply", *self.load_words()[1:], "--clock", "ktime",
                           between=lambda: self.dynmon("replace", "m", self.PROBE, "--clock",
                                                       "tai"))


class ReadTest(RunningCase):
    """PROMISES:
    S-11 `read` of a swapped metric writes the state first
    S-12 A window of a swapped metric is not lost, and a reader that keeps the first whole
    S-13 A window keeps its sequence number however often it is printed, also when its
    H-5 Of a swapped program the slot of the idle instance is written first, so that a swap"""

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
                           kill=("read", "m", "--path", "ingress", "--format", "json"))


class TotalsTest(RunningCase):
    """PROMISES:
    S-14 A window is in the totals of OpenMetrics once, however often the read was killed and"""

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
            text = self.dynmon("read", "m", "--format", "openmetrics").out
            self.assertEqual(self.totals(text), self.all)
            self.assert_one_generation()
        self.every_point(*words, prepare=prepare, between=between, check=check)

    def test_a_killed_read_of_openmetrics_counts_everything_once(self):
        def after(number):
            if number % 3 == 1:
                self.dynmon("replace", "m", self.PROBE)
        self.check_totals("read", "m", "--format", "openmetrics", after=after)

    def part(self, direction):
        return ("read", "m", "--path", direction, "--format", "openmetrics")

    def test_a_killed_read_of_one_metric_and_then_of_another_counts_everything_once(self):
        def after(number):
            if number % 3 == 0:
                self.dynmon(*self.part("ingress"))
            done = self.try_dynmon(*self.part("egress"))
            if done.returncode != harness.OK:
                self.assertEqual(done.returncode, harness.BUSY, done.stderr)
                self.assertIn("was being read by a process that did not end well", done.stderr)
            if number % 3 == 1:
                self.dynmon("replace", "m", self.PROBE)
        self.check_totals(*self.part("ingress"), after=after)


class EmptiedTest(crash.CrashCase):
    """What is only emptied may be lost with the read that took it, but never takes with it what
    comes later.

    PROMISES:
    S-14 A window is in the totals of OpenMetrics once, however often the read was killed and
    N-1 Metrics with `empty-on-read` alone and queues are taken out of a map that programs"""

    PROBE = "emptied"
    READ = ("read", "m", "--format", "openmetrics")

    def total(self, *options):
        text = self.dynmon(*self.READ, *options).out
        found = re.search(r"^packets_total\{.*\} (\d+)$", text, re.M)
        return int(found.group(1)) if found else 0

    def test_what_comes_after_a_killed_read_is_counted(self):
        self.dynmon(*self.load_words())
        self.assertEqual(self.total(), 0)  # from now on all reads make the same calls
        self.receive(*[crash.FRAME] * 3)
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
                after_kill = self.total("--peek")
                self.receive(*[crash.FRAME] * 2)
                everything += 5
                self.assertEqual(self.total(), after_kill + 2)
                self.assertIn(everything - self.total(), (lost, lost + 3))
                lost = everything - self.total()
        self.assertEqual(self.total("--peek"), everything - lost)


class UnloadTest(RunningCase):
    """PROMISES:
    S-5 `unload`: the state says `unloading`, then slots
    S-9 When the monitor is unloaded no program, map, link or qdisc of it is left in the
    H-8 The last monitor that leaves a hook takes it away, with the qdisc if dynmon made it"""

    def test_a_killed_unload_is_finished_by_the_next_verb(self):
        def check(_, number):
            self.send(1, 1)
            if number % 2 == 0:
                again = self.try_dynmon("unload", "m")
                if again.returncode != harness.OK:
                    self.assertEqual(again.returncode, harness.USAGE, again.stderr)
                    self.assertIn("no monitor 'm'", again.stderr)
            self.dynmon("recover")
            if harness.STORE.exists():
                self.dynmon("unload", "m")
            self.assertEqual((harness.pins(), harness.STORE.exists()), ([], False))
            self.assert_device_is_free()
        self.every_point("unload", "m", prepare=self.prepare, between=lambda: self.send(1, 1),
                         check=check)


class RecoverTest(RunningCase):
    """PROMISES:
    S-8 `recover` leaves no staging directory, no idle hook and no half monitor"""

    def half_replaced(self):
        """A replace that was killed when the new generation was published."""
        self.sent = (0, 0)
        self.count(3, 2)
        if not hasattr(self, "published"):
            calls = self.trace("replace", "m", self.PROBE)
            at = next(index for index, call in enumerate(calls) if call[0] == "renameat2")
            self.published = next(call for call in calls[at:] if call[2] == "BPF_MAP_UPDATE_ELEM")
            self.read("m")
            self.sent = (0, 0)
            self.count(3, 2)
        done = self.run_at(self.published, KILL, "replace", "m", self.PROBE)
        self.assertEqual(done.returncode, -9, done.stderr)

    def test_a_killed_recover_is_finished_by_the_next(self):
        def check(_, number):
            self.count(2, 1)
            if number % 2:
                self.dynmon("recover")
            self.assertEqual(self.counted(self.read("m")), self.sent)
            self.assert_one_generation()
        self.every_point("recover", prepare=self.prepare, between=self.half_replaced, check=check)


if __name__ == "__main__":
    crash.main("TcxLoadTest", "ClsactLoadTest", "XdpLoadTest", "ReplaceTest", "ApplyTest", "ReadTest",
               "TotalsTest", "EmptiedTest", "UnloadTest", "RecoverTest")
