#!/usr/bin/python3
"""Every line of the table of rights in loader/cli/README.md, as an ordinary user: what it needs is
enough, and each capability of it is needed and named when it is missing. Readers drop theirs."""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

import frames
import harness
import wire
from harness import BPFFS

USER = 65534
TABLE = harness.SOURCE / "loader" / "cli" / "README.md"
UDP = frames.ipv4(frames.udp(1234, 53, b"x" * 10), frames.UDP)
ALL = ("CAP_SYS_ADMIN", "CAP_NET_ADMIN", "CAP_BPF", "CAP_PERFMON")

HERE = ("--dev", "blue0")
THERE = (*HERE, "--netns", "blue")


def load(probe, *options, place=HERE):
    return ("load", "p", probe, *place, *options)


UNIQUE = f"u{os.urandom(6).hex()}"  # names of maps are the machine's


# A line of the table: what comes before it with all rights, the command, and whether it runs in
# the network namespace of the device (else outside).
XDP = ("--hook", "xdp", "--mode", "generic")
CLSACT = ("--tc", "clsact")
LINES = {
    "`check`": ((), ("check", "packets"), True),
    "`check --kernel`": ((), ("check", "packets", "--kernel"), True),
    "`load` onto XDP": ((), load("dropper", *XDP), True),
    "`load` onto TCX": ((), load("packets"), True),
    "`load` onto clsact": ((), load("packets", *CLSACT), True),
    "`load` of programs without arithmetic on pointers": ((), load("events"), True),
    "`load --netns` onto TCX": ((), load("packets", place=THERE), False),
    "`load --netns` onto clsact": ((), load("packets", *CLSACT, place=THERE), False),
    "`apply`": ((), ("apply", "p", "packets", *HERE), True),
    "`replace`": ((load("packets"),), ("replace", "p", "packets"), True),
    "`unload` from XDP": ((load("dropper", *XDP),), ("unload", "p"), True),
    "`unload` from TCX": ((load("packets"),), ("unload", "p"), True),
    "`unload` from clsact": ((load("packets", *CLSACT),), ("unload", "p"), True),
    "`unload` in another network namespace":
        ((load("packets", place=THERE),), ("unload", "p"), False),
    "`read`": ((load("flows"),), ("read", "p"), True),
    "`read --format openmetrics`":
        ((load("flows"),), ("read", "p", "--format", "openmetrics"), True),
    "`dump` of a path or MONITOR/MAP": ((load("flows"),), ("dump", "p/flows"), True),
    "`dump id`": ((load("packets"),), ("dump", "id", "MAP-ID"), True),
    "`dump name`": ((), ("dump", "name", UNIQUE), True),
    "`stream` of a ring buffer":
        ((load("events"),), ("stream", "p/ARRIVALS", "--timeout", "1ms"), True),
    "`stream` of a perf event array":
        ((load("events"),), ("stream", "p/PERF_ARRIVALS", "--timeout", "1ms"), True),
    "`status`": ((load("packets"),), ("status", "p"), True),
    "`status --stats`": ((load("packets"),), ("status", "--stats", "1ms"), True),
    "`recover` of what is well": ((load("packets"),), ("recover",), True),
    "`recover` that removes a hook of TC": ((load("packets"), "orphan"), ("recover",), True),
}


def documented():
    """{what: capabilities} of the table."""
    rows = re.findall(r"^\| (`.*?) \| (.*) \|$", TABLE.read_text(), re.M)
    return {what: () if needs == "nothing" else tuple(re.findall(r"CAP_\w+", needs))
            for what, needs in rows}


class RightsCase(harness.Case):
    """An ordinary user with a store of its own, and copies of binary and probes that it can read."""

    def setUp(self):
        super().setUp()
        self.folder.chmod(0o755)
        self.copy = self.folder / "dynmon-load"
        self.copy.write_bytes(harness.DYNMON.read_bytes())
        self.copy.chmod(0o755)
        self.probes = self.folder / "probes"
        for name in ("packets", "flows", "dropper", "events"):
            shutil.copytree(harness.probe(name), self.probes / name)
        for path in (self.probes, *self.probes.rglob("*")):
            path.chmod(0o755)
        self.store = BPFFS / "mine"
        self.store.mkdir(0o700)
        os.chown(self.store, USER, USER)
        self.at_end.append(self.empty_store)

    def empty_store(self):
        self.user(ALL, "unload", "--all")
        if self.store.exists():  # in an open folder it goes with its last monitor
            self.store.rmdir()

    def words(self, rights, *words, uid=USER, here=True):
        caps = ",".join(["-all", *("+" + right.removeprefix("CAP_").lower() for right in rights)])
        return [*(("nsenter", f"--net={self.blue.path}") if here else ()),
                "setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups",
                f"--inh-caps={caps}", f"--ambient-caps={caps}", f"--bounding-set={caps}",
                str(self.copy), "--bpffs", str(self.store), *map(str, words)]

    def options(self):
        return {"cwd": self.folder, "stdin": subprocess.DEVNULL,
                "env": harness.environment(DYNMON_PROBE_PATH=str(self.probes))}

    def attempt(self, rights, *words, here=True, uid=USER):
        done = subprocess.run(self.words(rights, *words, here=here, uid=uid), capture_output=True,
                              timeout=60, **self.options())
        self.note_pins()
        return harness.Result(done.returncode, done.stdout, done.stderr)

    def user(self, rights, *words, here=True):
        """dynmon-load of the user, which has to succeed; unloading all of nothing does not."""
        result = self.attempt(rights, *words, here=here)
        if words[0] != "unload" or "--all" not in words:
            self.assertEqual(result.code, 0, f"{rights} {words}: {result.err}")
        return result


