#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Another program writes to our chain, link, filter or pins: detected, named, not overwritten; repaired
when it is gone."""
import ctypes
import errno
import json
import os
import pathlib
import shutil
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

import frames
import harness
import kernel
import published
import wire
from harness import BPFFS, STORE

UDP = frames.ipv4(frames.udp(1, 2), frames.UDP)


class ForeignCase(harness.Case):
    """Programs of another owner lie ready."""
    THEIRS = BPFFS / "theirs"

    def setUp(self):
        super().setUp()
        self.THEIRS.mkdir()
        self.at_end.append(lambda: shutil.rmtree(self.THEIRS))
        wire.command("bpftool", "prog", "loadall", str(harness.probe("plain") / "plain.bpf.o"),
                     str(self.THEIRS), "pinmaps", str(self.THEIRS))


class SlotTest(ForeignCase):
    """PROMISES:
    S-23 Truth, in order
    H-9 The next verb mends an attached hook whose slots another process cleared
    H-10 A foreign program is never overwritten or detached, wherever it stands"""

    def setUp(self):
        super().setUp()
        self.load("f", "flows")
        self.load("p", "packets")
        self.receive(*[UDP] * 5)
        self.chain, = (STORE / "hooks").glob("*_tc-ingress/chain")

    def write_slot(self, slot):
        wire.command("bpftool", "map", "update", "pinned", str(self.chain), "key",
                     *[str(byte) for byte in struct.pack("<I", slot)], "value", "pinned",
                     str(self.THEIRS / "plain_tc"))

    def clear_slot(self, slot):
        wire.command("bpftool", "map", "delete", "pinned", str(self.chain), "key",
                     *[str(byte) for byte in struct.pack("<I", slot)])

    def slot(self, slot):
        """Id of the program in a slot."""
        return int.from_bytes(kernel.lookup(self.chain, struct.pack("<I", slot), 4), "little")

    def flow_packets(self):
        return sum(entry["value"]["packets"] for document in self.read("f")
                   for entry in self.value(document, "flows"))

    def test_a_foreign_program_in_the_first_slot_is_named_and_stays(self):
        self.write_slot(0)
        theirs = kernel.object_id(self.THEIRS / "plain_tc")[1]
        packets = kernel.object_id(STORE / "monitors" / "p" / "g1" / "prog-ingress-a")[1]
        named = f"slot 0 of the chain holds program plain_tc (id {theirs})"
        problem = self.hook("tc-ingress")["problem"]
        self.assertIn(named, problem)
        self.assertIn(f"p/packets_ingress (id {packets})", problem)
        for words in (("load", "q", "packets", "--dev", "blue0", "--netns", "blue"),
                      ("replace", "f", "flows"), ("unload", "p"), ("read", "f"), ("recover",)):
            error = self.refused(harness.BUSY, *words)
            self.assertIn(named, error["message"], words)
            self.assertEqual(self.slot(0), theirs, words)
        # What needs no change of the chain goes on.
        self.assertEqual(self.packets("p", "ingress", "--peek"), 5)
        self.assertEqual(len(self.value(self.window("f", "--peek"), "flows")), 1)
        self.clear_slot(0)

    def take_out_and_mend(self, slot):
        self.clear_slot(slot)
        self.assertIn("interrupted", {monitor["health"] for monitor in self.status()["monitors"]})
        actions = self.dynmon("--json", "recover").json()["actions"]
        self.assertTrue(actions)
        self.assertEqual({monitor["health"] for monitor in self.status()["monitors"]}, {"attached"})
        self.receive(*[UDP] * 3)
        self.assertEqual(self.flow_packets(), 8)
        self.assertEqual(self.packets("p"), 8)

    def test_a_foreign_program_that_is_taken_out_again_is_mended_after(self):
        self.write_slot(0)
        self.refused(harness.BUSY, "read", "f")
        self.take_out_and_mend(0)

    def test_a_slot_that_somebody_cleared_is_mended(self):
        self.take_out_and_mend(0)

    def test_behind_the_first_program_it_is_found_too(self):
        record = json.loads(self.dynmon("--json", "status").out)
        self.assertEqual(self.hook("tc-ingress")["chain"],
                         ["f/flows_ingress", "p/packets_ingress"], record)
        after_flows = next(slot for slot in range(1, 128) if self.holds(slot))
        second = self.slot(after_flows)
        self.write_slot(after_flows)
        theirs = kernel.object_id(self.THEIRS / "plain_tc")[1]
        error = self.refused(harness.BUSY, "unload", "p")
        self.assertIn(f"slot {after_flows} of the chain holds program plain_tc (id {theirs})",
                      error["message"])
        self.assertEqual(self.slot(after_flows), theirs)
        self.assertNotEqual(second, theirs)
        self.receive(*[UDP] * 2)
        self.clear_slot(after_flows)
        self.dynmon("recover")
        self.receive(UDP)
        self.assertEqual((self.flow_packets(), self.packets("p")), (8, 6))

    def holds(self, slot):
        try:
            return self.slot(slot) != 0
        except FileNotFoundError:
            return False


class OtherLoaderTest(ForeignCase):
    """The chain belongs to a pivot that another loader has loaded, for no attach type."""
    TAIL_CALL, XDP_PASS, XDP_TYPE, PROG_ARRAY, PROG_LOAD = 12, 2, 6, 3, 5

    def load_pivot(self, attach_type, array):
        """A program that goes to slot 0 of `array`."""
        code = b"".join(struct.pack("<BBhi", *instruction) for instruction in (
            (0x18, 0x12, 0, array), (0, 0, 0, 0),  # r2 = the map
            (0xb7, 0x03, 0, 0), (0x85, 0, 0, self.TAIL_CALL),
            (0xb7, 0x00, 0, self.XDP_PASS), (0x95, 0, 0, 0)))
        text, license_name = (ctypes.create_string_buffer(part) for part in (code, b"GPL"))
        return kernel.bpf(self.PROG_LOAD, struct.pack(
            "<IIQQIIQII16sII", self.XDP_TYPE, len(code) // 8, ctypes.addressof(text),
            ctypes.addressof(license_name), 0, 0, 0, 0, 0, b"other_pivot", 0, attach_type))

    def takes_both(self):
        """Whether this kernel puts programs of two attach types into one array."""
        with kernel.closing(kernel.make_map(self.PROG_ARRAY, 4, 4, 1)) as array:
            with kernel.closing(self.load_pivot(0, array)):
                try:
                    os.close(self.load_pivot(kernel.XDP, array))
                except OSError as error:
                    self.assertEqual(error.errno, errno.EINVAL)
                    return False
        return True

    def test_a_program_that_does_not_fit_the_chain_is_refused_with_the_reason(self):
        self.load("p", "packets", "--hook", "xdp")
        home, = (STORE / "hooks").glob("*_xdp")
        for name in ("link", "pivot", "chain"):
            (home / name).unlink()
        self.eventually(lambda: "xdp" not in self.wire.link(self.blue, "blue0"), "it is off")
        with kernel.closing(kernel.make_map(self.PROG_ARRAY, 4, 4, 128)) as array:
            kernel.pin(array, home / "chain")
            with kernel.closing(self.load_pivot(0, array)) as pivot:
                kernel.pin(pivot, home / "pivot")
        with self.blue.inside():
            with kernel.closing(kernel.attach_link(home / "pivot", self.blue.ifindex("blue0"),
                                                   kernel.XDP)) as link:
                kernel.pin(link, home / "link")
        place = ("--dev", "blue0", "--netns", "blue", "--hook", "xdp")
        plain = harness.probe("plain") / "plain.bpf.o"
        if self.takes_both():
            self.dynmon("load", "q", "packets", *place)
            return
        # dynmon.h calls the next program through the chain, plain is merely put into it.
        for probe, program in (("packets", "packets_ingress_xdp"), (plain, "plain_xdp")):
            error = self.refused(harness.UNSUPPORTED, "load", "q", probe, *place)
            self.assertIn(f"put '{program}' into the chain: the kernel takes only programs that "
                          "agree with those of the chain in", error["message"])
            self.assertIn("expected attach type", error["message"])
            self.assertIn("unload all monitors of the hook", error["hint"])


class PlaceTest(ForeignCase):
    """Not the chain, but what leads into it belongs to another owner.

    PROMISES:
    H-10 A foreign program is never overwritten or detached, wherever it stands
    H-11 Where a hook is, `status` asks the kernel each time"""

    def number(self, name):
        return kernel.object_id(self.THEIRS / name)[1]

    def foreign_count(self):
        """What the foreign programs have counted."""
        return int.from_bytes(kernel.lookup(self.THEIRS / "PLAIN_SEEN", bytes(4), 8), "little")

    def hook_dir(self, point="tc-ingress"):
        found, = (STORE / "hooks").glob(f"*_{point}")
        return found

    def check_taken(self, point, what, theirs):
        hook = self.hook(point)
        named = (f"the {what} of the hook runs program {theirs} (id {self.number(theirs)}) instead "
                 f"of the pivot of dynmon (id {hook['pivot-id']})")
        self.assertEqual((hook["health"], hook["problem"]), ("taken", named))
        self.assertEqual(self.status("p")["monitors"][0]["health"], "taken")
        published.require(self, "status", self.dynmon("--json", "status").out)
        return named

    def link_program(self, point, theirs):
        """Another program in our link, with a right that only its holder has."""
        with kernel.closing(kernel.open_pin(self.hook_dir(point) / "link")) as link:
            with kernel.closing(kernel.open_pin(self.THEIRS / theirs)) as program:
                kernel.bpf(kernel.LINK_UPDATE, struct.pack("<IIII", link, program, 0, 0))

    def check_link(self, point, theirs, *options):
        self.load("p", "packets", *options)
        self.receive(*[UDP] * 4)
        self.link_program(point, theirs)
        named = self.check_taken(point, "link", theirs)
        place = ("--dev", "blue0", "--netns", "blue", *options)
        for words in (("load", "q", "packets", *place), ("replace", "p", "packets"),
                      ("unload", "p"), ("unload", "--all")):
            error = self.refused(harness.BUSY, *words)
            self.assertIn(named, error["message"], words)
            self.receive(UDP)
        self.assertEqual(self.foreign_count(), 4)  # it runs on
        self.assertEqual(self.packets("p"), 4)
        self.assertIn(str(self.hook_dir(point) / "link"), error["hint"])
        (self.hook_dir(point) / "link").unlink()
        self.eventually(lambda: self.hook(point)["health"] == "detached", "it is off")
        self.dynmon("unload", "p")
        self.assertFalse(STORE.exists())

    @harness.NEEDS_TCX
    def test_another_program_in_our_tcx_link_is_named_and_runs_on(self):
        self.check_link("tc-ingress", "plain_tc")

    def test_another_program_in_our_xdp_link_is_named_and_runs_on(self):
        self.check_link("xdp", "plain_xdp", "--hook", "xdp")

    @harness.NEEDS_TCX
    def test_our_program_back_in_the_link_is_well(self):
        self.load("p", "packets")
        self.link_program("tc-ingress", "plain_tc")
        with kernel.closing(kernel.open_pin(self.hook_dir() / "link")) as link:
            with kernel.closing(kernel.open_pin(self.hook_dir() / "pivot")) as pivot:
                kernel.bpf(kernel.LINK_UPDATE, struct.pack("<IIII", link, pivot, 0, 0))
        self.receive(*[UDP] * 2)
        self.assertEqual((self.hook("tc-ingress")["health"], self.packets("p")), ("attached", 2))

    def filter(self, verb):
        self.blue.run("tc", "filter", verb, "dev", "blue0", "ingress", "pref", "1", "handle",
                      "0x64796e", "bpf", *(() if verb == "del" else
                                           ("direct-action", "object-pinned",
                                            str(self.THEIRS / "plain_tc"))))

    def test_another_program_in_our_filter_is_named_and_stays_when_we_go(self):
        self.load("p", "packets", "--tc", "clsact")
        self.receive(*[UDP] * 4)
        self.filter("replace")
        named = self.check_taken("tc-ingress", "TC filter", "plain_tc")
        error = self.refused(harness.BUSY, "replace", "p", "packets")
        self.assertEqual(error["message"], f"replace 'p': {named}")
        self.dynmon("unload", "p")
        self.receive(*[UDP] * 2)
        self.assertEqual(self.foreign_count(), 2)
        error = self.refused(harness.BUSY, "load", "p", "packets", "--dev", "blue0", "--netns",
                             "blue", "--tc", "clsact")
        self.assertIn(f"program plain_tc (id {self.number('plain_tc')})", error["message"])
        self.blue.run("tc", "qdisc", "del", "dev", "blue0", "clsact")
        self.assertFalse(STORE.exists())

    def test_a_filter_that_somebody_deleted_is_said_to_be_so(self):
        self.load("p", "packets", "--tc", "clsact")
        self.filter("del")
        self.assertEqual(self.hook("tc-ingress")["health"], "detached")
        error = self.refused(harness.FAILED, "replace", "p", "packets")
        self.assertIn("another process has detached it", error["hint"])
        self.dynmon("unload", "p")
        self.load("p", "packets", "--tc", "clsact")
        self.receive(*[UDP] * 3)
        self.assertEqual(self.packets("p"), 3)
        self.dynmon("unload", "p")
        self.assertFalse(STORE.exists())

    def exchange(self, pin, other):
        """What is pinned at `other` is pinned at `pin` too; gives what undoes it."""
        kept = pin.with_name("kept")
        pin.rename(kept)
        kind = "map" if pin.name == "chain" else "prog"
        wire.command("bpftool", kind, "pin", "pinned", str(other), str(pin))

        def undo():
            pin.unlink()
            kept.rename(pin)
        return undo

    def test_another_map_under_the_name_of_the_chain_is_not_written(self):
        self.load("p", "packets")
        self.load("x", "packets", "--hook", "xdp")
        chain, other = self.hook_dir() / "chain", self.hook_dir("xdp") / "chain"
        ours, theirs = kernel.object_id(chain)[1], kernel.object_id(other)[1]
        self.assertNotEqual(ours, theirs)
        undo = self.exchange(chain, other)
        for words in (("unload", "p"), ("replace", "p", "packets"), ("recover",)):
            error = self.refused(harness.BUSY, *words)
            self.assertIn(f"(id {self.hook('tc-ingress')['pivot-id']}), which does not run through "
                          f"the chain (map id {theirs})", error["message"])
        self.receive(*[UDP] * 2)
        undo()
        self.assertEqual((self.packets("p"), self.packets("x")), (2, 2))

    def test_another_program_under_the_name_of_ours_is_not_put_into_the_chain(self):
        self.load("f", "flows")
        side_b = STORE / "monitors" / "f" / "g1" / "prog-ingress-b"
        ours = kernel.object_id(side_b)[1]
        undo = self.exchange(side_b, self.THEIRS / "plain_tc")
        before = harness.pins()
        said = (f"{side_b} is program plain_tc (id {self.number('plain_tc')}), and dynmon had "
                f"pinned id {ours}")
        for words in (("read", "f"), ("recover",), ("unload", "f"), ("unload", "--all")):
            self.assertIn(said, self.refused(harness.BUSY, *words)["message"])
        self.assertEqual(harness.pins(), before)
        self.assertIn(said, self.status()["monitors"][0]["problem"])
        self.receive(*[UDP] * 3)
        undo()
        documents = self.read("f")
        self.assertEqual(sum(entry["value"]["packets"] for document in documents
                             for entry in self.value(document, "flows")), 3)

if __name__ == "__main__":
    harness.main()
