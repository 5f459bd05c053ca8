# SPDX-License-Identifier: BSD-2-Clause
"""Adds up the windows of a monitor of `flows` and compares them with what was sent."""
import collections

DIRECTIONS = ("ingress", "egress")


def name_of(key):
    """What tells one flow from another, as something that can be looked up."""
    return tuple(sorted(key.items()))


def sent_by(report, device):
    """{direction: {flow: (packets, bytes)}} of a monitor on `device`, from the storm's report."""
    expected = {}
    for lane in report["lanes"]:
        direction = "ingress" if lane["to"] == device else "egress"
        expected[direction] = {name_of(flow["key"]): (flow["packets"], flow["bytes"])
                               for flow in lane["flows"]}
    return expected


class Ledger:
    def __init__(self):
        self.counted = {direction: collections.defaultdict(lambda: [0, 0, 0])
                        for direction in DIRECTIONS}
        self.missed = collections.Counter()
        self.windows = []  # (sequence, from, to), as they came

    def add(self, document):
        window = document["window"]
        self.windows.append((window["sequence"], window["from"], window["to"]))
        for direction in DIRECTIONS:
            for metric in document[f"{direction}-metrics"]:
                if metric["name"] == "flows":
                    self._add_flows(self.counted[direction], metric["value"])
                else:
                    for cpu in metric["value"]:
                        self.missed.update({(direction, why): count for why, count in cpu.items()})

    @staticmethod
    def _add_flows(counted, entries):
        for entry in entries:
            value, sums = entry["value"], counted[name_of(entry["key"])]
            for at, field in enumerate(("packets", "wire_packets", "bytes")):
                sums[at] += value[field]

    def packets(self):
        return sum(sums[0] for flows in self.counted.values() for sums in flows.values())

    def faults(self, expected):
        """Every difference to what was sent, as sentences; none: the windows are exact."""
        found = []
        for direction in DIRECTIONS:
            counted = self.counted[direction]
            for flow, (packets, size) in expected[direction].items():
                if counted.get(flow) != [packets, packets, size]:
                    found.append(f"{direction} {dict(flow)}: {packets} packets of {size} bytes in "
                                 f"all were sent, {counted.get(flow)} are counted")
            found += [f"{direction} {dict(flow)}: {sums} are counted, the test did not send that"
                      for flow, sums in counted.items() if flow not in expected[direction]]
        found += [f"{count} packets are missed: {where}"
                  for where, count in self.missed.items() if count]
        return found

    def gaps(self):
        """Every break in the row of windows, as sentences."""
        found = []
        for earlier, later in zip(self.windows, self.windows[1:]):
            if later[0] != earlier[0] + 1:
                found.append(f"window {later[0]} comes after window {earlier[0]}")
            if later[1] != earlier[2]:
                found.append(f"window {later[0]} begins at {later[1]}, the one before ended at "
                             f"{earlier[2]}")
        return found + [f"window {sequence} ends at {end} and begins at {begin}"
                        for sequence, begin, end in self.windows if end <= begin]


def ledger_of(documents):
    ledger = Ledger()
    for document in documents:
        ledger.add(document)
    return ledger


def has_packets(document):
    return any(metric["name"] == "flows" and metric["value"]
               for direction in DIRECTIONS for metric in document[f"{direction}-metrics"])


def totals_of(exposition, family):
    """{(direction, ip_version, protocol): number} of one counter in an OpenMetrics text."""
    totals = {}
    for line in exposition.splitlines():
        if not line.startswith(f"{family}_total{{"):
            continue
        labels, _, number = line[line.index("{") + 1:].rpartition("} ")
        named = dict(label.split("=") for label in labels.split(","))
        key = tuple(named[name].strip('"') for name in ("direction", "ip_version", "protocol"))
        if key in totals:
            raise AssertionError(f"{family}: two samples of {key}")
        totals[key] = int(number)
    return totals


def expected_totals(expected, at):
    """The same from what was sent; `at` 0: packets, 1: bytes."""
    totals = collections.Counter()
    for direction, flows in expected.items():
        for flow, numbers in flows.items():
            key = dict(flow)
            totals[direction, str(key["ip_version"]), key["proto"]] += numbers[at]
    return dict(totals)
