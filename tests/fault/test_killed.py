#!/usr/bin/python3
"""SIGKILL at every system call that changes something: whatever a verb has left behind, packets
flow, the next verb goes on from there, counts are exact, and unload leaves nothing."""
import json
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

import frames
import harness

# What changes bpffs, a map, a hook or the output: the loader is killed on entry of it. Calls that
# only make descriptors (maps and programs that are not pinned yet) leave nothing.
BPF_COMMANDS = ("BPF_OBJ_PIN", "BPF_MAP_UPDATE_ELEM", "BPF_MAP_UPDATE_BATCH",
                "BPF_MAP_DELETE_ELEM", "BPF_MAP_DELETE_BATCH", "BPF_MAP_LOOKUP_AND_DELETE_ELEM",
                "BPF_MAP_LOOKUP_AND_DELETE_BATCH", "BPF_LINK_CREATE", "BPF_LINK_DETACH")
SYSTEM_CALLS = ("mkdir", "mkdirat", "rmdir", "unlink", "unlinkat", "rename", "renameat",
                "renameat2", "sendto", "sendmsg", "write", "membarrier")
FRAME = frames.plain(60)


def point_in(line, counts):
    """(system call, how many of it so far) if the line of the trace is a point to be killed at."""
    match = re.match(r"(\w+)\((\w*)", line)
    if match is None:
        return None
    name, first = match.groups()
    counts[name] = counts.get(name, 0) + 1
    if name in SYSTEM_CALLS or (name == "bpf" and first in BPF_COMMANDS):
        return name, counts[name]
    return None


class KilledCase(harness.Case):
    PROBE = "pair"
    OPTIONS = ()

    def load_words(self):
        return ("load", "m", self.PROBE, "--dev", "blue0", "--netns", "blue", *self.OPTIONS)

    def strace(self, options, words):
        return subprocess.run(["strace", "-qq", *options, str(harness.DYNMON), *words],
                              capture_output=True, text=True, timeout=60,
                              env=harness.environment(), cwd=self.folder)

    def points(self, *words):
        """Where a run of `words` is to be killed; runs it."""
        log = self.folder / "trace"
        done = self.strace(["-o", str(log), "-s", "1"], words)
        self.assertEqual(done.returncode, 0, done.stderr)
        counts = {}
        found = [point_in(line, counts) for line in log.read_text().splitlines()]
        return [point for point in found if point]

    def kill_at(self, point, *words):
        """Runs `words` until `point`; what it had printed."""
        name, number = point
        done = self.strace(["-o", "/dev/null", "-e", f"trace={name}", "-e",
                            f"inject={name}:signal=KILL:when={number}"], words)
        self.note_pins()
        if done.returncode == 0:
            self.missed.append(point)
        else:
            self.assertEqual(done.returncode, -9, (point, done.stderr))
        return done.stdout

    def every_point(self, *words, prepare, check):
        """For each point: prepare(), kill, check(what was printed, number of the point), unload."""
        self.missed = []
        prepare()
        points = self.points(*words)
        self.clean()
        self.assertGreater(len(points), 10)
        for number, point in enumerate(points):
            with self.subTest(point=point, number=number, of=len(points)):
                try:
                    prepare()
                    check(self.kill_at(point, *words), number)
                    self.clean()
                except BaseException:
                    harness.sweep_bpffs()  # the next point is not to suffer for this one
                    self.wire.close()
                    self.new_wire()
                    raise
        # A run may make some calls fewer than the one that was traced.
        self.assertLess(len(self.missed), 4, self.missed)

    def clean(self):
        if harness.STORE.exists():
            self.dynmon("unload", "--all")
        self.assertEqual((harness.pins(), harness.STORE.exists()), ([], False))
        self.assert_device_is_free()

    # Packets

    def send(self, received, sent):
        """Waits until they have come through: a hook in any state has to let them pass."""
        self.receive(*[FRAME] * received)
        self.transmit(*[FRAME] * sent)

    def counted(self, documents):
        """(received, sent) of the windows, each of which counts once, as first printed whole."""
        totals = {"ingress": 0, "egress": 0}
        seen = set()
        for document in documents:
            key = document["window"]["sequence"]
            if key in seen:
                continue
            seen.add(key)
            for direction in totals:
                for metric in document[f"{direction}-metrics"]:
                    totals[direction] += metric["value"][0]
        return totals["ingress"], totals["egress"]

    def assert_healthy(self):
        status = self.status()
        self.assertEqual([(monitor["name"], monitor["health"]) for monitor in status["monitors"]],
                         [("m", "attached")], status)


