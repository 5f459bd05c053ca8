# SPDX-License-Identifier: BSD-2-Clause
"""What the kernel, the probes and softflowd each say of how many packets there were."""
import json
import os
import pathlib
import re
import subprocess
import time

import harness


def dynmon(*words):
    """What dynmon-load prints."""
    return subprocess.run([harness.DYNMON, *words], check=True, stdout=subprocess.PIPE,
                          env=harness.environment()).stdout.decode()


class Kernel:
    """Counters of the kernel: packets of blue0 as its hooks see them, which may be many on the
    wire, and what red's TCP has sent of those on the wire."""

    def __init__(self, wire, counts=None):
        self.counts = counts or self.read(wire)

    @staticmethod
    def read(wire):
        blue0, red0 = (json.loads(namespace.ip("-j", "-s", "link", "show", device))[0]["stats64"]
                       for namespace, device in ((wire.blue, "blue0"), (wire.red, "red0")))
        names, values = (line.split() for line in
                         wire.red.run("cat", "/proc/net/snmp").splitlines()
                         if line.startswith("Tcp:"))
        # OutSegs is without what was sent again.
        segments = sum(int(values[names.index(name)]) for name in ("OutSegs", "RetransSegs"))
        return {"in": blue0["rx"]["packets"],
                "both": blue0["rx"]["packets"] + blue0["tx"]["packets"],
                "segments": segments - red0["tx"]["dropped"]}

    def __sub__(self, other):
        return Kernel(None, {name: count - other.counts[name]
                             for name, count in self.counts.items()})


def value(document, metric):
    return next(each["value"] for each in document["ingress-metrics"] if each["name"] == metric)


def counted_by(probe, document):
    """How many packets, and which counter of the kernel says the same."""
    if probe == "packets":
        return value(document, "packets_total")[0], "segments"
    if probe == "flows":
        return sum(entry["value"]["packets"] for entry in value(document, "flows")), "in"
    if probe == "crypto":  # red has the lower address
        return sum(entry["value"]["n_packets"] for entry in
                   value(document, "sessions_tracked_crypto")), "segments"
    return sum(entry["value"]["n_packets"] for entry in
               value(document, "sessions_tracked_ddos")), "both"


def faults(probe, seen):
    document = json.loads(dynmon("read", probe, "--format", "json"))
    count, name = counted_by(probe, document)
    expected = seen.counts[name]
    return [] if count == expected else [f"{probe}: {count} of {expected}"]


def processed_by_softflowd(control):
    said = subprocess.run(["softflowctl", "-c", control, "statistics"], check=True,
                          stdout=subprocess.PIPE).stdout.decode()
    return int(re.search(r"Packets processed: (\d+)", said)[1])


def faults_of_softflowd(control, seen, patience=10):
    """When it has read all that waits in its buffer."""
    deadline = time.monotonic() + patience
    count, before = processed_by_softflowd(control), -1
    while count != before and time.monotonic() < deadline:
        time.sleep(0.1)
        count, before = processed_by_softflowd(control), count
    expected = seen.counts["both"]
    return () if count >= expected else (f"{count / expected:.1%} of the packets",)


def cpu_seconds(pid):
    """CPU time of a process and all its threads."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def ns_a_packet():
    """In all programs of blue0's ingress chain: its pivot calls them, and answers for all of them.
    0: nothing is loaded, or the kernel does not measure."""
    for pivot in harness.STORE.glob("hooks/*ingress*/pivot"):
        shown = subprocess.run(["bpftool", "-j", "prog", "show", "pinned", pivot], check=True,
                               stdout=subprocess.PIPE).stdout
        program = json.loads(shown)
        if program.get("run_cnt"):
            return program["run_time_ns"] / program["run_cnt"]
    return 0
