#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""SIGKILL on entering each system call of a verb: whatever it has left behind, packets flow, the
same verb and every other one go on from there, counts are exact, and nothing is left at the end.

Each system call: with DYNMON_EVERY_SYSCALL=1. Without, as the rule in crash.py says."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

import crash
import harness
import killed
from killed import KILL


class LoadCase(killed.KilledCase):
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


class ReplaceTest(killed.RunningCase):
    """PROMISES:
    S-4 `replace`: the new generation is published, which
    S-10 After the next verb exactly one generation counts
    S-12 A window of a swapped metric is not lost, and a reader that keeps the first whole
    H-4 One slot write is one step for packets"""

    def test_a_killed_replace_loses_and_doubles_nothing(self):
        self.check_windows("replace", "m", self.PROBE)

    def test_a_killed_replace_that_keeps_maps_loses_and_doubles_nothing(self):
        self.check_windows("replace", "m", self.PROBE, "--keep-maps")


class ApplyTest(killed.RunningCase):
    """PROMISES:
    S-7 Any verb, killed anywhere, succeeds when it is run again, or says that it is done
    S-10 After the next verb exactly one generation counts"""

    def test_a_killed_apply_loses_and_doubles_nothing(self):
        """With another clock than that of the running generation it replaces, every time."""
        self.check_windows("apply", *self.load_words()[1:], "--clock", "ktime",
                           between=lambda: self.dynmon("replace", "m", self.PROBE, "--clock",
                                                       "tai"))


class UnloadTest(killed.RunningCase):
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
                    self.assertEqual(again.returncode, harness.FAILED, again.stderr)
                    self.assertIn("no monitor 'm'", again.stderr)
            self.dynmon("recover")
            if harness.STORE.exists():
                self.dynmon("unload", "m")
            self.assertEqual((harness.pins(), harness.STORE.exists()), ([], False))
            self.assert_device_is_free()
        self.every_point("unload", "m", prepare=self.prepare, between=lambda: self.send(1, 1),
                         check=check)


class RecoverTest(killed.RunningCase):
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
    crash.main("TcxLoadTest", "ClsactLoadTest", "XdpLoadTest", "ReplaceTest", "ApplyTest",
               "UnloadTest", "RecoverTest")
