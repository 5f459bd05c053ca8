#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Programs and filters of others that keep packets to themselves: dynmon runs in front of them, and
where it does not, it names those that do.

PROMISES:
H-14 A new hook stands in front of what others have there"""
import contextlib
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

import frames
import harness
import kernel
import published
import wire
from harness import BPFFS, STORE

BPF_F_BEFORE = 1 << 3
CLSACT = ("--tc", "clsact")


class FrontCase(harness.Case):
    """With another owner's program pinned, which keeps packets from all that is behind it."""
    THEIRS = BPFFS / "theirs"

    def setUp(self):
        super().setUp()
        wire.command("bpftool", "prog", "load", str(harness.probe("keeper") / "keeper.bpf.o"),
                     str(self.THEIRS), "type", "tc")
        self.at_end.append(self.THEIRS.unlink)
        self.number = kernel.object_id(self.THEIRS)[1]

    def send(self, count):
        self.receive(*[frames.plain(60)] * count)

    @contextlib.contextmanager
    def theirs_on_tcx(self, flags=0):
        with self.blue.inside(), kernel.closing(kernel.open_pin(self.THEIRS)) as program:
            link = kernel.bpf(kernel.LINK_CREATE,
                              struct.pack("<IIII", program, self.blue.ifindex("blue0"),
                                          kernel.TCX_INGRESS, flags))
        try:
            yield
        finally:
            os.close(link)

    def qdisc(self):
        self.blue.run("tc", "qdisc", "add", "dev", "blue0", "clsact")
        self.at_end.append(lambda: self.blue.run("tc", "qdisc", "del", "dev", "blue0", "clsact"))

    def filter(self, *words):
        self.blue.run("tc", "filter", "add", "dev", "blue0", "ingress", *words)

    def their_filter(self, priority):
        self.filter("pref", str(priority), "bpf", "direct-action", "object-pinned",
                    str(self.THEIRS))

    def priority(self):
        """The priority of our filter at ingress."""
        shown = json.loads(self.blue.run("tc", "-j", "filter", "show", "dev", "blue0", "ingress"))
        return [entry["pref"] for entry in shown
                if entry.get("options", {}).get("handle") == "0x64796e"]

    def front(self, place, priority=None, **changes):
        return {"place": place, "kind": "bpf", "program": "keeper", "id": self.number,
                "priority": priority, **changes}

    def ingress(self, document):
        return next(program["in-front"] for program in document["programs"]
                    if program["hook"] == "tc-ingress")

    def assert_named(self, expected, text, asked_for=False):
        """By status and doctor, as JSON and as text."""
        document = published.require(self, "status", self.dynmon("--json", "status").out)
        fronts = {hook["hook"]: hook["in-front"] for hook in document["hooks"]}
        self.assertEqual(fronts["tc-ingress"], expected)
        self.assertEqual(fronts["tc-egress"], [])
        self.assertIn(f"  in front: {text}\n", self.dynmon("status").out)
        document = published.require(self, "doctor", self.dynmon("--json", "doctor").out)
        hook, = [hook for hook in document["store"]["hooks"] if hook["hook"] == "tc-ingress"]
        self.assertEqual(hook["in-front"], expected)
        problem = f"hook tc-ingress of blue0 in blue: {text} runs in front of dynmon"
        found = [entry for entry in document["problems"] if problem in entry["problem"]]
        self.assertEqual(len(found), 0 if asked_for else 1, document["problems"])
        self.assertIn(f"behind {text}", self.dynmon("doctor").out)
        return found[0]["remedy"] if found else ""

    def load_behind(self, *options):
        """(JSON of load, what it says on stderr)"""
        result = self.dynmon("--json", "load", "p", "packets", "--dev", "blue0", "--netns", "blue",
                             *options)
        return published.require(self, "load", result.out), result.err


