#!/usr/bin/python3
"""Somebody else writes to our chain: detected, named, not overwritten; mended when it is gone."""
import json
import pathlib
import shutil
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

import frames
import harness
import kernel
import wire
from harness import BPFFS, STORE

UDP = frames.ipv4(frames.udp(1, 2), frames.UDP)


class SlotTest(harness.Case):
    """PROMISES: S-23, H-9"""

    THEIRS = BPFFS / "theirs"

    def setUp(self):
        super().setUp()
        self.THEIRS.mkdir()
        self.at_end.append(lambda: shutil.rmtree(self.THEIRS))
        wire.command("bpftool", "prog", "loadall", str(harness.probe("plain") / "plain.bpf.o"),
                     str(self.THEIRS), "pinmaps", str(self.THEIRS))
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
        named = f"slot 0 of the chain holds program plain_tc (id {theirs})"
        self.assertIn(named, self.hook("tc-ingress")["problem"])
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


if __name__ == "__main__":
    harness.main()
