"""What the kernel, the probes and softflowd each say of how many packets there were."""
import collections
import json
import os
import pathlib
import re
import subprocess

import harness


def dynmon(*words):
    """What dynmon-load prints."""
    return subprocess.run([harness.DYNMON, *words], check=True, stdout=subprocess.PIPE,
                          env=harness.environment()).stdout.decode()


class Kernel:
    """The counters of blue: packets as blue0 and its hooks see them, and as they are on the wire."""

    def __init__(self, blue, counts=None):
        if counts is None:
            link, = json.loads(blue.ip("-j", "-s", "link", "show", "blue0"))
            tcp = [line.split() for line in blue.run("cat", "/proc/net/snmp").splitlines()
                   if line.startswith("Tcp:")]
            counts = collections.Counter({"in": link["stats64"]["rx"]["packets"],
                                          "out": link["stats64"]["tx"]["packets"],
                                          "segments": int(tcp[1][tcp[0].index("InSegs")])})
        self.counts = counts

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
    expected = seen.counts["in"] + seen.counts["out"] if name == "both" else seen.counts[name]
    return [] if count == expected else [f"{probe}: {count} of {expected}"]


def faults_of_softflowd(control, seen):
    said = subprocess.run(["softflowctl", "-c", control, "statistics"], check=True,
                          stdout=subprocess.PIPE).stdout.decode()
    count = int(re.search(r"Packets processed: (\d+)", said)[1])
    expected = seen.counts["in"] + seen.counts["out"]
    return () if count >= expected else (f"{count / expected:.1%} of the packets",)


def cpu_seconds(pid):
    """Of a process and all its threads."""
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
