#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Load: small packets of many flows from all CPUs, as fast as a veth pair takes them. The device
tells how many came in; the probes must not have missed one, nor kept more than they may."""
import collections
import json
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

import harness  # noqa: E402

FLOOD = harness.BUILD / "tests" / "exact" / "packet-flood"
FLOWS = 200


class LoadTest(harness.Case):
    def received(self):
        """Packets that have come in at blue0, as the device counts them."""
        link, = json.loads(self.blue.ip("-j", "-s", "link", "show", "blue0"))
        return link["stats64"]["rx"]["packets"]

    def flood(self, seconds=2):
        """Returns how many packets blue0 received of it."""
        before = self.received()
        cpus = [str(cpu) for cpu in sorted(os.sched_getaffinity(0))]
        sent = json.loads(subprocess.run(
            [FLOOD, "--from", "red/red0", "--cpus", *cpus, "--flows", str(FLOWS), "--seconds",
             str(seconds)], check=True, stdout=subprocess.PIPE, timeout=60).stdout)["sent"]
        # A packet is on its way for as long as its CPU has other things to do.
        counts = [-1]
        self.eventually(lambda: counts.append(self.received()) or counts[-1] == counts[-2],
                        "packets stop to come in")
        received = counts[-1] - before
        self.assertGreater(received, 50_000, "that is no load")
        self.assertLessEqual(received, sent)
        print(f"{received / seconds:,.0f} packets/s", end=" ", file=sys.stderr)
        return received

    def sum_of(self, document, metric):
        """All the fields of a per-CPU array of counters, added up over the CPUs."""
        return sum(map(collections.Counter, self.value(document, metric)), collections.Counter())

    def check_flows(self, *options):
        self.load("f", "flows", *options)
        received = self.flood()
        document = self.window("f")
        entries = self.value(document, "flows")
        self.assertEqual(len(entries), FLOWS)
        self.assertEqual(self.sum_of(document, "flows_missed"), {})
        self.assertEqual(sum(entry["value"]["packets"] for entry in entries), received)
        self.assertEqual(sum(entry["value"]["bytes"] for entry in entries), received * 46)
        self.assertEqual({entry["value"]["flows"] for entry in entries}, {1})

    def test_flows_counts_every_packet_in_a_table_per_cpu(self):
        self.check_flows("--set", "table=percpu_hash")

    def test_flows_counts_every_packet_in_a_table_for_all_cpus(self):
        self.check_flows("--set", "table=hash")

    def test_crypto_counts_every_packet(self):
        self.load("c", "crypto")
        received = self.flood()
        document = self.window("c")
        entries = self.value(document, "sessions_tracked_crypto")
        self.assertEqual(len(entries), FLOWS)
        self.assertEqual(self.sum_of(document, "crypto_missed"), {})
        self.assertEqual(sum(entry["value"]["n_packets"] + entry["value"]["n_packets_reverse"]
                             for entry in entries), received)

    def test_ddos_never_keeps_more_than_its_limits_and_tells_what_it_left(self):
        sessions, packets = 50, 20
        self.load("d", "ddos", "--set", f"n_session={sessions}", "--set",
                  f"n_packet_per_session={packets}")
        received = self.flood()
        document = self.window("d")
        tracked = self.value(document, "sessions_tracked_ddos")
        captured = collections.Counter(json.dumps(features["id"]) for features in
                                       self.value(document, "packets_buffer_ddos"))
        self.assertEqual(captured, {json.dumps(entry["key"]): packets for entry in tracked})
        self.assertEqual(len(tracked), sessions)
        missed = self.sum_of(document, "ddos_missed")
        self.assertEqual(set(missed), {"map_full", "limit"})
        self.assertEqual(sum(missed.values()) + sessions * packets, received)
        in_sessions = sum(entry["value"]["n_packets"] for entry in tracked)
        self.assertEqual(in_sessions, missed["limit"] + sessions * packets)

    def test_a_chain_of_all_three_loses_nothing_either(self):
        for name, probe in (("f", "flows"), ("c", "crypto"), ("d", "ddos")):
            self.load(name, probe)
        received = self.flood()
        flows = self.value(self.window("f"), "flows")
        self.assertEqual(sum(entry["value"]["packets"] for entry in flows), received)
        crypto = self.value(self.window("c"), "sessions_tracked_crypto")
        self.assertEqual(sum(entry["value"]["n_packets"] + entry["value"]["n_packets_reverse"]
                             for entry in crypto), received)
        ddos = self.value(self.window("d"), "sessions_tracked_ddos")
        self.assertEqual(sum(entry["value"]["n_packets"] for entry in ddos), received)


if __name__ == "__main__":
    harness.main()
