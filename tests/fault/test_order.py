#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The order that the store keeps of each chain: a read finds its place by it and looks at no other
monitor; a wrong order loses nothing, and the next verb mends it."""
import json
import pathlib
import resource
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

import harness
import killed
import wire
from damage import PLACE, read_record, write_record
from harness import STORE


class OrderCase(killed.KilledCase):
    def setUp(self):
        super().setUp()
        for name in "abc":
            self.dynmon("load", name, "pair", *PLACE)
        self.hooks = sorted(STORE.glob("hooks/*"))
        self.assertEqual(len(self.hooks), 2)

    def ids(self, name, direction="ingress"):
        record = json.loads(read_record(STORE / f"monitors/{name}/g1/dynmon-record"))
        return next(program["ids"] for program in record["programs"]
                    if program["direction"] == direction)

    def order(self, hook):
        return [program["ids"] for program in json.loads(read_record(hook / "order"))]

    def check_count(self):
        """Each monitor counts every packet once, and the order is again that of the chains."""
        for name in "abc":
            self.read(name)
        self.send(3, 2)
        for name in "abc":
            self.assertEqual(self.counted(self.read(name)), (3, 2), name)
        for hook in self.hooks:
            direction = "ingress" if "ingress" in hook.name else "egress"
            self.assertEqual(self.order(hook), [self.ids(name, direction) for name in "abc"])


class KeptTest(OrderCase):
    """PROMISES:
    H-15 The pin `order` of a hook"""

    def calls_of_read(self, name="a"):
        log = self.folder / "calls"
        subprocess.run(["strace", "-f", "-v", "-s", "200", "-e", "trace=bpf", "-o", str(log),
                        str(harness.DYNMON), "read", name], check=True, capture_output=True,
                       env=harness.environment())
        calls = [line for line in log.read_text().splitlines() if " bpf(" in line]
        return len(calls), sum('dynmon-record"' in line for line in calls)

    def test_a_read_opens_one_record_and_asks_no_more_when_there_are_more_monitors(self):
        self.dynmon("unload", "b")
        self.dynmon("unload", "c")
        self.dynmon("read", "a")
        alone, records = self.calls_of_read()
        self.assertEqual(records, 1)
        for number in range(7):
            self.dynmon("load", f"m{number}", "pair", *PLACE)
        self.dynmon("read", "a")
        among, records = self.calls_of_read()
        self.assertEqual(records, 1)
        self.assertLessEqual(among, alone + 4)  # its own slots hold something now
        self.assertLessEqual(among, 100)

    def test_a_read_of_a_window_makes_at_most_100_calls_of_bpf(self):
        for name in "abc":
            self.dynmon("unload", name)
        for probe in ("packets", "crypto", "flows"):
            self.dynmon("load", probe, probe, *PLACE, "--first")
            self.dynmon("read", probe)
            calls, records = self.calls_of_read(probe)
            self.assertLessEqual(calls, 100, probe)
            self.assertEqual(records, 1, probe)

    def test_it_follows_each_change_of_the_chain(self):
        (hook,) = [hook for hook in self.hooks if "ingress" in hook.name]
        self.dynmon("load", "d", "pair", *PLACE, "--first")
        self.assertEqual(self.order(hook), [self.ids(name) for name in "dabc"])
        self.dynmon("unload", "a")
        self.assertEqual(self.order(hook), [self.ids(name) for name in "dbc"])
        before = self.ids("b")
        self.replace("b", "pair")
        after = self.order(hook)
        self.assertEqual([after[0], after[2]], [self.ids("d"), self.ids("c")])
        self.assertNotEqual(after[1], before)

    def test_the_slot_that_packets_run_through_is_written_last(self):
        """The same for packets as with one slot.
        PROMISES:
        H-5 A change of a swapped program's successor"""
        for _ in range(2):
            self.read("a")
            (hook,) = [hook for hook in self.hooks if "ingress" in hook.name]
            slots = json.loads(read_record(hook / "order"))[0]["slots"]
            active = self.active_side(hook, "a")
            writes = [call for call in self.trace("read", "b", "--format", "json")
                      if call[2] == "BPF_MAP_UPDATE_ELEM"]
            before = self.program_in(hook, slots[active])
            self.run_at(writes[2], killed.KILL, "read", "b", "--format", "json")
            self.assertEqual(self.program_in(hook, slots[active]), before)
            self.assertNotEqual(self.program_in(hook, slots[1 - active]), before)
            self.check_count()

    def program_in(self, hook, slot):
        found = wire.command("bpftool", "-j", "map", "lookup", "pinned", str(hook / "chain"), "key",
                             str(slot), "0", "0", "0")
        return int.from_bytes(bytes(int(byte, 16) for byte in json.loads(found)["value"]), "little")

    def active_side(self, hook, first):
        return self.ids(first).index(self.program_in(hook, 0))


class WrongTest(OrderCase):
    """PROMISES:
    H-16 An `order` that is missing, damaged or another one"""

    def test_a_wrong_one_loses_nothing_and_is_mended(self):
        for hook in self.hooks:
            order = hook / "order"
            whole = read_record(order)
            reverse = json.dumps(list(reversed(json.loads(whole))))
            short = json.dumps(json.loads(whole)[1:])
            twice = json.loads(whole)
            twice[1]["slots"] = twice[0]["slots"]
            for text in ("{", "[]", '{"a": 1}', "[1]", '[{"ids": [-1], "slots": [1]}]', reverse,
                         short, json.dumps(twice)):
                with self.subTest(text=text):
                    write_record(order, text)
                    self.check_count()
            for what in ("none", "folder", "link", "program"):
                with self.subTest(what=what):
                    order.unlink()
                    if what == "folder":
                        order.mkdir()
                    elif what == "link":
                        order.symlink_to("/nowhere")
                    elif what == "program":
                        wire.command("bpftool", "prog", "pin", "pinned", str(hook / "pivot"),
                                     str(order))
                    self.check_count()

    def test_recover_mends_it_too(self):
        for hook in self.hooks:
            write_record(hook / "order", "[]")
        self.dynmon("recover")
        self.check_count()


class StatusTest(harness.Case):
    def test_it_holds_no_descriptor_for_each_hook(self):
        for number in range(12):
            self.blue.ip("link", "add", f"v{number}", "type", "veth", "peer", "name", f"w{number}")
            self.blue.ip("link", "set", f"v{number}", "up")
            self.dynmon("load", f"m{number}", "pair", "--dev", f"v{number}", "--netns", "blue")
        done = subprocess.run(
            [harness.DYNMON, "--json", "status"], capture_output=True, text=True,
            env=harness.environment(),
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (24, 24)))
        self.assertEqual(done.returncode, 0, done.stderr)
        status = json.loads(done.stdout)
        self.assertEqual(len(status["hooks"]), 24)
        self.assertEqual({hook["health"] for hook in status["hooks"]}, {"attached"})


if __name__ == "__main__":
    harness.main()
