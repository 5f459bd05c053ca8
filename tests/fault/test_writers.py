#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Files that dynmon-load writes where others may write too: rights are gone before they are opened,
and what another user put there is neither followed nor waited for."""
import os
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

import exported as exports
import harness
from exported import udp

NOBODY = 65534


class Trace:
    """The system calls of one run, in their order, of its main thread."""

    def __init__(self, case, *words, code=harness.OK):
        path = case.folder / "trace"
        done = subprocess.run(
            ["strace", "-qq", "-s", "256", "-e", "signal=none", "-o", str(path),
             str(harness.DYNMON), *map(str, words)], capture_output=True, timeout=60,
            cwd=case.folder, env=harness.untraceable())
        case.note_pins()
        case.assertEqual(done.returncode, code, done.stderr)
        self.case, self.lines = case, path.read_text().splitlines()[1:]  # behind execve()

    def first(self, pattern):
        for number, line in enumerate(self.lines):
            if re.search(pattern, line):
                return number
        raise self.case.failureException(f"no {pattern} in the trace")

    def dropped(self):
        """Where the last capability is given up."""
        return self.first(r"^capset\(.*effective=0, permitted=0, inheritable=0")

    def reads_of(self, maps):
        """Where the content of maps is read that were opened by pins with such names."""
        opened, found = set(), []
        for number, line in enumerate(self.lines):
            if pin := re.match(r'bpf\(BPF_OBJ_GET, \{pathname=".*/(.*?)".*= (\d+)$', line):
                if re.match(maps, pin[1]):
                    opened.add(pin[2])
            elif closed := re.match(r"close\((\d+)\)", line):
                opened.discard(closed[1])
            elif read := re.match(r"bpf\(BPF_MAP_(?:LOOKUP|GET_NEXT).*?map_fd=(\d+)", line):
                if read[1] in opened:
                    found.append(number)
        return found


class RightsFirstTest(exports.ExportCase):
    def test_an_export_reads_and_writes_nothing_while_it_has_rights(self):
        # PROMISES:
        # W-1 Capabilities are given up before
        self.load("d", "ddos")
        self.receive(udp(5000, 53))
        self.out.mkdir()
        trace = Trace(self, "export", "d", "--profile", "ddos", "--out", self.out, "--interval",
                      "10ms", "--count", "1")
        self.assertEqual(len(self.files()), 1)
        dropped = trace.dropped()
        self.assertGreater(trace.first(re.escape(f'"{self.out}"')), dropped)
        reads = trace.reads_of("(PACKET_BUFFER|SESSIONS_TRACKED|DDOS_MISSED)_")
        self.assertTrue(reads)
        self.assertGreater(min(reads), dropped)

    def test_no_file_for_flows_is_opened_while_it_has_rights(self):
        self.load("f", "flows")
        state = self.folder / "kept"
        trace = Trace(self, "export", "f", "--profile", "netflow", "--out", self.out, "--state",
                      state, "--interval", "10ms", "--count", "1")
        self.assertGreater(trace.first(r'openat\(\d+, "kept"'), trace.dropped())

    def test_a_verifier_log_is_not_opened_while_it_has_rights(self):
        log = self.folder / "log"
        for words in (("check", "--kernel", "rejected"),
                      ("load", "r", "rejected", "--dev", "blue0", "--netns", "blue")):
            trace = Trace(self, *words, "--verifier-log", log, code=harness.REJECTED)
            self.assertGreater(trace.first(re.escape(f'"{log}"')), trace.dropped())
            self.assertGreater(log.stat().st_size, 0)
            log.unlink()

    def test_the_source_of_a_new_probe_is_not_written_while_it_has_rights(self):
        trace = Trace(self, "new", "hello", "--dir", self.folder)
        self.assertTrue((self.folder / "hello" / "probe.yaml").exists())
        self.assertGreater(trace.first(r"^mkdir"), trace.dropped())


class PlantedTest(exports.ExportCase):
    """What others left in the folder before root exports into it."""

    def setUp(self):
        super().setUp()
        self.load("c", "crypto")
        self.out.mkdir()

    def refuse(self, code, *expected, options=()):
        error = self.refused(code, "export", "c", "--profile", "crypto", "--out", self.out,
                             "--interval", "10ms", "--count", "1", *options)
        for part in expected:
            self.assertIn(part, error["message"])
        self.assertTrue(error["hint"])

    def test_fifos_are_not_waited_for(self):
        # PROMISES:
        # W-2 What is there already is looked at
        for name in (".dynmon-export.json", ".dynmon-lock", "results.csv"):
            self.receive(udp(5000, 53))
            os.mkfifo(self.out / name)
            self.refuse(harness.REJECTED, f"{self.out / name} is a FIFO, not a file")
            (self.out / name).unlink()
        self.load("f", "flows")
        os.mkfifo(self.out / "kept")
        error = self.refused(harness.REJECTED, "export", "f", "--profile", "netflow", "--out",
                             self.out, "--state", self.out / "kept")
        self.assertIn("kept is a FIFO, not a file", error["message"])

    def test_files_of_others_are_not_believed(self):
        state = self.out / ".dynmon-export.json"
        state.write_text('{"version":1,"next":0,"windows":{}}')
        os.chown(state, NOBODY, NOBODY)
        self.refuse(harness.REJECTED, f"{state} belongs to user {NOBODY}, not to root")
        state.unlink()
        planted = self.out / ".dynmon-committed"
        planted.mkdir()
        os.chown(planted, NOBODY, NOBODY)
        self.refuse(harness.REJECTED, f"{planted} belongs to user {NOBODY}, not to root")

    def test_a_planted_window_overwrites_nothing_through_a_hard_link(self):
        # PROMISES:
        # W-3 New files are made under names
        precious, planted = self.folder / "precious", self.out / ".dynmon-committed"
        precious.write_text("mine")
        os.link(precious, self.out / "results.csv")
        planted.mkdir()
        (planted / "results.csv").write_text("theirs")
        (planted / ".dynmon-export.json").write_text(
            '{"version":1,"next":1,"windows":{},'
            '"appended":{"results.csv":{"at":0,"header":"theirs"}}}')
        self.refuse(harness.REJECTED, "results.csv has other names too (hard links)")
        self.assertEqual(precious.read_text(), "mine")

    def test_a_sparse_state_is_not_read_to_its_end(self):
        # PROMISES:
        # W-4 `.dynmon-export.json` is believed
        with open(self.out / ".dynmon-export.json", "w") as state:
            state.truncate(1 << 40)
        self.refuse(harness.REJECTED, "has more than 1048576 bytes")

    def test_a_lock_of_somebody_else_on_the_folder_is_no_hindrance(self):
        # PROMISES:
        # W-5 The lock of the folder
        self.out.chmod(0o755)
        self.folder.chmod(0o755)
        hold = "import fcntl, os, sys; fcntl.flock(os.open(sys.argv[1], 0), 2); print(flush=True); " \
               "sys.stdin.read()"
        with subprocess.Popen(["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}",
                               "--clear-groups", "/usr/bin/python3", "-c", hold, str(self.out)],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
            self.assertEqual(holder.stdout.readline(), b"\n")
            self.receive(udp(5000, 53))
            self.export("c", "crypto")
            holder.stdin.close()
        self.assertEqual(self.files(), ["results.csv"])

    def test_an_export_at_work_is_named(self):
        self.load("d", "crypto")
        running = self.start("export", "d", "--profile", "crypto", "--out", self.out)
        self.eventually((self.out / ".dynmon-lock").exists, "the export has its folder")
        self.refuse(harness.BUSY, f"another export writes to {self.out}: pid {running.pid} (")

    def test_a_folder_that_somebody_led_elsewhere_is_not_written_to(self):
        elsewhere = self.folder / "elsewhere"
        elsewhere.mkdir()
        self.out.rmdir()
        self.out.symlink_to(elsewhere)
        self.refuse(harness.USAGE, f"{self.out} is a symbolic link")
        self.assertEqual(list(elsewhere.iterdir()), [])

    def test_a_link_of_somebody_else_above_the_folder_is_not_followed(self):
        elsewhere, link = self.folder / "elsewhere", self.folder / "link"
        (elsewhere / "out").mkdir(parents=True)
        link.symlink_to(elsewhere)
        os.chown(link, NOBODY, NOBODY, follow_symlinks=False)
        self.out = link / "out"
        fault = f"{link} is a symbolic link of user {NOBODY}, who can lead it anywhere"
        self.refuse(harness.REJECTED, fault)
        self.load("f", "flows")
        error = self.refused(harness.REJECTED, "export", "f", "--profile", "netflow", "--out",
                             elsewhere / "out", "--state", self.out / "kept")
        self.assertIn(fault, error["message"])
        self.assertEqual(list((elsewhere / "out").iterdir()), [])
        os.chown(link, 0, 0, follow_symlinks=False)
        self.receive(udp(5000, 53))
        self.export("c", "crypto")
        self.assertEqual([path.name for path in (elsewhere / "out").glob("[!.]*")], ["results.csv"])


class VerifierLogTest(harness.Case):
    def test_a_link_of_somebody_else_above_it_is_not_followed(self):
        link = self.folder / "link"
        link.symlink_to(self.folder)
        os.chown(link, NOBODY, NOBODY, follow_symlinks=False)
        result = self.dynmon("check", "--kernel", "rejected", "--verifier-log", link / "log",
                             code=harness.REJECTED)
        self.assertIn(f"{link} is a symbolic link of user {NOBODY}", result.err)
        self.assertEqual((self.folder / "log").stat().st_size, 0)

    def test_no_file_with_another_name_or_of_somebody_else_is_overwritten(self):
        precious, log = self.folder / "precious", self.folder / "log"
        precious.write_text("mine")
        os.link(precious, log)
        self.check_refused(log, "has other names too (hard links)")
        log.unlink()
        precious.chmod(0o666)
        os.chown(precious, NOBODY, NOBODY)
        self.check_refused(precious, f"belongs to user {NOBODY}, not to root")
        self.assertEqual(precious.read_text(), "mine")

    def check_refused(self, path, fault):
        result = self.dynmon("check", "--kernel", "rejected", "--verifier-log", path,
                             code=harness.REJECTED)
        self.assertIn(f"cannot write the verifier log to {path}: {path} {fault}", result.err)


if __name__ == "__main__":
    harness.main()
