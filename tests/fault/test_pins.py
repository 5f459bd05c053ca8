#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Pins and directories that another program put into the store, or took out of it: named, never
followed, never reused, and `recover` or `unload` gets rid of them, while the other monitors count on."""
import os
import pathlib
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

import damage
import frames
import harness
import kernel
import wire
from damage import ARRAY, HASH, PLACE, PROG_ARRAY, make_map, write_record
from harness import BPFFS, STORE


class DirectoryTest(damage.PinsCase):
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
        problem, = [monitor["problem"] for monitor in self.status()["monitors"]]
        self.assertIn("has no generation", problem)
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


class MapPinTest(damage.PinsCase):
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


class HookPinTest(damage.PinsCase):
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
        self.assertEqual(self.hook("tc-ingress")["chain"], ["p/packets_ingress", "t/tally"])
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
        # The holder of the link holds the hook: dynmon does not say that it is off.
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


class LostChainTest(harness.Case):
    """Another process unpins the PROG_ARRAY of a hook: the kernel empties it.

    PROMISES:
    H-12 A chain whose pin was removed has been emptied by the kernel"""

    def lose(self):
        self.load("a", "packets")
        self.load("b", "packets")
        self.receive(*[frames.plain(60)] * 3)
        chain, = (path for path in STORE.glob("hooks/*_tc-ingress/chain"))
        chain.unlink()
        self.eventually(self.uncounted, "the kernel has emptied the chain")

    def uncounted(self):
        """Two more packets come in, and the probe does not see them."""
        pin = STORE / "monitors" / "a" / "g1" / "PKT_COUNTER"
        before = kernel.lookup(pin, bytes(4), 8)
        self.receive(*[frames.plain(60)] * 2)
        return kernel.lookup(pin, bytes(4), 8) == before

    def counts_again(self, name):
        before = self.packets(name, "ingress", "--peek")
        self.receive(*[frames.plain(60)] * 4)
        return self.packets(name, "ingress", "--peek") - before

    def problem(self):
        found = [entry for entry in self.dynmon("--json", "doctor").json()["problems"]
                 if "not pinned any more" in entry["problem"]]
        return found and found[0]

    def test_doctor_says_so_and_recover_puts_the_programs_back(self):
        self.lose()
        self.assertEqual(self.problem()["remedy"], "dynmon-load recover")
        actions = self.dynmon("--json", "recover").json()["actions"]
        self.assertTrue(any("again" in action for action in actions), actions)
        self.assertFalse(self.problem())
        self.assertEqual(self.hook("tc-ingress")["chain"],
                         ["a/packets_ingress", "b/packets_ingress"])
        self.assertEqual((self.counts_again("a"), self.counts_again("b")), (4, 4))

    def test_who_is_alone_there_can_be_unloaded_and_others_need_it_back(self):
        self.lose()
        error = self.refused(harness.FAILED, "unload", "a")
        self.assertIn("not pinned any more", error["message"])
        self.assertIn("recover", error["hint"])
        self.dynmon("recover")
        self.dynmon("unload", "a")
        next(STORE.glob("hooks/*_tc-ingress/chain")).unlink()
        self.dynmon("unload", "b")
        self.assert_nothing_left()

    def test_a_load_puts_the_programs_back_and_its_own_behind_them(self):
        self.lose()
        self.load("c", "packets")
        self.assertEqual(self.hook("tc-ingress")["chain"],
                         ["a/packets_ingress", "b/packets_ingress", "c/packets_ingress"])
        for name in "abc":
            self.assertEqual(self.counts_again(name), 4)


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
