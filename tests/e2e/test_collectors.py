#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Flows while collectors come and go, and when the export itself is killed."""
import collections
import json
import signal

import harness
import ipfix
import wire
from exports import ExportCase, FLOWS, PING, PING6, SENT, UDP, flow_of


class SeveralTest(ExportCase):
    """--to more than once: each collector is a reader, and gets everything."""

    def packets(self, collector):
        return sum(record["packetDeltaCount"] for record in collector.records())

    def words(self, *collectors):
        return [word for collector in collectors for word in ("--to", collector.to)]

    def start_several(self, *collectors):
        return self.start("export", "f", "--profile", "ipfix", *self.words(*collectors), "--as",
                          "x", "--idle", "0", "--interval", "100ms")

    def test_each_gets_every_packet(self):
        self.load("f", "flows")
        collectors = [self.collector(kind) for kind in ("tcp", "udp", "tcp")]
        exporter = self.start_several(*collectors)
        sent = 0
        for count in (3, 1, 4):
            self.receive(*[UDP] * count)
            sent += count
            for collector in collectors:
                self.eventually(lambda: self.packets(collector) == sent, collector.to)
        self.finish(exporter)
        for collector in collectors:
            self.assertEqual(self.packets(collector), sent)
        names = {reader["name"] for reader in self.status("f")["monitors"][0]["readers"]}
        self.assertEqual(names, {"x-" + collector.to.replace(":", "-").replace(".", "-")
                                 for collector in collectors})

    def test_one_that_is_away_keeps_the_others_from_nothing_and_gets_all_later(self):
        self.load("f", "flows")
        late = ipfix.Collector("tcp")
        late.close()
        there = self.collector("tcp")
        for order in ((late, there), (there, late)):
            exporter = self.start_several(*order)
            before = self.packets(there)
            self.receive(UDP, UDP, PING)
            self.eventually(lambda: self.packets(there) == before + 3, "the other has it")
            self.receive(UDP)
            self.eventually(lambda: self.packets(there) == before + 4, "it goes on")
            exporter.send_signal(signal.SIGINT)
            self.assertIn("ECONNREFUSED", exporter.communicate(timeout=20)[1])
            self.assertEqual(exporter.returncode, harness.FAILED)
        collector = self.collector("tcp", port=late.port)
        exporter = self.start_several(there, collector)
        self.eventually(lambda: self.packets(collector) == 8, "it has all of both runs", 20)
        self.finish(exporter)
        self.assertEqual(self.packets(there), 8)

    def test_a_kill_loses_nothing_at_any_of_them(self):
        self.load("f", "flows")
        collectors = [self.collector("tcp"), self.collector("tcp")]
        sent = 0
        for _ in range(5):
            exporter = self.start_several(*collectors)
            self.receive(*[UDP] * 5)
            sent += 5
            for collector in collectors:
                self.eventually(lambda: self.packets(collector) >= sent, collector.to)
            self.receive(*[UDP] * 5)
            sent += 5
            exporter.kill()
            exporter.communicate(timeout=10)
        exporter = self.start_several(*collectors)
        for collector in collectors:
            self.eventually(lambda: self.packets(collector) >= sent, collector.to)
        self.finish(exporter)

    def test_what_does_not_go_with_several_is_refused(self):
        self.load("f", "flows")
        twice = ("export", "f", "--profile", "ipfix", "--to", "udp:127.0.0.1:1", "--to",
                 "udp:127.0.0.1:2")
        error = self.refused(harness.USAGE, *twice)
        self.assertIn("--to more than once", error["message"])
        self.assertIn("--as", error["hint"])
        self.assertIn("--state is for one collector", self.refused(
            harness.USAGE, *twice, "--as", "x", "--state", str(self.folder / "state"))["message"])


