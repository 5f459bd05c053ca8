#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""iperf3 from red to blue over a veth pair, with each probe on blue0 and with softflowd instead:
what the throughput is, what CPU it takes, and whether every packet was counted. The setups are
measured in turns, so that what slows the machine down slows all of them down.

    DYNMON_BUILD=build throughput.py [--seconds 3] [--rounds 5] [--json]
"""
import argparse
import contextlib
import dataclasses
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

import counted  # noqa: E402
import harness  # noqa: E402
import wire  # noqa: E402

LEAST_OF_NO_PROBE = 0.97  # with a table per CPU, offloads as they come
STATISTICS = pathlib.Path("/proc/sys/kernel/bpf_stats_enabled")
PORT = 5201
FIRST = ("nice", "-n", "-20")  # what else the machine does disturbs less


@dataclasses.dataclass(frozen=True)
class Setup:
    name: str
    monitors: tuple = ()  # of (name of the probe, options of `load`)
    softflowd: bool = False
    barred: bool = False  # has to reach LEAST_OF_NO_PROBE


SETUPS = (
    Setup("no probe"),
    Setup("packets", (("packets", ()),)),
    Setup("flows, per CPU", (("flows", ()),), barred=True),
    Setup("flows, per CPU, coarse clock", (("flows", ("--clock", "coarse")),), barred=True),
    Setup("flows, hash", (("flows", ("--set", "table=hash")),)),
    Setup("crypto", (("crypto", ()),), barred=True),
    Setup("ddos", (("ddos", ()),)),
    Setup("ddos + crypto", (("ddos", ()), ("crypto", ()))),
    Setup("softflowd", softflowd=True),
    Setup("no probe, again"),  # how far from 1 chance alone leads
)


@dataclasses.dataclass
class Run:
    gbits: float  # a second
    busy: float  # seconds of CPU time of iperf3 at both ends, with what runs in their context
    seconds: float
    cpu: float = 0  # of one core, by the process that looks on
    ns: float = 0  # a packet in BPF programs, as the kernel counts it
    faults: tuple = ()  # counters that do not agree with the kernel's

    def gbits_a_busy_second(self):
        """Waiting for a CPU that another process has is not in it."""
        return self.gbits * self.seconds / (self.busy + self.cpu * self.seconds)


class Bench:
    def __init__(self, options):
        self.options = options
        self.wire = wire.Wire()
        self.red, self.blue = self.wire.red, self.wire.blue
        self.blue.ip("link", "set", "lo", "up")

    def offload(self, on):
        for namespace, device in ((self.red, "red0"), (self.blue, "blue0")):
            namespace.run("ethtool", "-K", device, *(word for feature in ("tso", "gso", "gro")
                                                     for word in (feature, on)))

    def iperf(self):
        """What the receiver saw of it, and the CPU time of both ends with all that they call."""
        server = subprocess.Popen([*FIRST, "nsenter", f"--net={self.blue.path}", "iperf3", "-s",
                                   "-1", "-p", str(PORT)], stdout=subprocess.DEVNULL)
        try:
            self.wait_for(lambda: f":{PORT} " in self.blue.run("ss", "-ltn"))
            client = self.red.run(*FIRST, "iperf3", "-c", "10.0.0.2", "-p", str(PORT), "-J", "-t",
                                  str(self.options.seconds))
            end = json.loads(client)["end"]
            seconds = end["sum_received"]["seconds"]
            busy = sum(end["cpu_utilization_percent"][side] for side in ("host_total",
                                                                         "remote_total"))
            return Run(end["sum_received"]["bits_per_second"] / 1e9, busy / 100 * seconds, seconds)
        finally:
            server.kill()
            server.wait()

    @staticmethod
    def wait_for(condition, seconds=10):
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError("iperf3 or softflowd does not start")
            time.sleep(0.01)

    def measure(self, setup):
        if setup.softflowd:
            return self.with_softflowd()
        return self.with_probes(setup.monitors)

    def with_probes(self, monitors):
        for probe, words in monitors:
            counted.dynmon("load", probe, probe, "--dev", "blue0", "--netns", "blue", *words)
        before = counted.Kernel(self.wire)
        run = self.iperf()
        self.settle()
        seen = counted.Kernel(self.wire) - before
        run.ns = counted.ns_a_packet()
        faults = []
        for probe, _ in monitors:
            faults += counted.faults(probe, seen)
            counted.dynmon("unload", probe)
        run.faults = tuple(faults)
        return run

    def settle(self):
        """Until nothing is on its way any more."""
        last = [None]

        def is_quiet():
            now = counted.Kernel(self.wire).counts
            quiet, last[0] = now == last[0], now
            return quiet

        self.wait_for(is_quiet)

    def with_softflowd(self):
        folder = tempfile.mkdtemp()
        control = f"{folder}/ctl"
        process = subprocess.Popen(
            [*FIRST, "nsenter", f"--net={self.blue.path}", "softflowd", "-i", "blue0", "-d", "-c",
             control, "-p", f"{folder}/pid", "-n", "127.0.0.1:9995"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            self.wait_for(lambda: os.path.exists(control))
            before, cpu = counted.Kernel(self.wire), counted.cpu_seconds(process.pid)
            start = time.monotonic()
            run = self.iperf()
            run.cpu = (counted.cpu_seconds(process.pid) - cpu) / (time.monotonic() - start)
            self.settle()
            seen = counted.Kernel(self.wire) - before
            run.faults = counted.faults_of_softflowd(control, seen)
            return run
        finally:
            process.kill()
            process.wait()
            shutil.rmtree(folder)


@contextlib.contextmanager
def run_statistics():
    """The kernel counts what programs cost; afterwards again only if it did before."""
    before = STATISTICS.read_text()
    STATISTICS.write_text("1")
    try:
        yield
    finally:
        STATISTICS.write_text(before)


def measure_all(bench, setups):
    runs = {setup.name: [] for setup in setups}
    for number in range(bench.options.rounds):
        print(f"round {number + 1} of {bench.options.rounds}", file=sys.stderr)
        first = number % len(setups)  # not the same one first every time
        for setup in (*setups[first:], *setups[:first]):
            runs[setup.name].append(bench.measure(setup))
    return runs


def rows(runs, setups):
    """Medians; ratios are medians of the ratios within a round."""
    for setup in setups:
        mine, reference = runs[setup.name], runs["no probe"]
        ratios = [run.gbits / other.gbits for run, other in zip(mine, reference)]
        busy = [run.gbits_a_busy_second() / other.gbits_a_busy_second()
                for run, other in zip(mine, reference)]
        ratio = statistics.median(ratios)
        faults = [fault for run in mine for fault in run.faults]
        yield {"setup": setup.name, "gbits": statistics.median(run.gbits for run in mine),
               "ratio": ratio, "lowest": min(ratios), "highest": max(ratios),
               "busy": statistics.median(busy), "cpu": statistics.median(run.cpu for run in mine),
               "ns": statistics.median(run.ns for run in mine), "faults": faults,
               "met": ratio >= LEAST_OF_NO_PROBE if setup.barred else None}


def show(title, table, with_ns):
    print(f"\n{title}")
    print(f"  {'':30} {'Gbit/s':>8} {'ratio':>7} {'from':>7} {'to':>7} {'per CPU':>7} "
          f"{'ns/packet' if with_ns else 'looking':>9}  counted")
    for row in table:
        fault = row["faults"][0] if row["faults"] else "every packet"
        cost = f"{row['ns']:9.0f}" if with_ns else f"{row['cpu']:9.2f}"
        bar = "" if row["met"] is None or with_ns else \
            f"  bar {LEAST_OF_NO_PROBE}: {'met' if row['met'] else 'MISSED'}"
        print(f"  {row['setup']:30} {row['gbits']:8.2f} {row['ratio']:7.3f} {row['lowest']:7.3f} "
              f"{row['highest']:7.3f} {row['busy']:7.3f} {cost}  "
              f"{'' if row['setup'].startswith('no probe') else fault}{bar}")


def warn_of_company():
    load, cpus = os.getloadavg()[0], os.cpu_count()
    if load > cpus / 2:
        print(f"the machine is busy (load {load:.0f}, {cpus} CPUs): throughput and its ratios mean "
              "little, look at those per CPU", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", default=3, type=int, help="of each run")
    parser.add_argument("--rounds", default=5, type=int)
    parser.add_argument("--json", action="store_true", help="for scripts")
    options = parser.parse_args()
    for tool in ("iperf3", "ethtool", "bpftool", "softflowd", "softflowctl"):
        if not shutil.which(tool):
            sys.exit(f"{sys.argv[0]}: {tool} is not installed (Debian: package "
                     f"{'softflowd' if tool == 'softflowctl' else tool})")
    harness.enter_sandbox()
    warn_of_company()
    setups = [setup for setup in SETUPS
              if all((harness.BUILD / "probes" / probe).is_dir() for probe, _ in setup.monitors)]
    bench = Bench(options)
    tables = {"offloads": list(rows(measure_all(bench, setups), setups))}
    bench.offload("off")
    with run_statistics():
        tables["no-offloads"] = list(rows(measure_all(bench, setups), setups))
    if options.json:
        print(json.dumps(tables, indent=2))
        return
    show("offloads as they come", tables["offloads"], with_ns=False)
    show("offloads off, the kernel measures the programs", tables["no-offloads"], with_ns=True)


if __name__ == "__main__":
    main()
