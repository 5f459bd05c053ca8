#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The scripts of the matrix themselves: what must fail a run does."""
import ast
import os
import pathlib
import subprocess
import sys
import tempfile
import types
import unittest

import archive
import golden
import guests
import image
import matrix  # which knows where documents is
import documents
import splats
import table
import target
import userland
from run import Run

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import skips

HEAD = "[    0.000000] Linux version 6.1.0-52-cloud-amd64 (builder) #1 SMP\n"
QUIET = HEAD + "[    0.100000] Spectre V2 : Mitigation: Retpolines\n[    3.2] veth: loaded\n"


class SplatsTest(unittest.TestCase):
    def test_a_quiet_log_has_none(self):
        self.assertEqual(splats.splats(QUIET), [])

    def test_each_kind_of_report_is_found(self):
        for line in ("WARNING: CPU: 1 PID: 77 at kernel/bpf/core.c:12 bpf_prog_free+0x1/0x2",
                     "BUG: kernel NULL pointer dereference, address: 0000000000000008",
                     "Oops: 0000 [#1] SMP PTI", "Oops: int3: 0000 [#1] PREEMPT SMP",
                     "BUG: KASAN: use-after-free in bpf_map_put+0x1/0x2",
                     "UBSAN: array-index-out-of-bounds in net/core/filter.c:1:2",
                     "WARNING: possible recursive locking detected",
                     "WARNING: suspicious RCU usage",
                     "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
                     "rcu: INFO: rcu_sched self-detected stall on CPU",
                     "INFO: task dynmon-load:99 blocked for more than 120 seconds.",
                     "watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [dynmon-load:1]",
                     "general protection fault, probably for non-canonical address",
                     "refcount_t: underflow; use-after-free.",
                     "list_del corruption. next->prev should be 0, but was 1",
                     "dynmon-load[88]: segfault at 0 ip 0 sp 0 error 4 in dynmon-load",
                     "Kernel panic - not syncing: Fatal exception",
                     "unregister_netdevice: waiting for blue0 to become free. Usage count = 2",
                     "Out of memory: Killed process 12 (dynmon-load)", "Call Trace:"):
            self.assertEqual(splats.splats(QUIET + f"[    4.0] {line}\n"), [f"[    4.0] {line}"])

    def test_what_is_allowed_is_allowed_for_its_own_line_only(self):
        hogged = "[    9.0] workqueue: bpf_prog_free_deferred hogged CPU for >10000us 4 times\n"
        oops = "[    9.1] Oops: 0000 [#1] SMP\n"
        self.assertEqual(splats.splats(QUIET + hogged), [])
        trial = "[   10.0] traps: dynmon-unit[7] general protection fault ip:7f sp:7f error:0\n"
        self.assertEqual(splats.splats(QUIET + trial), [])
        timeout = "[    0.0] \tRCU CPU stall warnings timeout set to 180 (rcu_cpu_stall_timeout).\n"
        self.assertEqual(splats.splats(QUIET + timeout), [])
        self.assertEqual(splats.splats(QUIET + hogged + oops), [oops.rstrip()])

    def test_no_log_or_half_a_log_cannot_be_judged(self):
        for log in (None, "", "\n\n", "[    3.2] veth: loaded\n"):
            with self.assertRaises(splats.NoLog):
                splats.splats(log)

    def test_as_a_command_it_says_so_with_its_exit_code(self):
        with tempfile.NamedTemporaryFile("w+") as file:
            for text, code in ((QUIET, 0), (QUIET + "BUG: bad\n", 1), ("nothing", 2)):
                file.seek(0)
                file.truncate()
                file.write(text)
                file.flush()
                done = subprocess.run([sys.executable, splats.__file__, file.name],
                                      capture_output=True, text=True)
                self.assertEqual(done.returncode, code, done.stdout + done.stderr)


