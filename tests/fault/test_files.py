#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Files from an enemy: what is loaded is what was hashed, whatever happens to the file meanwhile; what
is no good file is refused by name and at once."""
import hashlib
import json
import os
import pathlib
import random
import resource
import shutil
import subprocess
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

import harness
from files import FilesCase
from harness import STORE

NOBODY = 65534
PLACE = ("--dev", "blue0", "--netns", "blue")


class SwappedFileTest(FilesCase):
    """A process exchanges the file by rename as fast as it can while it is loaded again and again."""
    ROUNDS = 25

    def swapping(self, target, contents):
        stop = threading.Event()

        def swap():
            turn = 0
            while not stop.is_set():
                fresh = target.with_name("fresh")
                fresh.write_bytes(contents[turn % len(contents)])
                fresh.rename(target)
                turn += 1
            self.turns = turn

        thread = threading.Thread(target=swap)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(stop.set)

    def test_what_runs_is_what_the_record_names(self):
        # PROMISES:
        # F-3 What is checked is what is used
        """The two objects differ in what they count: the name of a map tells which of them runs."""
        target = self.folder / "x.bpf.o"
        objects = {}
        contents = []
        for name in ("tally", "packets"):
            contents.append((harness.probe(name) / f"{name}.bpf.o").read_bytes())
            objects[hashlib.sha256(contents[-1]).hexdigest()] = name
        target.write_bytes(contents[0])
        self.swapping(target, contents)
        seen = set()
        for turn in range(200):
            document = self.dynmon("--json", "load", "s", target, *PLACE).json()
            name = objects[document["sha256"]]
            status, = self.status()["monitors"]
            self.assertEqual(status["sha256"], document["sha256"])
            maps = {entry["name"] for entry in status["maps"]}
            self.assertEqual("TALLY" in maps, name == "tally", (name, maps))
            self.dynmon("unload", "s")
            seen.add(name)
            if turn >= self.ROUNDS and len(seen) == 2:
                break
        self.assertEqual(seen, {"tally", "packets"}, "one of them was never met")

    def test_a_manifest_is_one_of_the_two_and_never_a_mixture(self):
        folder = self.copy()
        text = (folder / "probe.yaml").read_text()
        padding = "# " + "x" * 70 + "\n"
        short = text.replace("name: tally\n", "name: short\nobject: tally.bpf.o\n", 1)
        long = text.replace("name: tally\n", "name: long\nobject: tally.bpf.o\n", 1) + padding * 5000
        (folder / "probe.yaml").write_text(short)
        self.swapping(folder / "probe.yaml", [short.encode(), long.encode()])
        seen = set()
        for turn in range(200):
            document = self.dynmon("--json", "load", "s", folder, *PLACE).json()
            seen.add(document["probe"])
            self.dynmon("unload", "s")
            if turn >= self.ROUNDS and len(seen) == 2:
                break
        self.assertEqual(seen, {"short", "long"})


class NoFileTest(FilesCase):
    """Everything that is read is a regular file of bounded size."""

    def odd_files(self):
        """(path, the error about it)"""
        fifo, sparse = self.folder / "fifo.o", self.folder / "sparse.o"
        os.mkfifo(fifo)
        with open(sparse, "wb") as file:
            file.truncate(8 << 30)
        link = self.folder / "link.o"
        link.symlink_to(harness.probe("tally") / "tally.bpf.o")
        folder = self.folder / "folder.o"
        folder.mkdir()
        yield fifo, "is a FIFO, not a file"
        yield sparse, "has 8589934592 bytes; at most"
        yield link, "is a symbolic link"
        yield folder, "is a directory, not a file"
        yield pathlib.Path("/dev/zero"), "is a device, not a file"
        yield self.folder / "none.o", "ENOENT"

    def test_as_object_manifest_and_kernel_btf(self):
        for path, said in self.odd_files():
            with self.subTest(path=path):
                if path.name.endswith(".o") and not path.is_dir():
                    self.assertIn(said, self.refuse(harness.USAGE, "check", path))
                    self.assertIn(said, self.refuse(harness.USAGE, "load", "x", path, *PLACE))
                probe = self.folder / "probe"
                shutil.rmtree(probe, ignore_errors=True)
                shutil.copytree(harness.probe("tally"), probe)
                if path.exists():
                    (probe / "tally.bpf.o").unlink()
                    (probe / "tally.bpf.o").symlink_to(path)
                    self.assertIn("is a symbolic link",
                                  self.refuse(harness.USAGE, "load", "x", probe, *PLACE))
                self.assertIn(said, self.refuse(harness.USAGE, "load", "x", "tally", *PLACE,
                                                "--btf", path))
                self.assertIn(said, self.refuse(harness.REJECTED, "--allow", path, "load", "x",
                                                "tally", *PLACE))

    def test_in_the_place_of_a_manifest(self):
        probe = self.copy()
        manifest = probe / "probe.yaml"
        for make, said in ((lambda: os.mkfifo(manifest), "is a FIFO"), (manifest.mkdir, "directory"),
                           (lambda: manifest.symlink_to("/dev/zero"), "is a symbolic link"),
                           (lambda: os.truncate(manifest, 0), "is empty")):
            if make is not None and said != "is empty":
                manifest.unlink() if not manifest.is_dir() else manifest.rmdir()
                make()
            else:
                manifest.unlink()
                manifest.write_text("")
            with self.subTest(said=said):
                self.assertIn(said, self.refuse(harness.USAGE, "load", "x", probe, *PLACE))

    def test_a_kernel_btf_that_is_damaged(self):
        whole = pathlib.Path("/sys/kernel/btf/vmlinux").read_bytes()
        file = self.folder / "kernel.btf"
        for content, said in ((b"", "it holds no BTF"), (whole[:24], "cut off: it has 24 of"),
                              (whole[:-1], "cut off"), (bytes(24), "it holds no BTF"),
                              (b"\x7fELF" + bytes(60), "llvm-objcopy"),
                              (whole[:24] + bytes(len(whole) - 24), "damaged BTF")):
            file.write_bytes(content)
            text = self.refuse(harness.USAGE, "load", "x", "tally", *PLACE, "--btf", file)
            self.assertIn(said, text)
        file.write_bytes(whole)
        self.load("x", "tally", "--btf", file)

    def test_a_verifier_log_does_not_go_through_a_link_or_into_a_fifo(self):
        target, link, fifo = (self.folder / name for name in ("target", "link", "fifo"))
        target.write_text("precious")
        link.symlink_to(target)
        os.mkfifo(fifo)
        for path in (link, fifo, self.folder):
            result = self.dynmon("check", "--kernel", "rejected", "--verifier-log", path,
                                 code=harness.REJECTED)
            self.assertIn(f"cannot write the verifier log to {path}", result.err)
        self.assertEqual(target.read_text(), "precious")


class OwnerTest(FilesCase):
    """Whose files are believed, as SECURITY.md says it."""
    NOTHING_ELSE = {"DYNMON_PROBE_PATH": ""}

    def load_by_name(self, code):
        env = harness.environment(DYNMON_PROBE_PATH=str(self.folder / "probes"),
                                  SUDO_UID=str(NOBODY))
        return self.dynmon("load", "x", "tally", *PLACE, code=code, env=env)

    def give(self, folder, owner=NOBODY):
        for path in (folder, *folder.rglob("*")):
            os.chown(path, owner, owner, follow_symlinks=False)

    def run_binary(self, binary, *words):
        done = subprocess.run([str(binary), "--json", *map(str, words)], capture_output=True,
                              text=True, timeout=60, cwd=self.folder,
                              env=harness.environment(**self.NOTHING_ELSE))
        self.note_pins()
        return done

    def test_a_name_does_not_lead_to_what_others_can_write(self):
        # PROMISES:
        # F-1 It belongs to root, to the caller
        # F-2 Neither its group nor others
        # F-5 A name is no reason to believe anybody
        probes = self.folder / "probes"
        shutil.copytree(harness.probe("tally"), probes / "tally")
        for path in (probes, probes / "tally", probes / "tally" / "probe.yaml",
                     probes / "tally" / "tally.bpf.o"):
            before = path.stat().st_mode
            for others in (0o002, 0o020):
                path.chmod(before | others)
                result = self.load_by_name(harness.REJECTED)
                self.assertIn(f"{path} can be written to by others", result.err)
                self.assertIn(f"chmod go-w {path}", result.err)
            path.chmod(before)
            os.chown(path, NOBODY, NOBODY)
            result = self.load_by_name(harness.REJECTED)
            self.assertIn(f"{path} belongs to user {NOBODY}, not to root", result.err)
            os.chown(path, 0, 0)
        self.load_by_name(harness.OK)

    def test_a_path_is_a_reason_to_believe_its_owner_and_nobody_else(self):
        # PROMISES:
        # F-4 A path on the command line is a reason
        home = self.folder / "home"
        shutil.copytree(harness.probe("tally"), home / "tally")
        self.give(home)
        for path in (home / "tally", home / "tally" / "probe.yaml", home / "tally" / "tally.bpf.o"):
            result = self.dynmon("load", "x", path, *PLACE)
            self.assertIn(f"{path} belongs to user {NOBODY}, who decides what is loaded",
                          result.err)
            self.dynmon("unload", "x")
        for path in (home, home / "tally", home / "tally" / "tally.bpf.o"):
            os.chown(path, NOBODY - 1, NOBODY)
            text = self.refuse(harness.REJECTED, "load", "x", home / "tally" / "probe.yaml", *PLACE)
            self.assertIn(f"{path} belongs to user {NOBODY - 1}", text)
            os.chown(path, NOBODY, NOBODY)
        home.chmod(0o1777)  # as /tmp is
        text = self.refuse(harness.REJECTED, "load", "x", home / "tally", *PLACE)
        self.assertIn("anybody can have put it into the folder", text)
        self.give(home / "tally", 0)
        os.chown(home, 0, 0)
        self.dynmon("load", "x", home / "tally", *PLACE)

    def test_check_looks_at_what_would_not_be_loaded_and_says_so(self):
        # PROMISES:
        # F-6 `check` without `--kernel` loads nothing
        probe = self.copy()
        (probe / "tally.bpf.o").chmod(0o666)
        result = self.dynmon("--json", "check", probe)
        self.assertTrue(result.json()["ok"])
        self.assertEqual(json.loads(result.err),
                         {"warning": f"{probe}/tally.bpf.o can be written to by others than its "
                                     "owner: it would not be loaded"})
        self.refuse(harness.REJECTED, "check", "--kernel", probe)

    def test_in_the_folder_of_somebody_else_a_name_means_what_is_installed(self):
        planted = self.folder / "build" / "probes"
        for name in ("tally", "packets"):
            shutil.copytree(harness.probe("tally"), planted / name)
        os.chown(self.folder, NOBODY, NOBODY)
        try:
            env = harness.environment(**self.NOTHING_ELSE, SUDO_UID=str(NOBODY))
            self.load("x", "packets", env=env)
            self.assertEqual(self.status("x")["monitors"][0]["object"],
                             str(harness.DYNMON.parent / "probes" / "packets" / "packets.bpf.o"))
            self.dynmon("unload", "x")
            error = self.refused(harness.USAGE, "load", "x", "tally", *PLACE, env=env)
            self.assertIn("./build/probes/tally is not taken by its name, because the current "
                          f"folder belongs to user {NOBODY}", error["hint"])
            self.assertNotIn("./build/probes", error["message"])
        finally:
            os.chown(self.folder, 0, 0)

    def test_probes_beside_the_program_are_believed_as_it_is(self):
        """A developer's checkout, whose program root runs: built by its owner, and by root."""
        build = self.folder / "checkout" / "build"
        shutil.copytree(harness.probe("tally"), build / "probes" / "tally")
        binary = build / "dynmon-load"
        shutil.copy(harness.DYNMON, binary)
        for built_by in (NOBODY, 0):
            self.give(build.parent)
            self.give(build, built_by)
            done = self.run_binary(binary, "load", "x", "tally", *PLACE)
            self.assertEqual((done.returncode, done.stderr), (harness.OK, ""))
            self.assertEqual(self.status("x")["monitors"][0]["object"],
                             str(build / "probes" / "tally" / "tally.bpf.o"))
            self.dynmon("unload", "x")
        # No other user is, and another program makes no difference to the same files.
        os.chown(build / "probes" / "tally", NOBODY - 1, NOBODY)
        done = self.run_binary(binary, "load", "x", "tally", *PLACE)
        self.assertEqual(done.returncode, harness.REJECTED, done.stderr)
        self.assertIn(f"belongs to user {NOBODY - 1}", done.stderr)
        os.chown(build / "probes" / "tally", 0, 0)
        self.dynmon("load", "x", "tally", *PLACE, code=harness.REJECTED,
                    env=harness.environment(DYNMON_PROBE_PATH=str(build / "probes")))