class TableTest(RightsCase):
    """PROMISES:
    S-31 What a verb lacks a capability for is refused by the capability's name before"""

    def test_every_line_is_tried(self):
        self.assertEqual(sorted(documented()), sorted(LINES))

    def prepare(self, before):
        self.user(ALL, "unload", "--all")
        if not self.store.exists():  # it went with its last monitor
            self.store.mkdir(0o700)
            os.chown(self.store, USER, USER)
        for step in before:
            if step == "orphan":
                shutil.rmtree(self.store / "monitors" / "p")
            else:
                self.user(ALL, *step)

    def run_line(self, what, rights):
        before, words, here = LINES[what]
        self.prepare(before)
        if UNIQUE in words and not (BPFFS / UNIQUE).exists():
            wire.command("bpftool", "map", "create", str(BPFFS / UNIQUE), "type", "array", "key",
                         "4", "value", "4", "entries", "1", "name", UNIQUE)
            self.at_end.append((BPFFS / UNIQUE).unlink)
        if "MAP-ID" in words:
            number = harness.kernel.object_id(self.store / "monitors/p/g1/PKT_COUNTER")[1]
            words = [number if word == "MAP-ID" else word for word in words]
        # The kernel's own list of maps is for its owner to read; where it cannot be read, every map
        # of the machine is opened, which the tests that run beside this one would notice.
        uid = 0 if "name" in words else USER
        return self.attempt(rights, *words, here=here, uid=uid)

    def test_what_is_documented_is_enough(self):
        for what, needed in documented().items():
            with self.subTest(what):
                result = self.run_line(what, needed)
                self.assertEqual(result.code, 0, result.err)

    def test_each_of_it_is_needed_and_named(self):
        for what, needed in documented().items():
            for missing in needed:
                with self.subTest(what, missing=missing):
                    rights = [right for right in needed if right != missing]
                    result = self.run_line(what, rights)
                    self.assertNotEqual(result.code, 0)
                    self.assertEqual(result.out, "")
                    self.assertRegex(result.err, rf"needs (CAP_\w+(, | and ))*{missing}")
                    self.assertIn("run as root", result.err)
                    for right in rights:
                        self.assertNotIn(f"needs {right}", result.err)

    def test_what_lacks_a_right_changes_nothing(self):
        self.prepare([load("packets")])
        before = self.user((), "--json", "status").json()
        for words in (("replace", "p", "packets"), ("unload", "p"), load("packets", "--tc", "clsact")):
            self.assertNotEqual(self.attempt((), *words).code, 0)
            self.assertEqual(self.user((), "--json", "status").json(), before)
        self.receive(*[frames.plain(60)] * 5)
        document = self.user((), "--json", "read", "p").json()
        self.assertEqual(self.value(document, "packets_total"), [5])

    def test_a_whole_life_without_root(self):
        rights = ("CAP_BPF", "CAP_NET_ADMIN", "CAP_PERFMON")
        self.user(rights, *load("packets"))
        self.receive(*[frames.plain(60)] * 7)
        document = self.user(rights, "--json", "read", "p").json()
        self.assertEqual(self.value(document, "packets_total"), [7])
        self.user(rights, "replace", "p", "packets", "--keep-maps")
        self.assertEqual(self.user(rights, "--json", "status").json()["monitors"][0]["health"],
                         "attached")
        self.user(rights, "recover")
        self.user(rights, "unload", "p")
        self.assertEqual(harness.pins(), [])

    def test_a_store_that_was_made_for_the_user_stays(self):
        BPFFS.chmod(0o711)  # nobody but root makes or removes anything right here
        self.addCleanup(BPFFS.chmod, 0o1777)
        self.user(ALL, *load("packets"))
        self.assertEqual(self.user(ALL, "unload", "p").err, "")
        self.assertEqual((self.store.is_dir(), list(self.store.iterdir())), (True, []))
        self.user(ALL, *load("packets"))


def capabilities(pid):
    """Of every thread: (effective, permitted, inheritable, ambient, no_new_privs)."""
    found = set()
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        fields = dict(line.split(":\t", 1) for line in (task / "status").read_text().splitlines()
                      if ":\t" in line)
        found.add(tuple(int(fields[name], 16) for name in ("CapEff", "CapPrm", "CapInh", "CapAmb",
                                                           "NoNewPrivs")))
    return found


