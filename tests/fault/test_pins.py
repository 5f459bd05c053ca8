#!/usr/bin/python3
"""Pins, directories and records that somebody else put into the store: said, never followed, never
reused, and `recover` or `unload` gets rid of them, while the other monitors count on."""
import ctypes
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
import wire
from harness import BPFFS, STORE

MAP_CREATE, OBJ_PIN = 0, 6
HASH, ARRAY, PROG_ARRAY, PERCPU_ARRAY = 1, 2, 3, 6
PLACE = ("--dev", "blue0", "--netns", "blue")


def make_map(path, kind, key, value, first=b""):
    """Pins a map of one element, whose first bytes are `first`, at `path`."""
    with kernel.closing(kernel.bpf(MAP_CREATE, struct.pack("<IIIII", kind, key, value, 1, 0))) as fd:
        if first:
            zero = ctypes.create_string_buffer(key)
            data = ctypes.create_string_buffer(first, value)
            kernel.bpf(kernel.MAP_UPDATE, struct.pack("<I4xQQQ", fd, ctypes.addressof(zero),
                                                      ctypes.addressof(data), 0))
        name = ctypes.create_string_buffer(str(path).encode())
        kernel.bpf(OBJ_PIN, struct.pack("<QI", ctypes.addressof(name), fd))


def write_record(path, text):
    """A pin as dynmon writes its records: the length, then the bytes."""
    data = text if isinstance(text, bytes) else text.encode()
    path.unlink(missing_ok=True)
    size = (8 + len(data) + 7) // 8 * 8
    make_map(path, ARRAY, 4, size, struct.pack("<Q", len(data)) + data)


def read_record(path):
    size = int(json.loads(wire.command("bpftool", "-j", "map", "show", "pinned",
                                       str(path)))["bytes_value"])
    data = kernel.lookup(path, bytes(4), size)
    return data[8:8 + struct.unpack_from("<Q", data)[0]]


class PinsCase(harness.Case):
    """Monitor `t` is attacked, `p` after it on the same hooks must not suffer.

    PROMISES:
    S-26 A record, state, map, program or folder that is not what dynmon writes is refused"""

    def setUp(self):
        super().setUp()
        self.load("t", "tally")
        self.load("p", "packets")
        self.dir = STORE / "monitors" / "t"
        self.generation = self.dir / "g1"
        self.record = self.generation / "dynmon-record"
        self.sent = 0
        self.outside = BPFFS / "outside"
        self.outside.mkdir()
        make_map(self.outside / "precious", ARRAY, 4, 8, b"precious")
        self.at_end.append(self.check_outside)

    def check_outside(self):
        """Nothing was done to what a symbolic link led to."""
        self.assertEqual(sorted(os.listdir(self.outside)), ["precious"])
        self.assertEqual(kernel.lookup(self.outside / "precious", bytes(4), 8), b"precious")
        (self.outside / "precious").unlink()
        self.outside.rmdir()

    def check_p(self):
        """It counts each packet, whatever stands before it in the chain."""
        self.receive(*[frames.plain(60)] * 3)
        self.sent += 3
        self.assertEqual(self.packets("p"), self.sent)

    def check_refused(self, *expected, verbs=(("read", "t"), ("replace", "t", "tally")),
                      shown=True):
        """The verbs say what is wrong, without a crash, and change nothing; so does `status`, if it
        looks at that pin at all."""
        before = harness.pins()
        for words in verbs:
            error = self.refused(harness.REJECTED, *words)
            for text in expected:
                self.assertIn(text, error["message"], words)
            self.assertIn("recover", error["hint"])
        self.assertEqual(harness.pins(), before)
        if not shown:
            return
        problem, = [m["problem"] for m in self.status()["monitors"] if m["name"] == "t"]
        self.assertIn(expected[0], problem)

    def check_recovered(self):
        """`recover` takes `t` away and nothing else; it can be loaded again."""
        actions = self.dynmon("--json", "recover").json()["actions"]
        self.assertTrue(any(action.startswith("removed monitor 't': ") for action in actions),
                        actions)
        self.assertFalse(self.dir.exists() or self.dir.is_symlink())
        status = self.status()
        self.assertEqual([(m["name"], m["health"]) for m in status["monitors"]],
                         [("p", "attached")])
        self.assertEqual([hook["chain"] for hook in status["hooks"] if hook["hook"] == "tc-ingress"],
                         [["p/packets_ingress"]])
        self.check_p()
        self.load("t", "tally")
        self.check_p()
        self.dynmon("unload", "t")
        self.check_p()


class RecordTest(PinsCase):
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


