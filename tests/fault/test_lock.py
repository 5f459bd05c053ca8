#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Two commands at once: which waits, for how long, and the error about a holder that is stuck."""
import fcntl
import json
import os
import pathlib
import select
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

import frames
import harness
from harness import STORE

UDP = frames.ipv4(frames.udp(1, 2), frames.UDP)
HOLD = """
import fcntl, os, signal, sys
fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), int(sys.argv[2]))
print("held", flush=True)
signal.pause()
"""
SHARED, EXCLUSIVE = 1, 2


class LockTest(harness.Case):
    """PROMISES:
    S-21 Locks are `flock` on directories, so that they die with their holder"""

    def setUp(self):
        super().setUp()
        self.load("f", "flows")
        self.receive(*[UDP] * 5)

    def hold(self, directory, mode=EXCLUSIVE):
        """A process that has the lock and is stopped."""
        holder = subprocess.Popen([sys.executable, "-c", HOLD, str(directory), str(mode)],
                                  stdout=subprocess.PIPE, text=True)
        self.processes.append(holder)
        self.assertEqual(holder.stdout.readline(), "held\n")
        holder.send_signal(signal.SIGSTOP)
        return holder

    def check_busy(self, holder, directory, *verbs):
        for words in verbs:
            begun = time.monotonic()
            error = self.refused(harness.BUSY, "--lock-timeout", "50ms", *words)
            self.assertLess(time.monotonic() - begun, 2)
            self.assertIn(f"{directory} is locked by pid {holder.pid}", error["message"], words)
            self.assertIn("--lock-timeout", error["hint"])

    def packets(self):
        return sum(entry["value"]["packets"] for document in self.read("f")
                   for entry in self.value(document, "flows"))

    def test_a_stopped_holder_of_the_store_is_named(self):
        holder = self.hold(STORE)
        place = ("--dev", "blue0", "--netns", "blue")
        self.check_busy(holder, STORE, ("load", "p", "packets", *place), ("recover",),
                        ("replace", "f", "flows"), ("apply", "f", "flows", *place),
                        ("read", "f"), ("unload", "f"), ("status",))
        harness.stop(holder)
        self.assertEqual(self.packets(), 5)  # none of the refused has taken anything

    def test_a_stopped_reader_of_a_monitor_is_named_and_others_go_on(self):
        directory = STORE / "monitors" / "f"
        self.load("p", "packets")
        holder = self.hold(directory)
        self.check_busy(holder, directory, ("read", "f"), ("read", "f", "--peek"),
                        ("replace", "f", "flows"), ("unload", "f"))
        self.receive(UDP)
        self.assertEqual(self.value(self.window("p"), "packets_total"), [1])
        self.dynmon("unload", "p")
        harness.stop(holder)
        self.assertEqual(self.packets(), 6)

    def test_a_reader_whose_output_nobody_takes_is_named_with_its_command_line(self):
        self.load("p", "packets")
        self.receive(*[frames.ipv4(frames.udp(port, 2), frames.UDP) for port in range(100, 400)])
        reader = self.start("read", "f", "--format", "json", "--interval", "20ms")
        fcntl.fcntl(reader.stdout, fcntl.F_SETPIPE_SZ, 4096)
        self.eventually(lambda: select.select([reader.stdout], [], [], 0)[0], "it writes")
        busy = [("read", "f", "--peek"), ("replace", "f", "flows"), ("unload", "f")]
        for words in busy:
            error = self.refused(harness.BUSY, "--lock-timeout", "200ms", *words)
            self.assertRegex(error["message"], rf" is locked by pid {reader.pid} \("
                             r".*dynmon-load read f --format json --interval 20ms\)$", words)
            self.assertIn("when its output is read", error["hint"])
        self.status()
        self.dynmon("replace", "p", "packets")
        self.dynmon("unload", "p")
        reader.kill()
        reader.wait()
        self.assertEqual(self.packets(), 305)  # what was written in part comes again, whole
        self.dynmon("unload", "f")

    def test_peeks_share_the_lock(self):
        self.hold(STORE / "monitors" / "f", SHARED)
        self.assertEqual(len(self.value(self.window("f", "--peek"), "flows")), 1)
        self.refused(harness.BUSY, "--lock-timeout", "50ms", "read", "f")

    def test_a_lock_that_is_let_go_in_time_is_waited_for(self):
        holder = self.hold(STORE)
        waiting = self.start("read", "f", "--format", "json")
        time.sleep(0.1)  # long enough to meet the lock; if not, it is taken without waiting
        harness.stop(holder)
        out, error = waiting.communicate(timeout=10)
        self.assertEqual((waiting.returncode, error), (0, ""))
        self.assertEqual(self.value(json.loads(out), "flows")[0]["value"]["packets"], 5)

    def test_many_readers_at_once_share_out_what_there_is(self):
        readers = [self.start("read", "f", "--format", "json") for _ in range(8)]
        total = 0
        sequences = []
        for reader in readers:
            out, error = reader.communicate(timeout=20)
            self.assertEqual((reader.returncode, error), (0, ""))
            document = json.loads(out)
            sequences.append(document["window"]["sequence"])
            total += sum(entry["value"]["packets"] for entry in self.value(document, "flows"))
        self.assertEqual((total, sorted(sequences)), (5, list(range(1, 9))))

    def test_loads_and_unloads_at_once_all_end_well(self):
        names = [f"m{number}" for number in range(6)]
        for verb in ("load", "unload"):
            place = ("packets", "--dev", "blue0", "--netns", "blue") if verb == "load" else ()
            started = [self.start(verb, name, *place) for name in names]
            for process in started:
                _, error = process.communicate(timeout=20)
                self.assertEqual((process.returncode, error), (0, ""))
            if verb == "load":
                chain = [place.split("/")[0] for place in self.hook("tc-ingress")["chain"]]
                self.assertEqual(sorted(chain), ["f", *names])
        self.assertEqual(self.hook("tc-ingress")["chain"], ["f/flows_ingress"])


