#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The examples of README.md and of the manual, built and run as they are printed there."""
import csv
import os
import pathlib
import re
import socket
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
import numpy  # noqa: E402

import frames  # noqa: E402
import harness  # noqa: E402
import wire  # noqa: E402

PAGES = [harness.SOURCE / "README.md", *sorted((harness.SOURCE / "docs" / "user").glob("*.md"))]
# Blocks with a test of their own, which says what has to come of them.
TESTED = {"run: export", "run: hello", "run: closer"}


def marked():
    """[("file: my-probes/…" or "run: hello", text of the fenced block that follows the mark)]"""
    return [found for page in PAGES
            for found in re.findall(r"<!-- (\w+: \S+) -->\n```\w*\n(.*?)```", page.read_text(), re.S)]


def blocks():
    return dict(marked())


class ReadmeTest(harness.Case):
    def write(self, name):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(blocks()[f"file: {name}"])
        return path

    def run_in_blue(self, command):
        """A shell command as a user types it, on a host whose interface is called eth0."""
        environment = {**os.environ, "PATH": f"{harness.BUILD}:{os.environ['PATH']}",
                       "DYNMON_PROBE_PATH": f"build/probes:{harness.BUILD}/probes"}
        done = subprocess.run(["nsenter", f"--net={self.blue.path}", "sh", "-ec", command],
                              cwd=self.folder, env=environment, capture_output=True, text=True,
                              timeout=120)
        self.note_pins()
        self.assertEqual(done.returncode, 0, f"{command}\n{done.stdout}{done.stderr}")
        return done.stdout

    def call_it_eth0(self):
        self.blue.ip("link", "set", "blue0", "down")
        self.blue.ip("link", "set", "blue0", "name", "eth0")
        self.blue.ip("link", "set", "eth0", "up")
        self.blue.ip("neigh", "replace", "10.0.0.1", "lladdr", "02:00:00:00:00:01", "dev", "eth0")

    def test_every_marked_block_has_a_name_of_its_own(self):
        names = [name for name, _ in marked()]
        self.assertEqual(sorted(names), sorted(set(names)))

    def test_commands_of_the_manual_run_as_printed(self):
        self.call_it_eth0()
        for name, text in blocks().items():
            if name.startswith("run: ") and name not in TESTED:
                with self.subTest(name):
                    self.run_in_blue(text)
                    self.run_in_blue("dynmon-load unload --all")

    def test_exports_write_the_files_and_messages_that_are_printed_there(self):
        self.call_it_eth0()
        self.blue.ip("link", "set", "lo", "up")
        collector = self.blue.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(collector.close)
        with self.blue.inside():
            collector.bind(("127.0.0.1", 4739))
        for command in blocks()["run: export"].splitlines():
            if " export bits " in command:  # crypto does not look at ICMP
                self.red.run("bash", "-c", "echo hello > /dev/udp/10.0.0.2/53")
            elif " export " in command:
                self.red.run("ping", "-q", "-c", "3", "-i", "0.01", "10.0.0.2")
            self.run_in_blue(command)
        sessions = sorted(path.name for path in (self.folder / "sessions").glob("[!.]*"))
        self.assertEqual(sessions, ["10.0.0.1-0___10.0.0.2-0___ICMP-iter0.csv", "results.csv"])
        samples = numpy.load(self.folder / "samples" / "1t-10n-guard-iter0.npy")
        self.assertEqual(samples.shape, (1, 10, 11))
        self.assertEqual((samples[0, :, 1] > 0).sum(), 6)  # three questions and their answers
        collector.settimeout(5)
        self.assertEqual(collector.recv(2000)[:2], b"\0\x0a")

    def test_the_probe_of_ten_minutes_builds_and_counts_as_printed(self):
        self.write("my-probes/hello/hello.bpf.c")
        self.write("my-probes/hello/probe.yaml")
        os.symlink(harness.SOURCE / "Makefile.bpf", self.folder / "Makefile.bpf")
        self.call_it_eth0()
        out = {}
        for command in blocks()["run: hello"].splitlines():
            if command.startswith("dynmon-load read"):
                self.red.run("ping", "-q", "-c", "3", "-i", "0.01", "-s", "100", "10.0.0.2")
                self.red.run("ping", "-q", "-c", "2", "-i", "0.01", "-s", "0", "10.0.0.2")
            out[" ".join(command.split()[:2])] = self.run_in_blue(command)
        self.assertIn("good", out["dynmon-load check"])
        # ICMP over IPv4 over Ethernet: 42 bytes of headers; frames below 60 bytes are not counted.
        row = [line.split() for line in out["dynmon-load read"].splitlines() if "ICMP" in line]
        self.assertEqual(row, [["ICMP", "3", str(3 * 142)]])

    def test_conditions_columns_rates_arrays_and_changes_as_printed(self):
        self.load("web", "flows")
        first, second, table_file, third, fourth = blocks()["run: closer"].splitlines()
        large = [frames.ipv4(frames.tcp(40000, 443, frames.ACK, bytes(1200)), frames.TCP)] * 1000
        self.receive(*large, frames.ipv4(frames.tcp(40000, 80, frames.ACK), frames.TCP))
        table = self.run_in_blue(first)
        self.assertIn("1 row", table)
        self.assertIn(" 443 ", table)
        self.receive(*[frames.ipv4(frames.tcp(40001, 22, frames.SYN), frames.TCP)] * 4, *large[:9])
        row = self.run_in_blue(second).splitlines()[-1].split()
        self.assertEqual(row[:2], ["10.0.0.1", "22"])
        self.assertGreater(float(row[2]), 0)
        self.receive(*large[:7])
        self.run_in_blue(table_file)
        with open(self.folder / "flows.csv", newline="") as file:
            self.assertEqual([(row["monitor"], row["site"], row["value.packets"])
                              for row in csv.DictReader(file) if row["direction"] == "ingress"],
                             [("web", "lab", "7")])
        self.receive(*large[:5])
        self.run_in_blue(third)
        with numpy.load(self.folder / "window.npz", allow_pickle=False) as window:
            self.assertEqual(list(window["ingress/flows"]["value.packets"]), [5])
        self.run_in_blue(fourth.replace("--count 10", "--count 1 --interval 1ms"))

    def build_with_libdynmon(self, *names):
        """The programs of the manual, with nothing but what is installed."""
        prefix = self.folder / "prefix"
        wire.command("cmake", "--install", str(harness.BUILD), "--prefix", str(prefix))
        config, = prefix.rglob("libdynmon.pc")
        environment = {**os.environ, "PKG_CONFIG_PATH": str(config.parent)}
        flags = subprocess.run(["pkg-config", f"--define-variable=prefix={prefix}", "--cflags",
                                "--libs", "libdynmon"], env=environment, capture_output=True,
                               text=True, check=True).stdout.split()
        for name in names:
            wire.command("g++", "-std=c++20", "-Wall", "-Wextra", "-Werror",
                         str(self.write(f"{name}.cpp")), "-o", str(self.folder / name), *flags)

    def test_the_programs_with_libdynmon_build_from_an_installation_and_work(self):
        self.build_with_libdynmon("example", "monitor")
        self.load("p", "packets")
        self.receive(*[b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x88\xb5" + bytes(46)] * 5)
        out = wire.command(str(self.folder / "example"),
                           str(harness.STORE / "monitors/p/g1/PKT_COUNTER"))
        self.assertEqual(out, "0 5\n")
        row, = csv.DictReader(self.run_in_blue(f"./monitor {harness.STORE} blue0").splitlines())
        self.assertEqual((row["monitor"], row["direction"], row["value"]), ("web", "ingress", "0"))
        self.assertEqual([monitor["name"] for monitor in self.status()["monitors"]], ["p"])
        failed = subprocess.run([str(self.folder / "monitor"), str(harness.STORE), "nowhere0"],
                                env={**os.environ, "DYNMON_PROBE_PATH": str(harness.BUILD / "probes")},
                                capture_output=True, text=True)
        self.assertIn("nowhere0", failed.stderr)
        self.assertEqual((failed.returncode, failed.stdout), (1, ""))

    def test_an_installed_library_tries_what_others_wrote_and_has_no_switch_for_it(self):
        prefix = self.folder / "prefix"
        wire.command("cmake", "--install", str(harness.BUILD), "--prefix", str(prefix))
        library, = prefix.rglob("libdynmon.a")
        names = wire.command("nm", "--demangle", "--defined-only", str(library))
        self.assertIn("dynmon::run_sandboxed(", names)
        self.assertNotIn("set_sandboxing", names)
        headers = sorted(header.name for header in prefix.rglob("*.hpp"))
        self.assertEqual(headers, ["error.hpp", "map.hpp", "monitor.hpp"])

    def test_an_installed_dynmon_load_needs_no_file_of_the_source_tree(self):
        prefix = self.folder / "prefix"
        wire.command("cmake", "--install", str(harness.BUILD), "--prefix", str(prefix))
        probes = list(prefix.rglob("dynmon/probes"))
        self.assertEqual(len(probes), 1)
        environment = {"PATH": "/usr/bin:/bin", "DYNMON_PROBE_PATH": str(probes[0])}
        done = subprocess.run([str(prefix / "bin/dynmon-load"), "check", "flows"],
                              cwd=self.folder, env=environment, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(done.stdout.startswith("flows: good\n"), done.stdout)
        # The installed Makefile.bpf builds a user's own probe with the installed headers.
        self.write("my-probes/hello/hello.bpf.c")
        self.write("my-probes/hello/probe.yaml")
        wire.command("make", "-C", str(self.folder), "-f",
                     str(prefix / "share/dynmon/Makefile.bpf"), "PROBES=my-probes")
        self.assertTrue((self.folder / "build/probes/hello/hello.bpf.o").exists())


if __name__ == "__main__":
    harness.main()