@harness.NEEDS_TCX
class TcxTest(FrontCase):
    def named(self):
        return f"program keeper (id {self.number}) on tcx"

    def test_at_the_head_everything_is_counted(self):
        with self.theirs_on_tcx():
            document, said = self.load_behind()
            self.assertEqual((self.ingress(document), said), ([], ""))
            self.send(5)
            self.assertEqual(self.packets("p"), 5)
            self.assertEqual(self.hook("tc-ingress")["order"], "head")

    def test_at_the_tail_it_is_said_that_nothing_comes(self):
        with self.theirs_on_tcx():
            document, said = self.load_behind("--order", "tail")
            self.assertEqual(self.ingress(document), [self.front("tcx")])
            self.assertIn(f"tc-ingress of 'blue0': {self.named()} runs in front of dynmon", said)
            self.send(5)
            self.assertEqual(self.packets("p"), 0)
            self.assert_named([self.front("tcx")], self.named(), asked_for=True)
            document = self.dynmon("--json", "status", "--stats", "1ms").json()
            self.assertIn([self.front("tcx")], [hook["in-front"] for hook in document["hooks"]])
        self.assertEqual(self.hook("tc-ingress")["in-front"], [])

    def test_who_comes_later_and_goes_in_front_is_named(self):
        self.load("p", "packets")
        with self.theirs_on_tcx(BPF_F_BEFORE):
            self.send(5)
            self.assertEqual(self.packets("p"), 0)
            remedy = self.assert_named([self.front("tcx")], self.named())
            self.assertIn("load them again: they go to the head", remedy)
            # A second monitor comes onto the same hook, and replace and apply say it too.
            done = self.dynmon("load", "q", "packets", "--dev", "blue0", "--netns", "blue")
            self.assertIn(self.named(), done.err)
            for words in (("replace", "p", "packets"),
                          ("apply", "q", "tally", "--dev", "blue0", "--netns", "blue")):
                result = self.dynmon("--json", *words)
                document = published.require(self, words[0], result.out)
                self.assertEqual(self.ingress(document), [self.front("tcx")])
                self.assertIn(self.named(), result.err)
            # What doctor advises.
            self.dynmon("unload", "--all")
            self.load("p", "packets")
            self.send(3)
            self.assertEqual(self.packets("p"), 3)

    def test_in_front_of_a_filter_of_ours(self):
        self.load("p", "packets", *CLSACT)
        with self.theirs_on_tcx():
            self.send(2)
            self.assertEqual(self.packets("p"), 0)
            remedy = self.assert_named([self.front("tcx")], self.named())
            self.assertIn("with --tc tcx", remedy)

    def test_without_the_right_to_look_it_is_not_said_that_nobody_is_there(self):
        self.load("p", "packets")
        with self.theirs_on_tcx(BPF_F_BEFORE):
            # The last word of setpriv: no capability, but still the owner of the store.
            done = subprocess.run(
                ["setpriv", "--bounding-set=-all", "--inh-caps=-all", str(harness.DYNMON), "--json",
                 "status"], capture_output=True, check=True, env=harness.environment())
            document = published.require(self, "status", done.stdout.decode())
            fronts = {hook["hook"]: hook["in-front"] for hook in document["hooks"]}
            self.assertEqual(fronts, {"tc-ingress": None, "tc-egress": None})
            refused = r"operation not permitted \(EPERM\); hint: .*"
            for enter, problem in (
                    ([], rf"enter network namespace '/run/netns/blue': {refused}CAP_SYS_ADMIN"),
                    (["nsenter", f"--net={self.blue.path}"],
                     rf"query TCX: {refused}CAP_NET_ADMIN")):
                done = subprocess.run(
                    [*enter, "setpriv", "--bounding-set=-all", "--inh-caps=-all",
                     str(harness.DYNMON), "status"], capture_output=True, check=True,
                    env=harness.environment(), text=True)
                self.assertRegex(done.stdout, f"  in front: not known: {problem}")

    def test_a_program_of_xdp_is_named_but_is_no_problem(self):
        shelf = BPFFS / "shelf"
        shelf.mkdir()
        self.at_end.append(lambda: shutil.rmtree(shelf))
        wire.command("bpftool", "prog", "loadall", str(harness.probe("plain") / "plain.bpf.o"),
                     str(shelf))
        self.blue.run("ip", "link", "set", "dev", "blue0", "xdpgeneric", "pinned",
                      str(shelf / "plain_xdp"))
        self.at_end.append(lambda: self.blue.ip("link", "set", "dev", "blue0", "xdpgeneric", "off"))
        number = kernel.object_id(shelf / "plain_xdp")[1]
        self.load("p", "packets")
        expected = [self.front("xdp", program="plain_xdp", id=number)]
        self.assert_named(expected, f"program plain_xdp (id {number}) on xdp", asked_for=True)

    def test_a_full_hook_is_said_to_be_full(self):
        with contextlib.ExitStack() as stack:
            for _ in range(63):
                pin = BPFFS / f"copy{_}"
                wire.command("bpftool", "prog", "load",
                             str(harness.probe("keeper") / "keeper.bpf.o"), str(pin), "type", "tc")
                stack.callback(pin.unlink)
                with self.blue.inside():
                    stack.callback(os.close, kernel.attach_link(pin, self.blue.ifindex("blue0"),
                                                                kernel.TCX_INGRESS))
            error = self.refused(harness.BUSY, "load", "p", "packets", "--dev", "blue0", "--netns",
                                 "blue")
            self.assertIn("tc-ingress of 'blue0' has 63 programs, as many as the kernel allows",
                          error["message"])
            self.assertIn("--tc clsact", error["hint"])
            self.assertFalse(STORE.exists())