class AwayTest(ExportCase):
    def test_flows_wait_for_a_collector_that_comes_late(self):
        for kind in ("tcp", "udp"):
            self.load("f", "flows")
            late = ipfix.Collector(kind)
            late.close()
            exporter = self.start_export(late.to, "--idle", "0.2s")
            self.receive(UDP, UDP)
            heard = []
            self.eventually(lambda: heard.append(exporter.stderr.readline())
                            or "wait for the collector" in heard[-1], "it says so")
            self.assertIn("(ECONNREFUSED): 1 flow must wait", heard[-1])
            self.receive(PING)
            collector = self.collector(kind, port=late.port)
            self.eventually(lambda: len(collector.records()) == 2, "both flows arrive", 20)
            self.finish(exporter)
            self.assertEqual(sorted((r["protocolIdentifier"], r["packetDeltaCount"])
                                    for r in collector.records()), [(1, 1), (17, 2)])
            self.dynmon("unload", "f")

    def test_without_time_outs_windows_stay_in_the_kernel_while_the_collector_is_away(self):
        self.load("f", "flows")
        late = ipfix.Collector("tcp")
        late.close()
        self.receive(UDP, UDP)
        error = self.refused(harness.FAILED, "export", "f", "--profile", "ipfix", "--to", late.to,
                             "--interval", "20ms", "--idle", "0", "--count", 3)
        self.assertIn("ECONNREFUSED", error["message"])
        self.assertIn("stay in the kernel", error["hint"])
        self.receive(UDP)
        collector = self.collector("tcp", port=late.port)
        self.export(["--to", late.to], "--idle", 0, "--count", 1)
        self.eventually(lambda: sum(r["packetDeltaCount"] for r in collector.records()) == 3,
                        "every packet arrives")

    def test_a_collector_that_is_restarted_loses_nothing(self):
        self.load("f", "flows")
        first = ipfix.Collector("tcp")
        exporter = self.start_export(first.to, "--idle", 0)
        self.receive(UDP)
        self.eventually(first.records, "the first record is there")
        first.close()
        self.receive(PING)
        second = self.collector("tcp", port=first.port)
        self.eventually(second.records, "the second record is there", 20)
        self.finish(exporter)
        self.assertEqual([r["protocolIdentifier"] for r in first.records()], [17])
        self.assertEqual([r["protocolIdentifier"] for r in second.records()], [1])

    def test_a_udp_collector_that_is_restarted_between_windows_understands_the_next_one(self):
        self.load("f", "flows")
        first = ipfix.Collector("udp")
        exporter = self.start_export(first.to, "--idle", 0)
        self.receive(UDP)
        self.eventually(first.records, "the first record is there")
        first.close()
        second = self.collector("udp", port=first.port, midway=True)
        self.receive(PING)
        self.eventually(second.records, "the second record is there", 20)
        self.finish(exporter)
        self.assertEqual([r["protocolIdentifier"] for r in second.records()], [1])

    def test_a_udp_collector_that_is_restarted_gets_what_the_dead_one_refused(self):
        self.load("f", "flows")
        first = ipfix.Collector("udp")
        exporter = self.start_export(first.to, "--idle", "0.1s")
        self.receive(UDP)
        self.eventually(first.records, "the first record is there")
        first.close()
        self.receive(PING)
        heard = []
        self.eventually(lambda: heard.append(exporter.stderr.readline())
                        or "wait for the collector" in heard[-1], "the refusal is printed")
        second = self.collector("udp", port=first.port)
        self.eventually(second.records, "the second record is there", 20)
        self.finish(exporter)
        self.assertEqual([r["protocolIdentifier"] for r in first.records()], [17])
        self.assertEqual([r["protocolIdentifier"] for r in second.records()], [1])

    def test_an_end_without_a_collector_counts_what_is_lost(self):
        self.load("f", "flows")
        self.receive(UDP, UDP, PING)
        gone = ipfix.Collector("tcp")
        gone.close()
        result = self.export(["--to", gone.to], "--count", 1, code=harness.FAILED)
        self.assertIn("2 flows (3 packets, 104 bytes) did not arrive: connect to tcp:127.0.0.1:"
                      f"{gone.port}: connection refused (ECONNREFUSED)", result.err)

    def test_sigterm_sends_what_is_in_the_cache(self):
        self.load("f", "flows")
        collector = self.collector("tcp")
        exporter = self.start_export(collector.to)
        self.receive(*SENT)
        exporter.stdout.readline()
        exporter.stdout.readline()
        self.assertEqual(collector.records(), [])
        exporter.send_signal(signal.SIGTERM)
        exporter.wait(30)
        self.eventually(lambda: sorted(map(flow_of, collector.records())) == FLOWS,
                        "all records are there")

    def test_capabilities_are_gone_before_the_first_window(self):
        self.load("f", "flows")
        collector = self.collector("udp")
        exporter = self.start_export(collector.to)
        with open(f"/proc/{exporter.pid}/status") as status:
            held = dict(line.split(":\t") for line in status if line.startswith("Cap"))
        for kind in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            self.assertEqual(int(held[kind], 16), 0, kind)
        self.finish(exporter)


