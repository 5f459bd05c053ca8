#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Records, types and states that another program wrote: named, never believed, and `recover` or
`unload` gets rid of them, while the other monitors count on."""
import json
import os
import pathlib
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

import damage
import frames
import harness
import wire
from damage import ARRAY, HASH, PERCPU_ARRAY, make_map, read_record, write_record
from harness import STORE


class RecordTest(damage.PinsCase):
    """PROMISES:
    S-27 `unload` and `recover` remove a damaged monitor, by what its chains and its pins"""

    def change(self, edit):
        document = json.loads(read_record(self.record))
        edit(document)
        write_record(self.record, json.dumps(document))

    def attack(self, *expected):
        self.check_refused(str(self.record), *expected)
        self.check_recovered()

    def test_no_json(self):
        write_record(self.record, "{" * 10)
        self.attack("does not hold JSON")

    def test_cut_off(self):
        write_record(self.record, read_record(self.record)[:200])
        self.attack("does not hold JSON")

    def test_nested_without_end(self):
        document = json.loads(read_record(self.record))
        document["manifest"] = "MANIFEST"
        deep = "[" * 200_000 + "]" * 200_000
        write_record(self.record, json.dumps(document).replace('"MANIFEST"', deep))
        self.attack("does not hold JSON")

    def test_the_length_lies(self):
        self.record.unlink()
        make_map(self.record, ARRAY, 4, 64, struct.pack("<Q", 2**63) + b"{}")
        self.attack("is not a record of dynmon")

    def test_a_map_whose_values_are_larger_than_it_says(self):
        """Reading an element of a per-CPU map copies one value for each CPU."""
        self.record.unlink()
        make_map(self.record, PERCPU_ARRAY, 4, 16)
        self.attack("is a map of another type or size")

    def test_a_huge_map(self):
        self.record.unlink()
        make_map(self.record, ARRAY, 4, 64 << 20)
        self.attack("is not a record of dynmon")

    def test_a_map_with_long_keys(self):
        self.record.unlink()
        make_map(self.record, HASH, 256, 64)
        self.attack("is a map of another type or size")

    def test_a_program(self):
        self.record.unlink()
        os.link(self.generation / "prog-ingress-a", self.record)
        self.attack("is a program, not a map")

    def test_a_symbolic_link(self):
        self.record.unlink()
        self.record.symlink_to(self.outside / "precious")
        self.attack("is a symbolic link")

    def test_members_that_are_missing_or_of_another_type(self):
        for edit in (lambda d: d.pop("programs"), lambda d: d.update(number="one"),
                     lambda d: d.update(maps={"a": 1}), lambda d: d.update(manifest=[]),
                     lambda d: d["programs"][0].update(hook="../../x")):
            with self.subTest():
                self.change(edit)
                self.check_refused(str(self.record), "is damaged")
                self.dynmon("recover")
                self.check_p()
                self.load("t", "tally")

    def test_impossible_slots(self):
        for slots in ([], [0], [128], [4_000_000_000], [1, 2, 3]):
            with self.subTest(slots=slots):
                self.change(lambda d: d["programs"][0].update(slots=slots))
                self.check_refused(str(self.record), "impossible slots")
                self.dynmon("recover")
                self.check_p()
                self.load("t", "tally")

    def test_a_name_that_leads_out_of_the_store(self):
        self.change(lambda d: d["maps"][0].update(name="../../../../outside/precious"))
        self.attack("a map cannot be called '../../../../outside/precious'")

    def test_a_map_of_another_type_than_is_there(self):
        self.change(lambda d: [m.update(type=ARRAY) for m in d["maps"] if m["name"] == "TALLY"])
        self.check_refused(str(self.generation), "as the record says", verbs=(("read", "t"),))
        self.check_recovered()

    def test_the_record_of_another_monitor_or_generation(self):
        self.change(lambda d: d.update(monitor="p"))
        self.check_refused("it is the record of monitor 'p'")
        self.change(lambda d: d.update(monitor="t", number=7))
        self.attack("it is the record of generation 7")

    def test_type_ids_that_the_btf_does_not_have(self):
        self.change(lambda d: [m.update({"key-type-id": 4_000_000_000,
                                         "value-type-id": 4_000_000_000}) for m in d["maps"]])
        self.check_refused(f"{self.record} is damaged: map", "has a type that", shown=False)
        self.check_recovered()

    def test_a_btf_that_lies(self):
        pin = self.generation / "dynmon-btf"
        whole = read_record(pin)
        for lie in (b"", whole[:24], whole[:-5], b"\x9f\xeb\x01" + bytes(21),
                    whole[:24] + bytes(255 for _ in whole[24:])):
            with self.subTest(size=len(lie)):
                write_record(pin, lie)
                self.check_refused(str(pin), "damaged", verbs=(("read", "t"),), shown=False)
        self.check_recovered()

    def test_recover_does_not_ask_the_record_of_a_monitor_that_it_removes(self):
        """The damaged one is first, in the middle and last of a chain of three."""
        self.load("q", "packets")
        for name in ("t", "p", "q"):
            with self.subTest(name=name):
                write_record(STORE / "monitors" / name / "g1" / "dynmon-record", "{}")
                self.dynmon("recover")
                rest = [m for m in ("t", "p", "q") if m != name]
                chain = self.hook("tc-ingress")["chain"]
                self.assertEqual(sorted(place.split("/")[0] for place in chain), sorted(rest))
                self.receive(*[frames.plain(60)] * 2)
                self.load(name, "tally" if name == "t" else "packets")

    def test_unload_removes_a_damaged_monitor(self):
        write_record(self.record, "[]")
        result = self.dynmon("unload", "t")
        self.assertIn(str(self.record), result.err)
        self.assertFalse(self.dir.exists())
        self.check_p()


class StatePinTest(damage.PinsCase):
    def attack(self, *expected):
        self.check_refused(str(self.dir / "state"), *expected)
        self.check_recovered()

    def test_a_state_whose_values_are_larger_than_they_say(self):
        size = int(json.loads(wire.command("bpftool", "-j", "map", "show", "pinned",
                                           str(self.dir / "state")))["bytes_value"])
        (self.dir / "state").unlink()
        make_map(self.dir / "state", PERCPU_ARRAY, 4, size)
        self.attack("is a map of another type or size")

    def test_a_state_that_is_a_symbolic_link(self):
        (self.dir / "state").unlink()
        (self.dir / "state").symlink_to(self.outside / "precious")
        self.attack("is a symbolic link")


if __name__ == "__main__":
    harness.main()