class StatePinTest(PinsCase):
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


class DirectoryTest(PinsCase):
    def test_a_generation_that_is_a_symbolic_link(self):
        hidden = STORE / "monitors" / "t" / "hidden"
        self.generation.rename(hidden)
        self.generation.symlink_to(self.outside)
        self.check_refused(f"{self.generation} is a symbolic link")
        self.generation.unlink()
        hidden.rename(self.generation)
        self.check_p()
        self.assertEqual(self.status("t")["monitors"][0]["health"], "attached")

    def test_a_monitor_without_any_generation_is_removed_with_its_hooks(self):
        self.dynmon("unload", "p")
        shutil.rmtree(self.generation)
        self.check_refused(f"{self.dir} has lost its generation", verbs=())
        actions = self.dynmon("--json", "recover").json()["actions"]
        self.assertIn(f"removed monitor 't': {self.dir} has lost its generation", actions)
        self.assertFalse(STORE.exists())
        self.load("p", "packets")
        self.check_p()

    def test_what_such_a_one_left_before_another_is_named_and_taken_out_by_hand(self):
        """PROMISES:
        N-7 Where a whole generation was removed"""
        left = kernel.object_id(self.generation / "prog-ingress-a")[1]
        shutil.rmtree(self.generation)
        error = self.refused(harness.BUSY, "recover")
        self.assertIn("slot 0 of the chain holds program", error["message"])
        self.assertIn(f"(id {left})", error["message"])
        self.assertFalse(self.dir.exists())
        chain, = (STORE / "hooks").glob("*_tc-ingress/chain")
        wire.command("bpftool", "map", "delete", "pinned", str(chain), "key", "0", "0", "0", "0")
        self.dynmon("recover")
        self.check_p()

    def test_a_generation_that_is_a_map(self):
        make_map(self.dir / "g2", ARRAY, 4, 8)
        self.check_refused(f"{self.dir / 'g2'} is a pin, not a directory")
        self.check_recovered()

    def test_a_monitor_that_is_a_symbolic_link(self):
        self.dynmon("unload", "t")
        self.dir.symlink_to(self.outside)
        self.check_refused(f"{self.dir} is a symbolic link")
        self.refused(harness.REJECTED, "load", "t", "tally", *PLACE)
        self.check_recovered()

    def test_a_monitor_that_is_a_map(self):
        self.dynmon("unload", "t")
        make_map(self.dir, ARRAY, 4, 8)
        self.check_refused(f"{self.dir} is a pin, not a directory")
        self.check_recovered()

    def test_folders_of_the_store_that_are_symbolic_links(self):
        for name in ("hooks", "monitors"):
            with self.subTest(name=name):
                folder, aside = STORE / name, STORE / "aside"
                folder.rename(aside)
                folder.symlink_to(self.outside)
                for words in (("load", "x", "packets", *PLACE), ("status",), ("recover",),
                              ("unload", "--all")):
                    error = self.refused(harness.REJECTED, *words)
                    self.assertIn(f"{folder} is a symbolic link", error["message"])
                folder.unlink()
                aside.rename(folder)
                self.check_p()

    def test_a_link_staged_for_the_sweep_is_removed_and_not_followed(self):
        (STORE / "monitors" / "__stage_1_1").symlink_to(self.outside)
        (self.dir / "__stage_1_1").symlink_to(self.outside)
        self.dynmon("recover")
        self.assertFalse((STORE / "monitors" / "__stage_1_1").is_symlink())
        self.assertFalse((self.dir / "__stage_1_1").is_symlink())
        self.check_p()


class MapPinTest(PinsCase):
    """PROMISES:
    S-28 A map whose pin was removed is named by `read`"""

    def test_a_map_that_was_unpinned_is_named_and_its_monitor_can_be_unloaded(self):
        pin = self.generation / "TALLY"
        pin.unlink()
        error = self.refused(harness.FAILED, "read", "t")
        self.assertIn(str(pin), error["message"])
        self.assertIn("unload the monitor", error["hint"])
        self.dynmon("unload", "t")
        self.check_p()

    def test_the_pin_of_a_map_is_of_another_kind(self):
        pin = self.generation / "TALLY"
        for attack, message in (
                (lambda: os.link(self.generation / "prog-ingress-a", pin), "is a program, not a map"),
                (lambda: pin.symlink_to(self.outside / "precious"), "is a symbolic link"),
                (lambda: make_map(pin, PROG_ARRAY, 4, 4), "as the record says")):
            with self.subTest(message=message):
                pin.unlink()
                attack()
                self.check_refused(str(pin), message, verbs=(("read", "t"),))
        self.check_recovered()