class LoadCase(KilledCase):
    def check(self, _, number):
        self.send(1, 1)
        if number % 2:
            self.dynmon("recover")
            if harness.STORE.exists():  # the load was complete
                self.assert_healthy()
                self.dynmon("unload", "m")
            self.clean()
        again = subprocess.run([str(harness.DYNMON), *self.load_words()], capture_output=True,
                               text=True, timeout=60, env=harness.environment())
        known = 0
        if again.returncode != harness.OK:
            self.assertEqual(again.returncode, harness.BUSY, again.stderr)
            self.assertIn("monitor 'm' is loaded already", again.stderr)
            known = 1
        self.send(3, 2)
        self.assert_healthy()
        self.assertEqual(self.counted(self.read("m")), (3 + known, 2 + known))

    def kill_loads(self):
        self.every_point(*self.load_words(), prepare=lambda: None, check=self.check)


@harness.NEEDS_TCX
class TcxLoadTest(LoadCase):
    def test_a_killed_load_over_tcx_can_be_repeated(self):
        self.kill_loads()


class ClsactLoadTest(LoadCase):
    OPTIONS = ("--tc", "clsact")

    def test_a_killed_load_over_clsact_can_be_repeated(self):
        self.kill_loads()


class RunningCase(KilledCase):
    def prepare(self):
        self.dynmon(*self.load_words())
        self.send(1, 1)
        self.read("m")  # side b is the active one, as it is half of the time
        self.send(3, 2)


class ReplaceTest(RunningCase):
    def next_verb(self, number, *replace):
        """Whoever comes next has to find its way."""
        if number % 3 == 0:
            self.dynmon(*replace)
        elif number % 3 == 1:
            self.dynmon("recover")

    def test_a_killed_replace_loses_and_doubles_nothing(self):
        words = ("replace", "m", self.PROBE)

        def check(_, number):
            self.send(2, 1)
            self.next_verb(number, *words)
            self.send(1, 1)
            self.assertEqual(self.counted(self.read("m")), (6, 4))
            self.assert_healthy()
        self.every_point(*words, prepare=self.prepare, check=check)

    def test_a_killed_replace_that_keeps_maps_loses_and_doubles_nothing(self):
        words = ("replace", "m", self.PROBE, "--keep-maps")

        def check(_, number):
            self.send(2, 1)
            self.next_verb(number, *words)
            self.assertEqual(self.counted(self.read("m")), (5, 3))
            self.assert_healthy()
        self.every_point(*words, prepare=self.prepare, check=check)


class ReadTest(RunningCase):
    def test_a_killed_read_leaves_its_window_to_the_next(self):
        def check(printed, number):
            self.send(2, 1)
            first = [json.loads(line) for line in printed.splitlines()]
            self.assertEqual(self.counted(first + self.read("m")), (5, 3))
            self.assert_healthy()
        self.every_point("read", "m", "--format", "json", prepare=self.prepare, check=check)

    def test_a_killed_read_of_replaced_generations_leaves_theirs_too(self):
        def prepare():
            self.prepare()
            self.dynmon("replace", "m", self.PROBE)
            self.send(1, 1)

        def check(printed, number):
            first = [json.loads(line) for line in printed.splitlines()]
            self.assertEqual(self.counted(first + self.read("m")), (4, 3))
            self.assert_healthy()
        self.every_point("read", "m", "--format", "json", prepare=prepare, check=check)

    def test_a_killed_read_of_openmetrics_counts_everything_once(self):
        words = ("read", "m", "--format", "openmetrics")

        def check(_, number):
            self.send(2, 1)
            text = self.dynmon(*words).out
            totals = dict(re.findall(r'direction="(\w+)"\} (\d+)$', text, re.M))
            self.assertEqual(totals, {"ingress": "6", "egress": "4"})
        self.every_point(*words, prepare=self.prepare, check=check)


class UnloadTest(RunningCase):
    def test_a_killed_unload_is_finished_by_the_next_verb(self):
        def check(_, number):
            self.send(1, 1)
            if number % 2:
                self.dynmon("recover")
            elif (harness.STORE / "monitors" / "m").exists():
                self.dynmon("unload", "m")
            elif harness.STORE.exists():
                self.dynmon("recover")
        self.every_point("unload", "m", prepare=self.prepare, check=check)


if __name__ == "__main__":
    harness.main()
