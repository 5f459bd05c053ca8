#!/usr/bin/python3
"""Two at once: who waits, for how long, and what is said of a holder who does not move."""
import json
import pathlib
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
    """PROMISES: S-21"""

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


if __name__ == "__main__":
    harness.main()
