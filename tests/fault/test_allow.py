#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""An allow list lets in what it lists, and one that is no good lets in nothing."""
import json
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

import harness
import published
from files import FilesCase, sha256
from harness import STORE

NOBODY = 65534
PLACE = ("--dev", "blue0", "--netns", "blue")


class AllowTest(FilesCase):
    def setUp(self):
        super().setUp()
        self.list = self.folder / "allow.yaml"
        self.object = harness.probe("tally") / "tally.bpf.o"

    def write(self, *hashes):
        self.list.write_text("allow:\n" + "".join(
            f"  - sha256: {value}\n    name: tally\n    comment: seen\n" for value in hashes)
            if hashes else "allow: []\n")

    def load_with(self, *options, code=harness.OK):
        return self.dynmon("--json", "--allow", self.list, *options, "load", "t", "tally", *PLACE,
                           code=code)

    def test_only_what_is_listed_is_loaded_replaced_applied(self):
        self.write(sha256(self.object))
        loaded = self.load_with().json()
        self.assertEqual(loaded["sha256"], sha256(self.object))
        other = sha256(harness.probe("packets") / "packets.bpf.o")
        manifest = sha256(harness.probe("packets") / "probe.yaml")
        before = self.status()
        for words in (("load", "p", "packets", *PLACE), ("replace", "t", "packets"),
                      ("apply", "t", "packets", *PLACE), ("check", "--kernel", "packets")):
            error = self.refused(harness.REJECTED, "--allow", self.list, *words)
            self.assertIn(f"SHA-256 {other} is not in {self.list}", error["message"])
            self.assertIn(f"- {{sha256: {other}, manifest: {manifest}}}", error["hint"])
        self.assertEqual(self.status(), before)
        # What reads and removes asks no list.
        self.list.unlink()
        self.dynmon("--allow", self.list, "read", "t")
        self.dynmon("--allow", self.list, "unload", "t")

    def test_an_object_that_is_not_listed_is_not_even_parsed(self):
        self.write()
        broken = self.folder / "broken.bpf.o"
        broken.write_bytes(b"no ELF at all")
        text = self.refuse(harness.REJECTED, "--allow", self.list, "load", "x", broken, *PLACE)
        self.assertIn(f"SHA-256 {sha256(broken)} is not in", text)

    def test_capitals_are_the_same_hash(self):
        self.write(sha256(self.object).upper())
        self.load_with()

    def test_an_allowed_object_does_not_drop_by_another_manifest(self):
        # PROMISES:
        # F-7 `/etc/dynmon/allow.yaml` lists what may be loaded
        """The manifest decides what a program may do; here a program that could not drop before."""
        probe = self.copy("dropper")
        dropping = probe / "probe.yaml"
        self.object = probe / "dropper.bpf.o"
        self.write(sha256(self.object))  # as lists were before they said anything of manifests
        load = ("--allow", self.list, "load", "d", probe, *PLACE)
        text = self.refuse(harness.REJECTED, *load)
        self.assertIn(f"allows this object (SHA-256 {sha256(self.object)}), but not with this "
                      f"manifest (SHA-256 {sha256(dropping)}), which claims `may: [drop]`", text)
        entry = text.split("add to the list:  - ")[1]
        self.list.write_text(f"allow:\n  - {entry}\n")
        self.dynmon(*load)
        for verb in (("replace", "d", probe), ("apply", "d", probe, *PLACE)):
            dropping.write_text(dropping.read_text() + "# another manifest\n")
            error = self.refused(harness.REJECTED, "--allow", self.list, *verb)
            self.assertIn("but not with this manifest", error["message"])
        error = self.refused(harness.REJECTED, "--allow", self.list, "replace", "d", self.object)
        self.assertIn("only with its manifest", error["message"])
        self.list.write_text(f"allow:\n  - {{sha256: {sha256(self.object)}, may: [drop]}}\n")
        self.dynmon("--allow", self.list, "replace", "d", probe)

    def test_check_says_the_hash_and_whether_it_is_allowed(self):
        for listed in (True, False):
            self.write(*([sha256(self.object)] if listed else []))
            result = self.dynmon("--json", "--allow", self.list, "check", "tally")
            published.require(self, "check", result.out)
            self.assertEqual((result.json()["sha256"], result.json()["allowed"]),
                             (sha256(self.object), listed))
            self.assertEqual(result.json()["manifest-sha256"],
                             sha256(harness.probe("tally") / "probe.yaml"))

    def test_a_list_that_others_can_change_allows_nothing(self):
        self.write(sha256(self.object))
        for change, undo, said in (
                (lambda: self.list.chmod(0o664), lambda: self.list.chmod(0o644), "chmod go-w"),
                (lambda: self.list.chmod(0o646), lambda: self.list.chmod(0o644), "chmod go-w"),
                (lambda: os.chown(self.list, NOBODY, 0), lambda: os.chown(self.list, 0, 0),
                 f"belongs to user {NOBODY}"),
                (lambda: self.folder.chmod(0o777), lambda: self.folder.chmod(0o700),
                 f"{self.folder} can be written to by others"),
                (lambda: os.chown(self.folder, NOBODY, 0), lambda: os.chown(self.folder, 0, 0),
                 f"{self.folder} belongs to user {NOBODY}")):
            change()
            try:
                self.assertIn(said, self.refuse(harness.REJECTED, "--allow", self.list, "load", "t",
                                                "tally", *PLACE))
            finally:
                undo()
        self.load_with()

    def test_nor_does_a_list_whose_folders_others_can_exchange(self):
        above = self.folder / "above"
        (above / "below").mkdir(parents=True)
        self.list = above / "below" / "allow.yaml"
        self.write(sha256(self.object))
        (self.folder / "link").symlink_to(above)
        for path in (self.list, self.folder / "link" / "below" / "allow.yaml",
                     self.folder / "above" / "below" / ".." / "below" / "allow.yaml"):
            for option in ("--allow", "--policy"):
                above.chmod(0o777)
                text = self.refuse(harness.REJECTED, option, path, "load", "t", "tally", *PLACE)
                self.assertIn(f"{above} can be written to by others", text)
                above.chmod(0o755)
        self.dynmon("--allow", self.folder / "link" / "below" / "allow.yaml", "load", "t", "tally",
                    *PLACE)

    def test_a_list_that_cannot_be_read_allows_nothing(self):
        good = sha256(self.object)
        for text, said in ((f"allow:\n  - sha256: {good}x\n", "allow.yaml:2:"),
                           (f"allow:\n  - sha256: {good}\n    colour: red\n", "'colour'"),
                           (f"allow:\n  - {{sha256: {good}, manifest: {good}, may: []}}\n",
                            "'manifest' or 'may', not both"),
                           (f"alow:\n  - sha256: {good}\n", "did you mean 'allow'?"),
                           ("allow:\n  - name: tally\n", "sha256"),
                           (f"allow: &a\n  - sha256: {good}\n", "anchors"),
                           ("", "empty"), ("allow: [", "allow.yaml:1:"), ("\xff", "allow.yaml"),
                           ("allow: 5\n", "allow.yaml:1:"), ("allow:\n", "allow.yaml:1:"),
                           ("- allow\n", "allow.yaml:1:")):
            self.list.write_bytes(text.encode("latin-1"))
            with self.subTest(text=text):
                self.assertIn(said, self.refuse(harness.REJECTED, "--allow", self.list, "load", "t",
                                                "tally", *PLACE))

    def in_own_etc(self, script, *words):
        """Runs a command with an /etc of its own, which `script` fills."""
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-euc",
             f"mount -t tmpfs -o mode=0755 tmpfs /etc; mkdir -m 0755 /etc/dynmon; {script}; "
             "exec \"$@\"", "sh", str(harness.DYNMON), "--json", *map(str, words)],
            capture_output=True, text=True, timeout=60, env=harness.environment(), cwd=self.folder)
        self.note_pins()
        return done

    def test_the_list_of_the_machine_holds_without_being_named(self):
        words = ("load", "t", "tally", *PLACE)
        listed = f"echo 'allow: [{{sha256: {sha256(self.object)}}}]' > /etc/dynmon/allow.yaml"
        nothing = "echo 'allow: []' > /etc/dynmon/allow.yaml"
        for script in (nothing, f"{listed}; chmod 666 /etc/dynmon/allow.yaml",
                       f"{listed}; mv /etc/dynmon/allow.yaml /etc/x; "
                       "ln -s /etc/x /etc/dynmon/allow.yaml",
                       "mkfifo /etc/dynmon/allow.yaml"):
            done = self.in_own_etc(script, *words)
            self.assertEqual(done.returncode, harness.REJECTED, done.stderr)
            self.assertIn("/etc/dynmon/allow.yaml", done.stderr)
        # A second list does not make the first one wider.
        self.write(sha256(self.object))
        done = self.in_own_etc(nothing, "--allow", self.list, *words)
        self.assertEqual(done.returncode, harness.REJECTED, done.stderr)
        self.assertEqual((harness.pins(), STORE.exists()), ([], False))
        done = self.in_own_etc(listed, *words)
        self.assertEqual((done.returncode, json.loads(done.stdout)["sha256"]),
                         (harness.OK, sha256(self.object)), done.stderr)
        self.dynmon("unload", "t")
        self.assertEqual(self.in_own_etc(":", *words).returncode, harness.OK)


if __name__ == "__main__":
    harness.main()