class HookPinTest(PinsCase):
    """What stands in the directory of a hook.

    PROMISES:
    H-13 A chain pin that is something else is refused by every verb but `recover`, which"""

    def setUp(self):
        super().setUp()
        self.hook_dir, = [path for path in (STORE / "hooks").iterdir()
                          if path.name.endswith("tc-ingress")]

    def check_hook(self, pin, message, verbs=(("load", "x", "packets", *PLACE),)):
        before = harness.pins()
        for words in verbs:
            error = self.refused(harness.REJECTED, *words)
            self.assertIn(f"{pin} {message}", error["message"])
        self.assertEqual(harness.pins(), before)
        problem = [hook["problem"] for hook in self.status()["hooks"] if "problem" in hook]
        self.assertEqual(len(problem), 1, problem)
        self.assertIn(message, problem[0])

    def tearDown(self):
        self.dynmon("unload", "--all")
        super().tearDown()

    def test_a_chain_whose_values_are_larger_than_they_say(self):
        pin = self.hook_dir / "chain"
        pin.unlink()
        make_map(pin, HASH, 4, 4096, b"x")
        self.check_hook(pin, "is a map of another type or size",
                        (("load", "x", "packets", *PLACE), ("replace", "t", "tally")))
        actions = self.dynmon("--json", "recover").json()["actions"]
        self.assertIn(f"pinned the chain of {self.hook_dir.name} again, which had lost its programs",
                      actions)
        self.assertEqual(self.hook("tc-ingress")["chain"], ["p/packets_ingress", "t/tally_ingress"])
        self.check_p()

    def test_a_record_that_is_no_json(self):
        write_record(self.hook_dir / "record", b"\xff{")
        self.check_hook(self.hook_dir / "record", "does not hold JSON")

    def test_a_record_without_members(self):
        write_record(self.hook_dir / "record", "{}")
        self.check_hook(self.hook_dir / "record", "is damaged")

    def test_a_link_that_is_a_map(self):
        pin = self.hook_dir / "link"
        pin.rename(self.outside / "link")
        make_map(pin, ARRAY, 4, 8)
        self.check_hook(pin, "is a map, not a link")
        # Who has the link has the hook: nobody is told that it is off.
        error = self.refused(harness.FAILED, "unload", "--all")
        self.assertIn("still attached", error["message"])
        pin.unlink()
        (self.outside / "link").rename(pin)

    def test_a_pivot_that_is_a_map(self):
        pin = self.hook_dir / "pivot"
        pin.unlink()
        make_map(pin, ARRAY, 4, 8)
        problem = [hook["problem"] for hook in self.status()["hooks"] if "problem" in hook]
        self.assertIn("is a map, not a program", problem[0])
        self.check_p()


class StoreTest(harness.Case):
    """A bpffs that everybody can write to, as `mount -t bpf` makes it.

    PROMISES:
    S-29 The store is used only if it is a directory of the caller in a bpffs and closed to"""
    NOBODY = 65534

    def test_what_others_made_there_first_is_refused(self):
        self.assertEqual(BPFFS.stat().st_mode & 0o7777, 0o1777)
        for owner, mode, message, hint in (
                (self.NOBODY, 0o700, f"{STORE} belongs to user {self.NOBODY}, not to root", "chown"),
                (self.NOBODY, 0o777, f"{STORE} belongs to user {self.NOBODY}, not to root", "chown"),
                (0, 0o777, f"{STORE} is open to others", f"chmod 0700 {STORE}"),
                (0, 0o770, f"{STORE} is open to others", f"chmod 0700 {STORE}")):
            STORE.mkdir()
            os.chown(STORE, owner, owner)
            STORE.chmod(mode)
            for words in (("load", "p", "packets", *PLACE), ("status",), ("recover",),
                          ("unload", "--all")):
                error = self.refused(harness.REJECTED, *words)
                self.assertIn(message, error["message"])
                self.assertIn(hint, error["hint"])
            self.assertEqual(list(STORE.iterdir()), [])
            STORE.rmdir()

    def test_monitors_made_by_others_in_a_store_that_was_theirs_are_refused(self):
        """Handed over to root with chown, as the hint says, with something in it."""
        STORE.mkdir(0o700)
        (STORE / "monitors").symlink_to(BPFFS)
        error = self.refused(harness.REJECTED, "load", "p", "packets", *PLACE)
        self.assertIn(f"{STORE / 'monitors'} is a symbolic link", error["message"])
        (STORE / "monitors").unlink()
        self.load("p", "packets")


if __name__ == "__main__":
    harness.main()