class JudgeTest(unittest.TestCase):
    """What a guest's documents and console come to."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.guest = guests.Guest("base", [guests.step("a", "true"), guests.step("b", "true")])

    def judged(self, documents, console="", in_time=True):
        run = Run(self.guest, None, {"series": "6.1", "release": "6.1.0-52-cloud-amd64"})
        run.folder = self.folder
        run.judge(documents, console, in_time)
        return run

    def step(self, name, code=0, tests=3, out="", skipped=()):
        return {"name": name, "code": code, "tests": tests, "seconds": 1.0, "out": out,
                "skipped": list(skipped)}

    def done(self, log=QUIET):
        return {"done": True, "log": log}

    def test_passed(self):
        run = self.judged([self.step("a"), self.step("b"), self.done()])
        self.assertEqual(run.failures, [])

    def test_a_step_that_fails_or_runs_nothing(self):
        run = self.judged([self.step("a", code=1, out="FAIL: x"), self.step("b", tests=0),
                           self.done()])
        self.assertEqual(len(run.failures), 2)
        self.assertIn("FAIL: x", run.failures[0])
        self.assertIn("ran no test", run.failures[1])

    def test_a_step_that_was_left_out(self):
        run = self.judged([self.step("a"), self.done()])
        self.assertIn("b: did not run", "\n".join(run.failures))

    def test_a_guest_that_dies_fails_with_the_end_of_its_console(self):
        console = "\n".join(f"line {number}" for number in range(500)) + \
            "\nKernel panic - not syncing: Fatal exception in interrupt"
        run = self.judged([{"begins": "a"}], console)
        self.assertIn("ended by itself, in a", run.failures[0])
        self.assertIn("Kernel panic", run.failures[0])
        self.assertNotIn("line 100\n", run.failures[0])

    def test_a_guest_that_hangs(self):
        run = self.judged([self.step("a"), {"begins": "b"}], in_time=False)
        self.assertIn("did not end within", "\n".join(run.failures))

    def test_a_guest_that_does_not_boot(self):
        self.assertIn("in its boot", self.judged([]).failures[0])

    def test_a_log_with_a_splat_and_one_that_could_not_be_had(self):
        for log in (QUIET + "WARNING: CPU: 0 PID: 1 at x\n", None):
            run = self.judged([self.step("a"), self.step("b"), self.done(log)])
            self.assertEqual(len(run.failures), 1, run.failures)


class GuestsTest(unittest.TestCase):
    def test_steps_of_a_guest_have_names_of_their_own(self):
        for guest in guests.GUESTS + [guests.QUICK]:
            names = [step["name"] for step in guest.steps]
            self.assertEqual(len(names), len(set(names)), guest.name)
            for step in guest.steps:
                test = any(word.endswith((".py", "-tests", "-programs")) for word in step["command"])
                self.assertEqual(test, step["name"] != golden.STEP, step)


    def test_documents_of_others_are_looked_at_where_they_are_named(self):
        names = [guest.name for guest in guests.of(True, False, None)]
        self.assertIn("imported", names)
        self.assertNotIn(guests.CORPUS, names)
        self.assertEqual([guest.name for guest in guests.of(False, False, [guests.CORPUS])],
                         [guests.CORPUS])

    def test_each_session_of_a_quick_guest_is_one_of_the_documents(self):
        known = {f"ImportedTest.test_{session.name}" for session in documents.SESSIONS}
        step, = [step for step in guests.QUICK.steps if step["name"] == guests.IMPORTED]
        asked = [word for word in step["command"] if word.startswith("ImportedTest.")]
        self.assertGreater(len(asked), 1)
        self.assertLessEqual(set(asked), known)


class GoldenTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def run_with(self, out):
        guest = guests.Guest("base", [guests.step(golden.STEP, "true")])
        run = Run(guest, None, {"series": "6.1", "release": "6.1.0"})
        if out is not None:
            run.steps[golden.STEP] = {"out": out, "skipped": [], "tests": 0, "code": 0}
        return run

    def compared(self, out, record=False):
        run = self.run_with(out)
        golden.compare(run, record, self.folder)
        return run.failures

    def test_recorded_then_equal_then_a_difference_is_shown(self):
        one, other = ('{"features": {"tcx": %s, "bpf_loop": true}}' % tcx for tcx in
                      ("false", "true"))
        self.assertIn("--record makes it", self.compared(one)[0])
        self.assertEqual(self.compared(one, record=True), [])
        self.assertEqual(self.compared(one), [])
        failure = self.compared(other)[0]
        self.assertIn('- "tcx": false', failure)
        self.assertIn('+ "tcx": true', failure)

    def test_a_guest_without_that_step_is_not_asked(self):
        run = Run(guests.Guest("faults", [guests.fault("gone")]), None, {"series": "6.1",
                                                                       "release": "6.1.0"})
        golden.compare(run, False, self.folder)
        self.assertEqual(run.failures, [])

    def test_no_answer_is_a_failure(self):
        for out in (None, "", "{}", "no JSON"):
            self.assertNotEqual(self.compared(out, record=True), [], out)
        self.assertEqual(list(self.folder.iterdir()), [])


class TableTest(unittest.TestCase):
    def test_kernels_are_in_order_and_nothing_is_dropped(self):
        runs = []
        for series in ("6.12", "6.1", "5.10"):
            run = Run(guests.Guest("base", [guests.step("chain", "true"), guests.step("x", "y")]),
                      None, {"series": series, "release": f"{series}.9-cloud-amd64"})
            run.steps["chain"] = {"name": "chain", "tests": 7, "skipped": [["test_tcx", "no TCX"]], "seconds": 4.2,
                                  "code": 0, "out": ""}
            runs.append(run)
        text = table.table(runs, {"5.15": "the archive has no such kernel"}, 12)
        self.assertIn("| guest: test | 5.10.9 | 6.1.9 | 6.12.9 |", text)
        self.assertEqual(text.count("6, 1 not there, 4 s"), 3)
        self.assertEqual(text.count("**did not run**"), 3)
        self.assertIn("* 5.15: the archive has no such kernel", text)
        self.assertIn("`test_tcx` on 5.10, 6.1, 6.12: no TCX", text)

    def test_another_architecture_has_columns_of_its_own(self):
        arm64 = target.Target("arm64", None)
        runs = [Run(guests.FOREIGN, None, {"series": "6.1", "release": "6.1.9-cloud-arm64"}, arm64),
                Run(guests.QUICK, None, {"series": "7.3", "release": "7.3.9-cloud-amd64"})]
        text = table.table(runs, {}, 12)
        self.assertIn("| feature | 7.3 | 6.1-arm64 |", text)
        self.assertIn("| guest: test | 7.3.9 | 6.1.9 arm64 |", text)


class ObjectsTest(unittest.TestCase):
    def test_an_object_that_is_not_the_same_everywhere_is_found(self):
        with tempfile.TemporaryDirectory() as folder:
            build, other = pathlib.Path(folder, "build"), pathlib.Path(folder, "arm64")
            for name, here, there in (("same", "1", "1"), ("differs", "1", "2")):
                for place, text in ((build, here), (other, there)):
                    (place / "bpf").mkdir(parents=True, exist_ok=True)
                    (place / f"bpf/{name}.bpf.o").write_text(text)
            (other / "bpf/alone.bpf.o").write_text("1")
            self.assertEqual(sorted(target.differing_objects(build, other)),
                             ["bpf/alone.bpf.o", "bpf/differs.bpf.o"])

    def test_no_object_at_all_is_no_success(self):
        with tempfile.TemporaryDirectory() as folder, self.assertRaises(SystemExit):
            target.differing_objects(pathlib.Path(folder), pathlib.Path(folder))


class UserlandTest(unittest.TestCase):
    def test_links_stay_within_the_folder(self):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            userland.prepare(folder)
            (folder / "usr/lib/libz.so.1").write_text("z")
            (folder / "usr/lib/libz.so").symlink_to("/lib/libz.so.1")
            userland.make_links_relative(folder)
            self.assertEqual((folder / "lib/libz.so").read_text(), "z")
            self.assertFalse(os.path.isabs(os.readlink(folder / "usr/lib/libz.so")))


class ImageTest(unittest.TestCase):
    def imported(self, path, seen):
        """Names of the modules behind a test that are neither Python's nor files of the tests."""
        seen.add(path)
        others = set()
        for node in ast.walk(ast.parse(path.read_text())):
            names = [name.name for name in node.names] if isinstance(node, ast.Import) else \
                [node.module] if isinstance(node, ast.ImportFrom) else []
            for name in {name.split(".")[0] for name in names} - sys.stdlib_module_names:
                files = list((image.SOURCE / "tests").glob(f"*/{name}.py"))
                if not files:
                    others.add(name)
                for file in set(files) - seen:
                    others |= self.imported(file, seen)
        return others

    def test_what_the_tests_of_the_guests_import_is_in_the_image(self):
        scripts = {word for guest in guests.GUESTS + [guests.QUICK] for each in guest.steps
                   for word in each["command"] if word.endswith(".py")}
        self.assertGreater(len(scripts), 10)
        needed = set()
        for script in scripts:
            needed |= self.imported(image.SOURCE / script.removeprefix("/dynmon/"), set())
        self.assertEqual(needed, set(image.PYTHON_PACKAGES))
        there = {pathlib.Path(path).name for path in image.third_parties(image.PYTHON_PACKAGES)}
        self.assertLessEqual(needed, there)


