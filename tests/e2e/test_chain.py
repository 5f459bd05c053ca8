#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Several monitors on one hook: their order, and that none disturbs another."""
import json
import os

import frames
import harness
import wire


class ChainTest(harness.Case):
    HOOK = ()

    def point(self):
        return "xdp" if "xdp" in self.HOOK else "tc-ingress"

    def put(self, name, probe="packets", *options):
        return self.load(name, probe, *self.HOOK, *options)

    def order(self, point=None):
        return [place.split("/")[0] for place in self.hook(point or self.point())["chain"]]

    def slots(self):
        """Those of the hook that lead to a program."""
        hook = self.hook(self.point())
        chain = harness.STORE / "hooks" / f"{hook['netns']}_{hook['ifindex']}_{self.point()}" / "chain"
        entries = json.loads(wire.command("bpftool", "-j", "map", "dump", "pinned", str(chain)))
        return {int.from_bytes(bytes(int(byte, 16) for byte in entry["key"]), "little")
                for entry in entries if "error" not in entry["value"]}

    def send(self, count):
        self.receive(*[frames.plain(60)] * count)

    def test_order_is_as_asked_for(self):
        self.put("b")
        self.put("c")
        self.assertEqual(self.order(), ["b", "c"])
        self.put("a", "packets", "--first")
        self.assertEqual(self.order(), ["a", "b", "c"])
        self.put("e", "packets", "--last")
        self.put("d", "packets", "--before", "e")
        self.put("b2", "packets", "--after", "b")
        self.assertEqual(self.order(), ["a", "b", "b2", "c", "d", "e"])
        self.assertEqual(self.order("tc-egress"), ["a", "b", "b2", "c", "d", "e"])
        self.send(3)
        self.transmit(frames.plain(60))
        for name in "a", "b", "b2", "c", "d", "e":
            document = self.window(name)
            self.assertEqual([self.value(document, "packets_total", direction)
                              for direction in ("ingress", "egress")], [[3], [1]], name)

    def test_positions_are_told_for_every_monitor(self):
        self.put("b")
        self.put("a", "packets", "--first")
        positions = {monitor["name"]: {program["position"] for program in monitor["programs"]}
                     for monitor in self.status()["monitors"]}
        self.assertEqual(positions, {"a": {1}, "b": {2}})

    def test_the_one_in_the_middle_goes_and_the_others_go_on(self):
        for name in "a", "b", "c":
            self.put(name)
        self.send(5)
        self.dynmon("unload", "b")
        self.assertEqual(self.order(), ["a", "c"])
        self.send(4)
        self.assertEqual([self.packets("a"), self.packets("c")], [9, 9])
        self.dynmon("unload", "a")
        self.send(1)
        self.assertEqual((self.order(), self.packets("c")), (["c"], 10))

    def test_a_slot_that_became_free_is_used_again(self):
        for name in "a", "b":
            self.put(name)
        taken = self.slots()
        rounds = []
        for _ in range(3):
            self.put("x", "mixed", "--before", "b")
            rounds.append(self.slots())
            self.dynmon("unload", "x")
            self.assertEqual(self.slots(), taken)
        # Its two, the same each time: the 128 slots of a hook do not run out.
        self.assertEqual((len(rounds[0] - taken), rounds), (2, [rounds[0]] * 3))
        self.assertEqual(self.order(), ["a", "b"])
        self.send(2)
        self.assertEqual([self.packets("a"), self.packets("b")], [2, 2])

    def test_swaps_of_one_leave_the_others_alone(self):
        self.put("before")
        self.put("m", "mixed")
        self.put("after")
        self.put("n", "mixed")
        total, windows = 0, {"m": 0, "n": 0}
        for round_number in range(6):
            self.send(7)
            total += 7
            name = "m" if round_number % 3 else "n"
            windows[name] += self.value(self.window(name), "one")[0]
            self.assertEqual([self.packets("before"), self.packets("after")], [total, total])
        for name in windows:
            windows[name] += self.value(self.window(name), "one")[0]
        self.assertEqual(windows, {"m": total, "n": total})

    def test_replaces_of_one_leave_the_others_and_the_order_alone(self):
        self.put("before")
        self.put("t", "tally")
        self.put("after", "mixed")
        self.send(3)
        self.replace("t", "mixed")
        self.replace("after", "tally")
        self.send(4)
        self.assertEqual(self.order(), ["before", "t", "after"])
        self.assertEqual(self.packets("before"), 7)
        windows = self.read("t")
        self.assertEqual(self.value(windows[0], "tally"), [{"key": 60, "value": {"packets": 3}}])
        self.assertEqual(self.value(windows[-1], "one"), [4])
        self.assertEqual(self.value(self.read("after")[-1], "tally_all"), [4])

    def test_something_before_a_swapped_one_is_removed_and_added(self):
        self.put("m", "mixed")
        self.put("z")
        self.send(2)
        self.assertEqual(self.value(self.window("m"), "one"), [2])
        self.put("y", "packets", "--before", "z")  # while side b of m is the active one
        self.send(3)
        self.assertEqual(self.value(self.window("m"), "one"), [3])
        self.send(4)  # and now through side a
        self.assertEqual([self.packets("y"), self.packets("z")], [7, 9])
        self.dynmon("unload", "y")
        self.send(1)
        self.window("m")
        self.send(1)
        self.assertEqual(self.packets("z"), 11)

    def test_a_probe_without_hand_over_is_last(self):
        bare = os.fspath(harness.probe("plain") / "plain.bpf.o")
        self.put("a")
        self.put("bare", bare)
        self.send(5)
        self.assertEqual(self.value(self.window("bare"), "PLAIN_SEEN"), [{"packets": 5}])
        error = self.refused(harness.BUSY, "load", "late", "packets", "--dev", "blue0", "--netns",
                             "blue", *self.HOOK)
        self.assertIn("monitor 'bare' does not hand over: nothing can come after it",
                      error["message"])
        error = self.refused(harness.BUSY, "load", "late", "packets", "--dev", "blue0", "--netns",
                             "blue", "--after", "bare", *self.HOOK)
        self.assertIn("nothing can come after it", error["message"])
        error = self.refused(harness.USAGE, "load", "early", bare, "--dev", "blue0", "--netns",
                             "blue", "--first", *self.HOOK)
        self.assertIn("it can only be last in the chain", error["message"])
        self.put("between", "tally", "--before", "bare")
        self.assertEqual(self.order(), ["a", "between", "bare"])
        self.send(2)
        self.assertEqual(self.value(self.window("bare"), "PLAIN_SEEN"), [{"packets": 7}])
        self.assertEqual(self.value(self.window("between"), "tally_all"), [2])
        self.assertEqual(self.packets("a"), 7)
        self.dynmon("unload", "bare")
        self.put("late")
        self.send(1)
        self.assertEqual(self.packets("late"), 1)

    def test_a_place_beside_a_monitor_with_one_direction_counts_there_alone(self):
        self.put("a")
        self.put("guard", "ssdp")
        for option in ("before", "after"):
            self.put(option, "packets", f"--{option}", "guard")
        self.assertEqual(self.order(), ["a", "before", "guard", "after"])
        self.assertEqual(self.order("tc-egress"), ["a", "before", "after"])

    def test_a_place_beside_an_unknown_monitor_is_refused_and_nothing_is_left(self):
        self.put("a")
        before = self.status()
        for option in ("--before", "--after"):
            error = self.refused(harness.USAGE, "load", "b", "packets", "--dev", "blue0",
                                 "--netns", "blue", option, "nobody", *self.HOOK)
            self.assertIn("monitor 'nobody' is not in this chain", error["message"])
        self.assertEqual(self.status(), before)


class XdpChainTest(ChainTest):
    HOOK = ("--hook", "xdp")


class LongChainTest(harness.Case):
    def test_a_chain_is_as_long_as_the_kernels_tail_calls_allow(self):
        names = [f"m{number:02}" for number in range(33)]
        for name in names:
            self.load(name, "packets")
        self.assertEqual(self.hook("tc-ingress")["chain"],
                         [f"{name}/packets_ingress" for name in names])
        error = self.refused(harness.BUSY, "load", "n", "packets", "--dev", "blue0", "--netns",
                             "blue")
        self.assertIn("33 programs, as many as the kernel's tail calls allow", error["message"])
        self.receive(*[frames.plain(60)] * 5)
        for name in names:
            self.assertEqual(self.packets(name), 5, name)


if __name__ == "__main__":
    harness.main()
