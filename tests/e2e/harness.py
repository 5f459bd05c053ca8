# SPDX-License-Identifier: BSD-2-Clause
"""What every test of whole sessions stands on.

A test file runs itself again in mount, pid and network namespaces of its own, with an empty
/run/netns, a private bpffs and private temporary files: nothing can be left on the machine, even
when it is killed, and two runs at once do not meet. After each test the case unloads what is loaded
and checks that nothing is left: no pin, none of the programs and maps that were ever pinned, and
nothing on the device. (What was never pinned dies with the process that made it, unless it is
attached.)

    class PacketsTest(harness.Case):
        def test_counts_what_comes_in(self):
            self.load("p", "packets")
            self.receive(*[frames.plain(60)] * 7)
            self.assertEqual(self.value(self.window("p"), "packets_total"), [7])

    if __name__ == "__main__":
        harness.main()
"""
import contextlib
import datetime
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import kernel
import leftovers
import wire
from leftovers import BPFFS, STORE

SOURCE = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("DYNMON_BUILD", SOURCE / "build"))
DYNMON = pathlib.Path(os.environ.get("DYNMON_LOAD", BUILD / "dynmon-load"))  # or a sanitized one
PROBES = [BUILD / "probes", BUILD / "e2e" / "probes"]
# Seconds between two frames of traffic(): an emulated CPU that only sends does nothing else.
PAUSE = float(os.environ.get("DYNMON_TRAFFIC_PAUSE", 0))
INSIDE = "DYNMON_TEST_SANDBOX"

pins, sweep_bpffs = leftovers.pins, leftovers.sweep_bpffs

# Exit codes of dynmon-load.
OK, FAILED, USAGE, BUSY, UNSUPPORTED, REJECTED = range(6)


SKIPPED = 77  # a test file of which something was left out: SKIP_RETURN_CODE of ctest


def main():
    enter_sandbox()
    result = unittest.main(verbosity=2, exit=False).result
    sys.exit(not result.wasSuccessful() or (SKIPPED if result.skipped else 0))


def tool(name, package):
    """The path of a tool that ci/deps installs."""
    return shutil.which(name) or lacking(f"no {name}: install the package {package}")


def lacking(what):
    """Skips the test where something that `ci/deps tests` installs is missing; with
    DYNMON_NEED_TOOLS, which ci/test sets, that is a failure."""
    if os.environ.get("DYNMON_NEED_TOOLS"):
        raise AssertionError(what)
    raise unittest.SkipTest(what)


def enter_sandbox():
    """Runs the script again, if need be, in the namespaces that this file's head describes."""
    if os.geteuid() != 0:
        sys.exit(f"{sys.argv[0]}: run as root: it makes network namespaces and loads BPF programs")
    if not DYNMON.exists():
        sys.exit(f"{sys.argv[0]}: no {DYNMON}: build first, or name a build by DYNMON_BUILD")
    if os.environ.get(INSIDE) is None or os.getpid() != 1:
        os.environ[INSIDE] = "1"
        folder = os.getcwd()
        kernel.own_mounts()
        os.chdir(folder)
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "unchanged", "--net", "--pid",
                              "--fork", "--kill-child", "--mount-proc", sys.executable, *sys.argv])
    os.makedirs("/run/netns", exist_ok=True)
    wire.command("mount", "-t", "tmpfs", "tmpfs", "/run/netns")
    wire.command("mount", "-t", "bpf", "bpf", str(BPFFS))
    wire.command("mount", "-t", "tmpfs", "tmpfs", "/dev/shm")
    tempfile.tempdir = "/dev/shm"


def probe(name):
    """The folder of a built probe."""
    for folder in PROBES:
        if (folder / name).is_dir():
            return folder / name
    raise AssertionError(f"no probe {name} in {PROBES}: build first")


def changed_probe(folder, source, name, changes):
    """A new probe in `folder`: the object of the probe `source`, and its manifest with all of {old: new},
    which have to be there."""
    folder.mkdir(exist_ok=True)
    shutil.copy(probe(source) / f"{source}.bpf.o", folder / f"{name}.bpf.o")
    text = (probe(source) / "probe.yaml").read_text().replace(f"name: {source}\n", f"name: {name}\n", 1)
    for old, new in changes.items():
        if old not in text:
            raise AssertionError(f"{old!r} is not in the manifest of {source}")
        text = text.replace(old, new)
    (folder / "probe.yaml").write_text(text)
    return folder


def environment(**changes):
    sanitizers = {name: os.environ[name] for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS")
                  if name in os.environ}
    return {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8",
            "DYNMON_PROBE_PATH": ":".join(map(str, PROBES)), **sanitizers, **changes}


def sanitized():
    """Whether dynmon-load is: it reserves more addresses than any RLIMIT_AS leaves."""
    return "ASAN_OPTIONS" in os.environ


def untraceable():
    """environment() of a process that is traced or may not trace: LeakSanitizer traces itself."""
    options = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
    return environment(ASAN_OPTIONS=options)


def tc_mode():
    """How TC is attached unless the user says it."""
    return "tcx" if kernel.has_tcx() else "clsact"


NEEDS_TCX = unittest.skipUnless(kernel.has_tcx(), "no TCX")


class Result:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, (out or b"").decode(), (err or b"").decode()

    def json(self):
        return json.loads(self.out)


