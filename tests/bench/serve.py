#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What dynmon-serve costs: a scrape of many monitors against a process a monitor, its memory, small
requests, and the exchange of a document of Polycube's Dynmon. As root; `cmake --build build --target bench-serve` calls it."""
import argparse
import json
import os
import pathlib
import resource
import statistics
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

import frames
import harness
import reference
import served
import test_compile
import test_polycube
import wire

IN_CHAIN = 20  # monitors of a hook
TURNS = 50     # of a server and the reference server
BARS = {"cpu-ratio": 20, "megabytes": 16, "injection-ms": 20, "compiled-injection-ms": 600}


class Bench(harness.Case):
    """Not a test: a case gives it what it takes to run dynmon, and cleans up behind it."""

    monitors, entries, requests = 100, 1000, 5000
    figures = {}

    def note_pins(self):
        """It would take longer than what is measured."""

    def runTest(self):
        self.load_all()
        server = served.Server(self)
        self.figures["megabytes-idle"] = self.status_of(server, "VmRSS") / 1024
        one = self.cpu_of_processes()
        self.scrapes(server, one)
        self.small_requests(server)
        self.injections()
        self.compiled_injections()
        self.figures["megabytes-busy"] = self.status_of(server, "VmHWM") / 1024

    def load_all(self):
        devices = (self.monitors + IN_CHAIN - 1) // IN_CHAIN
        for device in range(devices):
            wire.command("ip", "link", "add", f"in{device}", "type", "veth", "peer", "name",
                         f"out{device}")
            for end in ("in", "out"):
                wire.command("ip", "link", "set", f"{end}{device}", "up")
            self.at_end.append(lambda device=device: wire.command("ip", "link", "delete",
                                                                  f"in{device}"))
        for number in range(self.monitors):
            self.dynmon("load", f"m{number}", "flows", "--dev", f"in{number // IN_CHAIN}")
        for device in range(devices):
            with served.socket.socket(served.socket.AF_PACKET, served.socket.SOCK_RAW) as out:
                out.bind((f"out{device}", 0))
                for flow in range(self.entries):
                    out.send(frames.ipv4(frames.udp(1 + flow, 53, b"z" * 72), frames.UDP))
        self.eventually(lambda: self.entries_of("m0") >= self.entries, "the flows are counted")

    def entries_of(self, monitor):
        document = self.dynmon("read", monitor, "flows", "--direction", "ingress", "--peek",
                               "--format", "json").json()
        return len(self.value(document, "flows"))

    @staticmethod
    def status_of(server, field):
        text = pathlib.Path(f"/proc/{server.process.pid}/status").read_text(encoding="utf-8")
        return int(text.split(f"{field}:")[1].split()[0])

    @staticmethod
    def cpu_of(server):
        fields = pathlib.Path(f"/proc/{server.process.pid}/stat").read_text(
            encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def cpu_of_processes(self):
        """Seconds of CPU of one `read --peek` a monitor."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        for number in range(self.monitors):
            self.dynmon("read", f"m{number}", "--format", "prometheus", "--peek")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    def scrapes(self, server, processes):
        rounds = 20
        text = server.get("/metrics").text
        self.assertEqual(text.count("dynmon_http_monitor_readable{") -
                         text.count('readable{monitor="m0"} 0'), self.monitors)
        before, began = self.cpu_of(server), time.monotonic()
        for _ in range(rounds):
            server.get("/metrics")
        cpu = (self.cpu_of(server) - before) / rounds
        self.figures.update({"scrape-cpu-ms": cpu * 1e3,
                             "scrape-ms": (time.monotonic() - began) / rounds * 1e3,
                             "processes-cpu-ms": processes * 1e3,
                             "cpu-ratio": processes / cpu,
                             "exposition-kilobytes": len(text) / 1e3})

    def small_requests(self, server):
        """The server and nginx take turns: what slows the machine down slows both down."""
        servers = {"": server.path}
        if reference.program():
            servers["nginx-"] = reference.Nginx(self).path
        clients = {name: reference.Client(path) for name, path in servers.items()}
        times = {name: [] for name in servers}
        for turn in range(TURNS):
            for name in list(servers)[::-1 if turn % 2 else 1]:
                for _ in range(self.requests // TURNS):
                    start = time.perf_counter()
                    body = clients[name].ask()
                    times[name].append(time.perf_counter() - start)
                    self.assertEqual(body, b"healthy\n")
        for name, all_times in times.items():
            clients[name].close()
            self.figures[f"{name}requests-per-second"] = len(all_times) / sum(all_times)
            self.figures[f"{name}request-median-us"] = statistics.median(all_times) * 1e6
            self.figures[f"{name}request-p99-us"] = sorted(all_times)[int(len(all_times) * 0.99)] * 1e6
        if "nginx-" in servers:
            for figure in ("requests-per-second", "request-median-us", "request-p99-us"):
                self.figures[f"{figure}-by-nginx"] = \
                    self.figures[figure] / self.figures[f"nginx-{figure}"]

    def injections(self):
        """PUT of a document that was imported, until its answer: found by its digest, checked,
        verified, in the place of the other one, and that one's last window thrown away."""
        documents = [test_polycube.COUNT, test_polycube.SESSIONS]
        (self.folder / "probes").mkdir()
        for number, document in enumerate(documents):
            file = self.folder / f"d{number}.json"
            file.write_text(json.dumps(document))
            self.dynmon("import", file, "--out", self.folder / "probes" / f"d{number}")
        server = served.Server(self, "--role", "polycube", "--cubes", self.folder / "cubes",
                               environment={"DYNMON_PROBE_PATH": str(self.folder / "probes")})
        server.ask("POST", test_polycube.CUBE, {"dataplane-config": documents[0]}, status=201)
        server.ask("POST", "/polycube/v1/attach", {"cube": "c", "port": "in0"})
        times = []
        for number in range(1, 41):
            start = time.perf_counter()
            server.ask("PUT", test_polycube.CUBE + "/dataplane-config", documents[number % 2],
                       status=201)
            times.append(time.perf_counter() - start)
        self.figures["injection-median-ms"] = statistics.median(times) * 1e3
        self.figures["injection-worst-ms"] = max(times) * 1e3
        server.ask("DELETE", test_polycube.CUBE, status=204)

    def compiled_injections(self):
        """PUT of a document that nothing imported: the same, and the compile helper before it. A
        remark in the code makes each one another document."""
        helper = test_compile.Helper(self)
        server = served.Server(self, "--role", "polycube", "--cubes", self.folder / "cubes",
                               "--compiler", f"unix:{helper.path}", "--imported",
                               self.folder / "imported")
        server.ask("POST", test_polycube.CUBE, {"dataplane-config": test_polycube.COUNT}, status=201)
        server.ask("POST", "/polycube/v1/attach", {"cube": "c", "port": "in0"})
        times = []
        for number in range(20):
            document = json.loads(json.dumps(test_polycube.SESSIONS))
            document["ingress-path"]["code"] += f"// {number}\n"
            start = time.perf_counter()
            server.ask("PUT", test_polycube.CUBE + "/dataplane-config", document, status=201)
            times.append(time.perf_counter() - start)
        self.assertEqual(len(helper.requests), 21)
        self.figures["compiled-injection-median-ms"] = statistics.median(times) * 1e3
        self.figures["compiled-injection-worst-ms"] = max(times) * 1e3
        server.ask("DELETE", test_polycube.CUBE, status=204)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--monitors", type=int, default=Bench.monitors)
    parser.add_argument("--entries", type=int, default=Bench.entries)
    parser.add_argument("--requests", type=int, default=Bench.requests)
    options = parser.parse_args()
    harness.enter_sandbox()
    Bench.monitors, Bench.entries, Bench.requests = (options.monitors, options.entries,
                                                     options.requests)
    result = unittest.TextTestRunner(verbosity=0).run(Bench())
    if not result.wasSuccessful():
        sys.exit(1)
    figures = {name: round(value, 2) for name, value in Bench.figures.items()}
    print(json.dumps(figures, indent=2))
    if not reference.program():
        print(f"no reference server for small requests: install the package {reference.PACKAGE}")
    print(f"bars: at least {BARS['cpu-ratio']} times less CPU than processes, at most "
          f"{BARS['megabytes']} MB, {BARS['injection-ms']} ms for an injection and "
          f"{BARS['compiled-injection-ms']} ms for one that is compiled")


if __name__ == "__main__":
    main()