class KilledTest(ExportCase):
    def kill(self, process):
        process.kill()
        process.wait(10)

    def wait_until_taken(self, exporter):
        self.eventually(lambda: exporter.stdout.readline() and not self.in_kernel(),
                        "the flows are taken")

    def in_kernel(self):
        document = json.loads(self.dynmon("read", "f", "--peek", "--format", "json").out)
        return len(self.value(document, "flows"))

    def test_a_killed_export_with_a_state_loses_nothing_and_tells_nothing_twice(self):
        self.load("f", "flows")
        collector = self.collector("tcp")
        state = self.folder / "state"
        for _ in range(4):
            exporter = self.start_export(collector.to, "--idle", "1h", "--state", state,
                                         interval="20ms")
            self.receive(*SENT)
            self.wait_until_taken(exporter)
            self.kill(exporter)
        self.export(["--to", collector.to], "--idle", "1h", "--state", state, "--count", 1)
        self.assertFalse(state.exists())
        self.eventually(lambda: len(collector.records()) >= len(FLOWS), "all flows arrive")
        counts = collections.Counter()
        for record in collector.records():
            flow = flow_of(record)
            counts[flow[:5]] += flow[5]
        self.assertEqual(counts, {flow[:5]: 4 * flow[5] for flow in FLOWS})

    def test_killed_at_any_call_that_stores_or_empties_it_loses_nothing(self):
        """Where it is killed is up to the number of the call; flows leave at the end only, so that
        none is sent before."""
        self.load("f", "flows")
        collector = self.collector("tcp")
        state = self.folder / "state"
        options = ["--profile", "ipfix", "--to", collector.to, "--idle", "1h", "--active", "1h",
                   "--state", state, "--interval", "20ms"]
        places = [("renameat", 1), ("renameat", 2), *[("fsync", n) for n in range(1, 6)],
                  *[("bpf", n) for n in range(230, 300, 5)]]
        for call, number in places:
            self.receive(UDP, PING6)
            inject = f"inject={call}:signal=KILL:when={number}"
            exporter = self.start("export", "f", *options, before=(
                "strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", inject))
            exporter.wait(30 * wire.PATIENCE)
            self.assertEqual(exporter.returncode, -signal.SIGKILL, (call, number))
        self.dynmon("export", "f", *options, "--count", 1)
        self.eventually(lambda: len(collector.records()) >= 2, "both flows arrive")
        counts = sorted((r["protocolIdentifier"], r["packetDeltaCount"], r["octetDeltaCount"])
                        for r in collector.records())
        sent = len(places)
        self.assertEqual(counts, [(17, sent, 38 * sent), (58, sent, 48 * sent)])

    def test_an_end_without_a_collector_leaves_the_flows_in_the_state(self):
        self.load("f", "flows")
        late = ipfix.Collector("tcp")
        late.close()
        state = self.folder / "state"
        self.receive(*SENT)
        result = self.export(["--to", late.to], "--state", state, "--count", 1,
                             code=harness.FAILED)
        self.assertIn(f"they are in {state}, and go with the next export", result.err)
        collector = self.collector("tcp", port=late.port)
        self.export(["--to", late.to], "--state", state, "--count", 1)
        self.eventually(lambda: sorted(map(flow_of, collector.records())) == FLOWS,
                        "all records are there")
        self.assertFalse(state.exists())

    def test_without_time_outs_a_kill_leaves_the_window_in_the_kernel(self):
        self.load("f", "flows")
        late = ipfix.Collector("tcp")
        late.close()
        self.receive(UDP, UDP)
        exporter = self.start("export", "f", "--profile", "ipfix", "--to", late.to, "--idle", "0",
                              "--interval", "20ms")
        self.assertIn("(ECONNREFUSED): windows stay in the kernel", exporter.stderr.readline())
        self.kill(exporter)
        collector = self.collector("tcp", port=late.port)
        self.export(["--to", late.to], "--idle", 0, "--count", 1)
        self.eventually(collector.records, "the flow arrives")
        self.assertEqual([r["packetDeltaCount"] for r in collector.records()], [2])

    def test_a_state_without_time_outs_is_refused(self):
        self.load("f", "flows")
        error = self.refused(harness.USAGE, "export", "f", "--profile", "ipfix", "--to",
                             "udp:127.0.0.1:9", "--idle", "0", "--state", self.folder / "state")
        self.assertIn("--state is of no use without time-outs", error["message"])


if __name__ == "__main__":
    harness.main()