class Case(leftovers.Leftovers, unittest.TestCase):
    maxDiff = None

    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="dynmon-test-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.processes = []
        self.at_end = []        # takes away what the test put beside dynmon
        self.addCleanup(sweep_bpffs)
        self.new_wire()

    def new_wire(self):
        self.wire = wire.Wire()
        self.addCleanup(self.wire.close)
        self.red, self.blue = self.wire.red, self.wire.blue
        self.receive, self.transmit = self.wire.receive, self.wire.transmit

    def tearDown(self):
        for process in self.processes:
            stop(process)
        if STORE.exists():
            self.dynmon("unload", "--all")
        for step in reversed(self.at_end):
            step()
        self.assert_nothing_left()

    def promtool(self, text, remarks=(0, 3)):
        """What `promtool check metrics` remarks; 3 as its exit code is for remarks on style. Without
        the tool this part alone is skipped."""
        with self.subTest("promtool"):
            path = tool("promtool", "prometheus")
            check = subprocess.run([path, "check", "metrics"], input=text, text=True,
                                   capture_output=True, timeout=30)
            self.assertIn(check.returncode, remarks, check.stderr)
            return check.stderr
        return ""

    # dynmon-load

    def dynmon(self, *words, code=None, **options):
        """Runs dynmon-load and requires the exit code, by default that it did what it was to do:
        `status` and `doctor` say with FAILED that something is ill."""
        looks = code is None and {"status", "doctor"} & set(words)
        words = [str(word) for word in words]
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "cwd": self.folder,
                   "env": environment(), **options}
        done = subprocess.run([str(DYNMON), *words], stderr=subprocess.PIPE,
                              timeout=60 * wire.PATIENCE, **options)
        self.note_pins()
        result = Result(done.returncode, done.stdout, done.stderr)
        if not (looks and result.code == FAILED and result.out):
            self.assertEqual(result.code, code or OK,
                         f"dynmon-load {' '.join(words)}\n{result.out}{result.err}")
        return result

    def start(self, *words, before=(), **options):
        """dynmon-load in the background; `before`: the words of a tool that runs it."""
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE,
                   "stderr": subprocess.PIPE, "cwd": self.folder,
                   "env": untraceable() if "strace" in before else environment(), **options}
        process = subprocess.Popen([*before, str(DYNMON), *map(str, words)], text=True, **options)
        self.processes.append(process)
        return process

    def refused(self, code, *words, **options):
        """The error, as JSON, of a command that has to fail with `code`."""
        result = self.dynmon("--json", *words, code=code, **options)
        self.assertEqual(result.out, "", "an error must not print a result")
        error = json.loads(result.err.splitlines()[-1])["error"]
        kinds = {FAILED: "failed", USAGE: "usage", BUSY: "busy", UNSUPPORTED: "unsupported",
                 REJECTED: "rejected"}
        self.assertEqual(error["kind"], kinds[code])
        return error

    def load(self, name, probe_name, *options, **keywords):
        """A probe onto blue0."""
        return self.dynmon("--json", "load", name, probe_name, "--dev", "blue0", "--netns", "blue",
                           *options, **keywords).json()

    def replace(self, name, probe_name, *options):
        return self.dynmon("--json", "replace", name, probe_name, *options).json()

    def read(self, name, *options):
        """The documents of one read."""
        out = self.dynmon("read", name, *options, "--format", "json").out
        return [json.loads(line) for line in out.splitlines()]

    def window(self, name, *options):
        documents = self.read(name, *options)
        self.assertEqual(len(documents), 1, documents)
        return documents[0]

    def status(self, *options):
        return self.dynmon("--json", "status", *options).json()

    def hook(self, point):
        """The status of one hook of blue0."""
        hooks = [hook for hook in self.status()["hooks"] if hook["hook"] == point]
        self.assertEqual(len(hooks), 1, hooks)
        return hooks[0]

    # What a document says

    def metric(self, document, name, direction="ingress"):
        found = [metric for metric in document[f"{direction}-metrics"] if metric["name"] == name]
        self.assertEqual(len(found), 1, document)
        return found[0]

    def value(self, document, name, direction="ingress"):
        return self.metric(document, name, direction)["value"]

    def packets(self, name, direction="ingress", *options):
        """What the probe `packets` has counted."""
        return self.value(self.window(name, *options), "packets_total", direction)[0]

    # Traffic

    @contextlib.contextmanager
    def traffic(self, frame, pause=PAUSE):
        """Frames come in at blue0, with so many seconds between two; yields [how many], which is
        final afterwards, when every one of them has been seen."""
        sent = [0]
        stopped = threading.Event()
        cpu = min(os.sched_getaffinity(0))
        out = self.wire.packet_socket(self.red, "red0", 0)

        def send():
            with wire.on_cpu(cpu):
                while not stopped.is_set():
                    out.send(frame)
                    sent[0] += 1
                    if pause:
                        time.sleep(pause)

        self.wire.forget_listeners()
        sender = threading.Thread(target=send)
        sender.start()
        try:
            self.eventually(lambda: sent[0] > 0, "the sender runs")
            yield sent
        finally:
            stopped.set()
            sender.join()
        with wire.on_cpu(cpu):
            self.wire.settle(frame)
        sent[0] += 1

    # Waiting

    def eventually(self, condition, what, seconds=5):
        """Asks until `condition` gives something true; returns it."""
        deadline = time.monotonic() + seconds * wire.PATIENCE
        while not (found := condition()):
            if time.monotonic() > deadline:
                self.fail(f"not within {seconds * wire.PATIENCE:g} s: {what}")
            time.sleep(0.005)
        return found

def seconds(text):
    """ISO 8601 with nanoseconds → seconds since the epoch."""
    whole, _, fraction = text.rstrip("Z").partition(".")
    stamp = datetime.datetime.fromisoformat(whole).replace(tzinfo=datetime.timezone.utc)
    return stamp.timestamp() + float(f"0.{fraction or 0}")


def stop(process):
    """Ends a process that the test started, stopped or not, and closes its pipes."""
    if process.poll() is None:
        process.send_signal(signal.SIGKILL)
    process.wait(10)
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe:
            pipe.close()