class StoppedVerbTest(harness.Case):
    """A real verb is stopped while it holds the lock, in the middle of what it does.

    PROMISES:
    S-25 The order of locks is"""
    PLACE = ("--dev", "blue0", "--netns", "blue")
    OTHERS = (("load", "q", "packets", *PLACE), ("recover",), ("replace", "f", "flows"),
              ("apply", "f", "flows", *PLACE), ("read", "f"), ("unload", "f"), ("status",))

    def setUp(self):
        super().setUp()
        self.load("w", "packets")  # sees every packet that passes
        self.load("f", "flows")

    def stop_at(self, call, number, *words):
        """(strace, pid of the verb): it has made the system call and is stopped."""
        log = self.folder / "stopped"
        log.unlink(missing_ok=True)
        tracer = self.start(*words, before=("strace", "-qq", "-o", log, "-e", f"trace={call}", "-e",
                                            f"inject={call}:signal=STOP:when={number}"))
        self.eventually(lambda: tracer.poll() is not None or
                        log.exists() and "--- stopped by SIGSTOP ---" in log.read_text(),
                        f"{words} stops at {call}", seconds=10)
        self.assertIsNone(tracer.poll(), "it ended before it could be stopped")
        (pid,) = (pathlib.Path(f"/proc/{tracer.pid}/task/{tracer.pid}/children")
                  .read_text().split())
        return tracer, int(pid)

    def check(self, call, number, words, counted, others=()):
        """All others time out and name its pid, packets flow; it goes on, and so do they."""
        tracer, pid = self.stop_at(call, number, *words)
        try:
            for other in (*self.OTHERS, *others):
                error = self.refused(harness.BUSY, "--lock-timeout", "50ms", *other)
                self.assertRegex(error["message"],
                                 rf" is locked by pid {pid} \(.*dynmon-load .*\b{words[0]}\b.*\)$",
                                 other)
            before = self.packets_of_witness
            self.receive(*[UDP] * 3)
            self.packets_of_witness = before + 3
        finally:
            os.kill(pid, signal.SIGCONT)
        out, error = tracer.communicate(timeout=20)
        self.assertEqual((tracer.returncode, error), (0, ""))
        self.assertEqual(self.packets("w"), self.packets_of_witness)
        counted(out)

    packets_of_witness = 0

    def test_whoever_meets_a_stopped_verb_times_out_and_names_it(self):
        later = lambda _: None
        # It has published the monitor and not started it yet.
        self.check("renameat2", 1, ("load", "p", "packets", *self.PLACE), later,
                   (("read", "p", "--peek"), ("dump", "p/PKT_COUNTER")))
        self.check("renameat2", 1, ("unload", "p"), later)
        self.check("renameat2", 1, ("replace", "f", "flows"), later)
        self.check("renameat2", 1, ("apply", "f", "flows", *self.PLACE, "--set", "sample=1",
                                    "--set", "track_ports=0"), later)
        # One lock a monitor, then that of the store.
        self.check("flock", 3, ("recover",), later)
        windows = []
        self.check("membarrier", 2, ("read", "f", "--format", "json"),
                   lambda out: windows.extend(map(json.loads, out.splitlines())))
        windows += self.read("f")
        self.assertEqual(sum(entry["value"]["packets"] for document in windows
                             for entry in self.value(document, "flows")), self.packets_of_witness)
        self.assertEqual({monitor["health"] for monitor in self.status()["monitors"]}, {"attached"})

    def resume_before(self, words, others):
        """`words` are stopped in the middle and go on when `others` wait for it; what those did."""
        tracer, pid = self.stop_at("membarrier", 2, *words)
        waiting = [self.start("--json", *other) for other in others]
        time.sleep(0.3)  # long enough to meet the lock; if not, they come later, to the same end
        os.kill(pid, signal.SIGCONT)
        self.assertEqual((tracer.communicate(timeout=20)[1], tracer.returncode), ("", 0))
        return [(process.communicate(timeout=20), process.returncode) for process in waiting]

    def test_who_waited_for_a_monitor_that_was_unloaded_finds_none(self):
        late = (("read", "f"), ("read", "f", "--peek"), ("replace", "f", "flows"), ("unload", "f"),
                ("dump", "f/FLOWS_INGRESS"), ("status", "f"))
        for (out, error), code in self.resume_before(("unload", "f"), late):
            self.assertEqual((out, code), ("", harness.FAILED), error)
            self.assertIn("no monitor 'f'", json.loads(error)["error"]["message"])

    def test_who_waited_for_a_store_that_was_removed_finds_nothing(self):
        self.dynmon("unload", "w")
        late = (("status",), ("recover",), ("unload", "--all"))
        for (out, error), code in self.resume_before(("unload", "f"), late):
            self.assertEqual((error, code), ("", harness.OK))
            self.assertFalse(any(json.loads(out).values()), out)
        self.assertFalse(STORE.exists())

    def test_an_apply_that_waited_for_an_unload_loads(self):
        apply = ("apply", "f", "flows", *self.PLACE)
        ((out, error), code), = self.resume_before(("unload", "f"), (apply,))
        self.assertEqual((error, code, json.loads(out)["outcome"]), ("", harness.OK, "loaded"))


if __name__ == "__main__":
    harness.main()