class DamagedObjectTest(FilesCase):
    """The loader itself, with little memory and time, on damaged objects."""
    SAMPLE = 24

    def run_limited(self, path):
        def limit():
            if not harness.sanitized():
                resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
            resource.setrlimit(resource.RLIMIT_CPU, (20, 20))

        return subprocess.run([str(harness.DYNMON), "--json", "check", "--kernel", str(path)],
                              capture_output=True, text=True, timeout=60, preexec_fn=limit,
                              env=harness.environment(), cwd=self.folder)

    def test_cut_off_or_changed_it_is_taken_or_refused_with_a_reason(self):
        whole = (harness.probe("tally") / "tally.bpf.o").read_bytes()
        rng = random.Random(1)
        path = self.folder / "x.bpf.o"
        refused = 0
        for turn in range(self.SAMPLE):
            damaged = bytearray(whole)
            if turn % 2:
                damaged = damaged[:64 * rng.randrange(len(whole) // 64)]
            else:
                for _ in range(4):
                    damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
            path.write_bytes(damaged)
            done = self.run_limited(path)
            self.assertIn(done.returncode, range(6), (turn, done.stderr))
            if done.returncode != 0 and not done.stdout:
                self.assertTrue(json.loads(done.stderr.splitlines()[-1])["error"]["message"])
                refused += 1
        self.assertGreater(refused, self.SAMPLE // 3)
        self.assertEqual((harness.pins(), STORE.exists()), ([], False))

    def test_names_that_are_none_are_refused_on_the_command_line(self):
        for name in ("../x", ".", "..", "__stage_x", "x" * 64, "-rf", "a/b", "a.b", "fl\u043ews", "",
                     "a\nb"):
            for words in (("load", "--dev", "blue0", "--netns", "blue", "--", name, "tally"),):
                self.assertTrue(self.refuse(harness.USAGE, *words))


if __name__ == "__main__":
    harness.main()