class ArchiveTest(unittest.TestCase):
    def test_the_mirror_is_that_of_the_machine(self):
        main, _ = archive.mirrors()
        self.assertRegex(main, r"^[a-z+]+:/")

    def test_what_is_cached_needs_no_apt(self):
        with tempfile.TemporaryDirectory() as folder:
            made = archive.Archive(folder, "amd64")
            kernel = pathlib.Path(folder, "amd64", "6.1")
            kernel.mkdir(parents=True)
            (kernel / "kernel.json").write_text("{}")
            made._apt = lambda tool: ["false"]
            self.assertEqual(made.kernel("6.1"), kernel)
            with self.assertRaises(archive.NotToBeHad):
                made.kernel("6.2")

    def without_security(self, folder):
        made = archive.Archive(folder, "amd64")
        made._find = lambda series: None
        made._known = lambda: {"suites": ["trixie"], "refused": {}, "incomplete": {}, "kernels": {}}
        before = archive.mirrors
        archive.mirrors = lambda: ("http://deb.debian.org/debian", None)
        self.addCleanup(setattr, archive, "mirrors", before)
        return made

    def test_without_security_updates_a_kernel_is_skipped_with_the_line_to_add(self):
        with tempfile.TemporaryDirectory() as folder:
            kernels, missing = matrix.had(self.without_security(folder), ["5.10"])
        self.assertEqual(kernels, {})
        missing = {("amd64", series): why for series, why in missing.items()}
        words = types.SimpleNamespace(all=False, versions=[])
        self.assertEqual(matrix.is_failure(words, missing), [])
        line, = matrix.left_out(missing)
        (test, case, why), = skips.skips(["8/9 Testing: kernels-quick", line])
        self.assertEqual((test, case), ("kernels-quick", "kernel 5.10 of amd64"))
        self.assertRegex(why, r"add the line `deb http://deb.debian.org/debian-security "
                              r"\w+-security main` to /etc/apt/sources.list")

    def test_a_kernel_that_the_archive_has_lost_is_a_failure_all_the_same(self):
        missing = {("amd64", "5.10"): archive.NotToBeHad("gone")}
        words = types.SimpleNamespace(all=False, versions=[])
        self.assertEqual((matrix.is_failure(words, missing), matrix.left_out(missing)), (["5.10"], []))

    def test_modules_come_after_those_that_they_need(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder)
            (path / "modules.dep").write_text(
                "kernel/virtio_blk.ko.xz: kernel/virtio.ko.xz kernel/ring.ko.xz\n"
                "kernel/virtio.ko.xz: kernel/ring.ko.xz\nkernel/ring.ko.xz:\nkernel/other.ko:\n")
            self.assertEqual([file.name for file in image.module_order(path)],
                             ["ring.ko.xz", "virtio.ko.xz", "virtio_blk.ko.xz"])


if __name__ == "__main__":
    unittest.main()