class DropTest(RightsCase):
    """Readers started with all rights there are.

    PROMISES:
    S-30 Readers (`read`, `dump`, `stream`, `status`) give up"""

    NOTHING = {(0, 0, 0, 0, 1)}

    def reader(self, *words, before=()):
        options = self.options()
        if before:
            options["env"] = harness.untraceable()
        process = subprocess.Popen(
            [*before, str(self.copy), *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, **options)
        self.processes.append(process)
        return process

    def check_drops(self, process, expected=NOTHING):
        self.eventually(lambda: process.poll() is not None or capabilities(process.pid) == expected,
                        "the reader has dropped its capabilities")
        self.assertIsNone(process.poll(), process.stderr.read() if process.poll() else "")

    def end(self, process):
        process.send_signal(signal.SIGTERM)
        out, error = process.communicate(timeout=30)
        self.assertEqual(process.returncode, 0, error)
        return out

    def lines_of(self, process, count):
        return [harness.json.loads(process.stdout.readline()) for _ in range(count)]

    def test_a_reader_swaps_and_follows_a_replace_without_any(self):
        self.load("p", "flows")
        process = self.reader("read", "p", "--interval", "50ms", "--format", "json")
        self.check_drops(process)
        counted = 0
        for generation, probe in ((2, "packets"), (3, "flows"), (4, "flows")):
            self.receive(*[UDP] * 3)
            self.replace("p", probe)
            seen = None
            while seen != generation:  # the windows of the one that was replaced come first
                document = self.lines_of(process, 1)[0]
                seen = document["generation"]
                for metric in document["ingress-metrics"]:
                    if metric["name"] == "flows":
                        counted += sum(entry["value"]["packets"] for entry in metric["value"])
                    elif metric["name"] == "packets_total":
                        packets = metric["value"][0]
        self.assertEqual((counted, packets), (6, 3))
        self.assertEqual(capabilities(process.pid), self.NOTHING)
        self.end(process)

    def test_windows_are_whole_without_any(self):
        self.load("p", "flows")
        process = self.reader("read", "p", "--interval", "20ms", "--count", "20", "--format",
                              "openmetrics")
        self.check_drops(process)
        self.receive(*[UDP] * 50)
        out = process.communicate(timeout=60)[0]
        self.assertEqual(process.returncode, 0)
        last = out.split("# EOF\n")[-2]
        self.assertEqual(sum(float(line.rsplit(" ", 1)[1]) for line in last.splitlines()
                             if line.startswith("dynmon_flows_packets_total{") and '"ingress"' in line), 50)

    def test_a_fence_without_membarrier_needs_no_rights_either(self):
        self.load("p", "flows")
        process = self.reader("read", "p", "--interval", "20ms", "--count", "5", "--format", "json",
                              before=("strace", "-qq", "-e", "trace=membarrier", "-e",
                                      "inject=membarrier:error=ENOSYS", "-o",
                                      str(self.folder / "trace")))
        out, error = process.communicate(timeout=60)
        self.assertEqual((process.returncode, len(out.splitlines())), (0, 5), error)
        self.assertIn("(INJECTED)", (self.folder / "trace").read_text())

    def test_follow_and_stream_without_any(self):
        self.load("p", "events")
        self.load("f", "flows")
        for words in (("dump", "f/flows", "--follow", "--interval", "20ms"),
                      ("stream", "p/ARRIVALS"), ("stream", "p/PERF_ARRIVALS")):
            with self.subTest(words):
                process = self.reader(*words)
                self.check_drops(process)
                self.receive(UDP)
                self.assertTrue(self.lines_of(process, 1))
                self.assertEqual(capabilities(process.pid), self.NOTHING)
                process.send_signal(signal.SIGTERM)
                process.communicate(timeout=30)

    def test_a_second_thread_has_none(self):
        self.load("p", "flows")
        process = self.reader("read", "p", "--interval", "1ms", "--jobs", "2", "--format", "json")
        self.check_drops(process)
        for _ in range(20):
            self.lines_of(process, 1)
            self.assertEqual(capabilities(process.pid), self.NOTHING)
        self.end(process)

    def test_status_keeps_what_enters_a_namespace_until_it_is_done(self):
        self.load("p", "packets")
        trace = self.folder / "trace"
        self.reader("status", before=("strace", "-qq", "-e", "trace=capset,setns,write", "-o",
                                      str(trace))).communicate(timeout=30)
        calls = [line.split("(")[0] for line in trace.read_text().splitlines()]
        self.assertEqual(calls[-1], "write")
        self.assertIn("capset", calls)
        sets = re.findall(r"capset\(.*effective=(\S+?),", trace.read_text())
        self.assertEqual((sets[1], sets[-1]), ("1<<CAP_SYS_ADMIN", "0"))
        self.assertLess(max(i for i, call in enumerate(calls) if call == "capset"),
                        calls.index("write"))


if __name__ == "__main__":
    harness.main()