class ClsactTest(FrontCase):
    """PROMISES:
    H-3 A clsact filter is found again by its handle and its program"""

    def named(self, priority):
        return f"program keeper (id {self.number}) on clsact with priority {priority}"

    def test_at_the_head_everything_is_counted(self):
        self.qdisc()
        self.their_filter(1)
        document, said = self.load_behind(*CLSACT)
        self.assertEqual((self.ingress(document), said, self.priority()), ([], "", [1]))
        self.send(5)
        self.assertEqual(self.packets("p"), 5)

    def test_at_the_tail_or_a_priority_of_choice_it_is_said_that_nothing_comes(self):
        self.qdisc()
        self.their_filter(7)
        for options, priority in ((("--order", "tail"), 65535), (("--tc-priority", "8"), 8)):
            document, said = self.load_behind(*CLSACT, *options)
            self.assertEqual(self.priority(), [priority])
            self.assertEqual(self.ingress(document), [self.front("clsact", 7)])
            self.assertIn(self.named(7), said)
            self.send(5)
            self.assertEqual(self.packets("p"), 0)
            self.assert_named([self.front("clsact", 7)], self.named(7), "tail" in options)
            self.dynmon("unload", "p")
            self.assertEqual(self.priority(), [])

    def test_who_comes_later_with_the_same_priority_is_named(self):
        self.load("p", "packets", *CLSACT)
        self.their_filter(1)
        self.send(4)
        self.assertEqual(self.packets("p"), 0)
        remedy = self.assert_named([self.front("clsact", 1)], self.named(1))
        self.assertIn("load them again", remedy)
        self.at_end.append(lambda: self.blue.run("tc", "qdisc", "del", "dev", "blue0", "clsact"))

    def test_a_filter_of_another_kind_keeps_its_priority(self):
        self.qdisc()
        self.filter("pref", "1", "protocol", "all", "u32", "match", "u32", "0", "0", "flowid", "1:1")
        document, said = self.load_behind(*CLSACT)
        expected = {"place": "clsact", "kind": "u32", "program": None, "id": None, "priority": 1}
        self.assertEqual((self.ingress(document), self.priority()), ([expected], [2]))
        self.assertIn("filter u32 on clsact with priority 1 runs in front of dynmon", said)
        self.assertIn("--tc tcx", self.assert_named([expected],
                                                    "filter u32 on clsact with priority 1"))
        self.dynmon("unload", "p")
        error = self.refused(harness.BUSY, "load", "p", "packets", "--dev", "blue0", "--netns",
                             "blue", *CLSACT, "--tc-priority", "1")
        self.assertIn("priority 1 belongs to a filter of kind 'u32'", error["message"])
        self.assertFalse(STORE.exists())

    @harness.NEEDS_TCX
    def test_a_priority_is_not_for_tcx(self):
        error = self.refused(harness.USAGE, "load", "p", "packets", "--dev", "blue0", "--netns",
                             "blue", "--tc-priority", "8")
        self.assertIn("--tc clsact", error["hint"])

    def test_a_hook_that_an_earlier_version_made_goes_on(self):
        """It wrote neither order nor frags, and its filters had priority 100."""
        self.load("p", "packets", *CLSACT, "--tc-priority", "100")
        for record in (STORE / "hooks").glob("*/record"):
            self.forget(record, "order", "frags")
        self.their_filter(50)
        self.send(3)
        self.assertEqual(self.packets("p"), 0)
        self.assert_named([self.front("clsact", 50)], self.named(50))
        self.assertEqual({hook["health"] for hook in self.status()["hooks"]}, {"attached"})
        self.replace("p", "packets")
        self.dynmon("unload", "p")
        self.assertEqual(self.priority(), [])
        self.at_end.append(lambda: self.blue.run("tc", "qdisc", "del", "dev", "blue0", "clsact"))

    def forget(self, record, *members):
        """Writes a record of a hook again, without some of its members."""
        with kernel.closing(kernel.open_pin(record)) as fd:
            lines = pathlib.Path(f"/proc/self/fdinfo/{fd}").read_text().splitlines()
            size, = [int(line.split()[1]) for line in lines if line.startswith("value_size:")]
        value = kernel.lookup(record, bytes(4), size)
        length, = struct.unpack_from("<Q", value)
        document = json.loads(value[8:8 + length])
        for member in members:
            del document[member]
        text = json.dumps(document).encode()
        record.unlink()
        array, rdonly_prog = 2, 1 << 7
        with kernel.closing(kernel.make_map(array, 4, -(-(8 + len(text)) // 8) * 8, 1,
                                            rdonly_prog)) as made:
            kernel.pin(made, record)
        kernel.update(record, bytes(4), (struct.pack("<Q", len(text)) + text).ljust(
            -(-(8 + len(text)) // 8) * 8, b"\0"))


if __name__ == "__main__":
    harness.main()
