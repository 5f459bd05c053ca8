#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Readers give up all capabilities once everything is open, and read on without any."""
import pathlib
import re
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

import frames
import harness
import kernel
from ordinary import RightsCase

UDP = frames.ipv4(frames.udp(1234, 53, b"x" * 10), frames.UDP)


def status_of(pid, *names):
    """Fields of every thread."""
    found = set()
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        fields = dict(line.split(":\t", 1) for line in (task / "status").read_text().splitlines()
                      if ":\t" in line)
        found.add(tuple(fields[name] for name in names))
    return found


def capabilities(pid):
    """The sets of every thread: (effective, permitted, inheritable, ambient, no_new_privs)."""
    return {tuple(int(field, 16) for field in fields) for fields in
            status_of(pid, "CapEff", "CapPrm", "CapInh", "CapAmb", "NoNewPrivs")}


class DropTest(RightsCase):
    """Readers started with all rights there are.

    PROMISES:
    S-30 Readers (`read`, `export`, `dump`, `stream`, `status`) give up"""

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

    def test_an_export_writes_without_any(self):
        # PROMISES:
        # R-1 Every verb that reads or sets
        self.load("c", "crypto")
        out = self.folder / "out"
        process = self.reader("export", "c", "--profile", "crypto", "--out", str(out), "--json",
                              "--interval", "20ms")
        self.check_drops(process)
        self.receive(*[UDP] * 5)
        packets = 0
        while packets < 5:
            packets += self.lines_of(process, 1)[0]["packets"]
        self.assertEqual(capabilities(process.pid), self.NOTHING)
        self.end(process)
        self.assertEqual(len((out / "results.csv").read_text().splitlines()), 2)

    def test_a_reader_swaps_and_follows_a_replace_without_any(self):
        self.load("p", "flows")
        process = self.reader("read", "p", "--interval", "200ms", "--format", "json")
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
                # Again and again: what comes before the first look is no change to follow.
                with self.traffic(UDP, pause=0.01):
                    self.assertTrue(self.lines_of(process, 1))
                self.assertEqual(capabilities(process.pid), self.NOTHING)
                process.send_signal(signal.SIGTERM)
                process.communicate(timeout=30)

    def test_a_second_thread_has_none(self):
        self.load("p", "flows")
        process = self.reader("read", "p", "--interval", "1ms", "--read-ahead", "2", "--format", "json")
        self.check_drops(process)
        for _ in range(20):
            self.lines_of(process, 1)
            self.assertEqual(capabilities(process.pid), self.NOTHING)
        self.end(process)

    def test_a_list_of_system_calls_holds_for_all_of_its_threads(self):
        # PROMISES:
        # R-2 Each of them keeps a list
        self.load("p", "flows")
        self.load("e", "events")
        self.load("c", "crypto")
        for words in (("read", "p", "--interval", "20ms", "--read-ahead", "2"), ("stream", "e/ARRIVALS"),
                      ("dump", "p/flows", "--follow", "--interval", "20ms"),
                      ("export", "c", "--profile", "crypto", "--out", str(self.folder / "out"),
                       "--interval", "20ms")):
            with self.subTest(words):
                process = self.reader(*words)
                self.check_drops(process)
                self.eventually(lambda pid=process.pid: status_of(pid, "Seccomp") == {("2",)},
                                "a filter is on")
                process.kill()
                process.communicate(timeout=30)

    def traced(self, *words):
        """The calls by which rights are given up, and the first reads of maps, in their order."""
        trace = self.folder / "trace"
        process = self.reader(*words, before=("strace", "-qq", "-e", "trace=bpf,capset,setresuid,"
                                              "landlock_restrict_self,seccomp", "-o", str(trace)))
        error = process.communicate(timeout=30)[1]
        self.assertEqual(process.returncode, 0, error)
        return trace.read_text().splitlines()

    def first(self, trace, call):
        return next(number for number, line in enumerate(trace) if line.startswith(call))

    def test_root_that_has_nothing_to_open_any_more_becomes_nobody(self):
        # PROMISES:
        # R-4 Those that open nothing any more
        self.load("p", "flows")
        self.load("s", "ssdp")
        self.receive(UDP)
        for words in (("dump", "p/FLOWS_INGRESS"), ("deny", "s", "add", "192.0.2.0/24"),
                      ("deny", "s", "list"), ("allow", "s", "list"), ("deny", "s", "purge")):
            with self.subTest(words):
                trace = self.traced(*words)
                given_up = [re.sub(r"\(.*\)", "", call) for call in trace if "bpf(" not in call]
                self.assertEqual(given_up[0].split(), ["setresuid", "=", "0"])
                self.assertEqual(given_up[-1].split(), ["seccomp", "=", "0"])
                self.assertIn("setresuid(65534, 65534, 65534)", trace[self.first(trace, "setres")])
                self.assertIn("effective=0, permitted=0", [c for c in trace if "capset" in c][-1])
                nobody = self.first(trace, "setresuid")
                self.assertFalse([call for call in trace[nobody:] if "BPF_OBJ_GET," in call])
                self.assertFalse([call for call in trace[:nobody] if "LOOKUP_BATCH" in call])

    def test_who_denies_is_still_named(self):
        self.load("s", "ssdp")
        self.dynmon("deny", "s", "add", "192.0.2.0/24")
        self.assertIn("user root", self.dynmon("deny", "s", "list").out)

    @unittest.skipIf(kernel.landlock() < 2, "no Landlock, or one that allows no renames")
    def test_files_are_closed_to_readers_before_they_read(self):
        # PROMISES:
        # R-3 From Linux 5.19 on
        self.load("p", "flows")
        for words in (("read", "p"), ("dump", "p/FLOWS_INGRESS"),
                      ("export", "p", "--profile", "netflow", "--out", str(self.folder / "out"),
                       "--interval", "1ms", "--count", "1")):
            with self.subTest(words):
                self.receive(UDP)
                trace = self.traced(*words)
                closed = self.first(trace, "landlock_restrict_self")
                self.assertRegex(trace[closed], "= 0$")
                self.assertTrue(trace[closed + 1].startswith("seccomp("))
                self.assertFalse([call for call in trace[:closed] if "LOOKUP_BATCH" in call or
                                  "DELETE_BATCH" in call])

    def test_status_keeps_what_enters_a_namespace_until_it_is_done(self):
        self.load("p", "packets")
        trace = self.folder / "trace"
        self.reader("status", before=("strace", "-qq", "-e", "trace=capset,setns,write", "-o",
                                      str(trace))).communicate(timeout=30)
        lines = [line for line in trace.read_text().splitlines()
                 if not line.startswith("write(") or line.startswith("write(1,")]
        calls = [line.split("(")[0] for line in lines]
        self.assertEqual(calls[-1], "write")
        self.assertIn("capset", calls)
        sets = re.findall(r"capset\(.*effective=(\S+?),", trace.read_text())
        self.assertEqual((sets[1], sets[-1]), ("1<<CAP_SYS_ADMIN", "0"))
        self.assertLess(max(i for i, call in enumerate(calls) if call == "capset"),
                        calls.index("write"))


if __name__ == "__main__":
    harness.main()
