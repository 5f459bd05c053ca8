#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Without root, without a BPF file system, with a store that is not ours: a clear refusal."""
import json
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

import frames
import harness
import kernel
import ordinary
import wire
from harness import BPFFS, STORE

NOBODY = 65534
LOAD = ("load", "p", "packets", "--dev", "blue0", "--netns", "blue")


class NobodyTest(harness.Case):
    def setUp(self):
        super().setUp()
        self.copy, self.probes = ordinary.reachable(self.folder, "packets")

    def as_nobody(self, *words):
        """(exit code, stdout, stderr) of the loader run by an ordinary user."""
        process = subprocess.run(
            ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
             "--inh-caps=-all", "--bounding-set=-all", str(self.copy), *words],
            capture_output=True, text=True, timeout=60, cwd=self.folder,
            env=harness.environment(DYNMON_PROBE_PATH=str(self.probes)))
        return process.returncode, process.stdout, process.stderr

    def test_check_needs_no_rights(self):
        code, out, error = self.as_nobody("check", "packets")
        self.assertEqual((code, error), (0, ""))
        self.assertTrue(out.startswith("packets: good\n"), out)

    def check_refused(self, words, *expected):
        code, out, error = self.as_nobody(*words)
        self.assertEqual((code, out), (harness.FAILED, ""), error)
        for text in expected:
            self.assertIn(text, error)

    def test_load_says_what_is_needed_and_leaves_nothing(self):
        for place, needed in ((("--dev", "blue0", "--netns", "blue"), "CAP_SYS_ADMIN"),
                              (("--dev", "lo"), "run as root")):
            self.check_refused(("load", "p", "packets", *place), "EPERM", needed)
            self.assertEqual((harness.pins(), STORE.exists()), ([], False))

    def test_a_pin_that_one_may_only_read_is_read(self):
        for kind, key_size in (("hash", 4), ("percpu_array", 4), ("lpm_trie", 8)):
            path = BPFFS / f"open_{kind}"
            wire.command("bpftool", "map", "create", str(path), "type", kind, "key", str(key_size),
                         "value", "8", "entries", "1", "name", "open",
                         *(("flags", "1") if kind == "lpm_trie" else ()))
            self.at_end.append(path.unlink)
            wire.command("bpftool", "map", "update", "pinned", str(path), "key", *["0"] * key_size,
                         "value", *["7"] * 8)
            path.chmod(0o444)
            expected = self.dynmon("dump", path, "--format", "jsonl").out
            self.assertIn("7", expected)
            code, out, error = self.as_nobody("dump", str(path), "--format", "jsonl")
            self.assertEqual((code, out), (harness.OK, expected), error)
            path.chmod(0o400)
            self.check_refused(("dump", str(path)), "EACCES")

    def test_a_closed_bpf_file_system_is_not_taken_for_an_empty_one(self):
        BPFFS.chmod(0o700)  # as systemd mounts it
        self.addCleanup(BPFFS.chmod, 0o1777)
        for words in (LOAD, ("status",), ("read", "p"), ("unload", "--all"), ("recover",)):
            self.check_refused(words, "EACCES", "run as root")
        self.assertEqual((harness.pins(), STORE.exists()), ([], False))

    def test_a_running_monitor_is_closed_to_others(self):
        self.load("p", "packets")
        before = self.status()
        for words in (("read", "p"), ("status",), ("unload", "p"), ("replace", "p", "packets"),
                      ("recover",)):
            code, out, error = self.as_nobody(*words)
            self.assertNotEqual(code, 0, words)
            self.assertEqual(out, "", words)
            self.assertTrue("root" in error or "EACCES" in error, error)
        self.assertEqual(self.status(), before)
        self.receive(frames.plain(60))
        self.assertEqual(self.packets("p"), 1)


class StoreTest(harness.Case):
    def refuse(self, code, *expected, words=LOAD):
        error = self.refused(code, *words)
        text = error["message"] + " " + error.get("hint", "")
        for part in expected:
            self.assertIn(part, text)

    def test_no_bpf_file_system(self):
        while os.path.ismount(BPFFS):  # ours, and what the machine has below it; here only
            wire.command("umount", str(BPFFS))
        try:
            self.refuse(harness.USAGE, "is not on a BPF file system",
                        "mount -t bpf bpf /sys/fs/bpf")
        finally:
            wire.command("mount", "-t", "bpf", "bpf", str(BPFFS))

    def test_a_store_without_a_name(self):
        for words in ("status",), ("read", "p"), ("unload", "--all"):
            error = self.refused(harness.USAGE, "--bpffs", "", *words)
            self.assertIn("--bpffs is empty", error["message"])

    def test_a_store_that_is_no_bpf_file_system(self):
        self.refuse(harness.USAGE, f"{self.folder} is not on a BPF file system",
                    words=("--bpffs", self.folder / "store", *LOAD))

    def test_a_store_that_is_open_to_others(self):
        STORE.mkdir(0o755)
        STORE.chmod(0o755)
        self.refuse(harness.REJECTED, f"{STORE} is open to others", f"chmod 0700 {STORE}")
        STORE.chmod(0o700)
        self.load("p", "packets")

    def test_a_store_of_somebody_else(self):
        STORE.mkdir(0o700)
        os.chown(STORE, NOBODY, NOBODY)
        self.refuse(harness.REJECTED, f"{STORE} belongs to user {NOBODY}, not to root")
        STORE.rmdir()

    def test_a_store_that_is_a_symbolic_link(self):
        (BPFFS / "elsewhere").mkdir(0o700)
        STORE.symlink_to(BPFFS / "elsewhere")
        self.refuse(harness.REJECTED, f"{STORE} is not a directory")
        STORE.unlink()
        self.assertEqual(list((BPFFS / "elsewhere").iterdir()), [])
        (BPFFS / "elsewhere").rmdir()

    def test_a_store_that_is_a_map(self):
        wire.command("bpftool", "map", "create", str(STORE), "type", "array", "key", "4", "value",
                     "4", "entries", "1", "name", "store")
        self.refuse(harness.REJECTED, f"{STORE} is not a directory")
        self.assertEqual(kernel.object_id(STORE)[0], "map_id")
        STORE.unlink()

    def test_another_store_by_name(self):
        other = BPFFS / "mine"
        words = ("--bpffs", other)
        self.dynmon(*words, *LOAD)
        self.receive(*[frames.plain(60)] * 3)
        self.assertEqual(self.status(), {"monitors": [], "hooks": [], "problems": []})
        document = self.dynmon(*words, "--json", "read", "p").json()
        self.assertEqual(self.value(document, "packets_total"), [3])
        self.dynmon(*words, "unload", "p")
        self.assertFalse(other.exists())


class OneClosedTest(ordinary.RightsCase):
    def test_a_record_that_may_not_be_read_hides_no_other_monitor_from_status(self):
        self.user(ordinary.ALL, *ordinary.load("packets"))
        self.user(ordinary.ALL, "load", "q", "packets", *ordinary.HERE)
        record = self.store / "monitors/q/g1/dynmon-record"
        record.chmod(0)
        self.at_end.append(lambda: record.chmod(0o600))
        done = self.attempt(ordinary.ALL, "--json", "status")
        self.assertEqual(done.code, harness.FAILED, done.err)
        status = done.json()
        self.assertEqual({monitor["name"] for monitor in status["monitors"]}, {"p", "q"})
        self.assertEqual(len(status["hooks"]), 2)
        said = json.dumps(status)
        self.assertIn("EACCES", said)


if __name__ == "__main__":
    harness.main()
