#!/usr/bin/python3
"""Flows to collectors: nfcapd, and one of our own that holds every message against RFC 7011."""
import collections
import csv
import datetime
import io
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time
import unittest

import frames
import harness
import ipfix
import wire
from frames import ACK, FIN, PSH, SYN

RED, BLUE = "10.0.0.1", "10.0.0.2"
NEEDS_NFDUMP = unittest.skipUnless(shutil.which("nfcapd"), "no nfcapd")

TCP = frames.ipv4(frames.tcp(40000, 443, SYN), frames.TCP, tos=0xb8)
TCP_MORE = frames.ipv4(frames.tcp(40000, 443, PSH | ACK, b"x" * 60), frames.TCP, tos=0xb8)
TCP_END = frames.ipv4(frames.tcp(40000, 443, FIN | ACK), frames.TCP, tos=0xb8)
UDP = frames.ipv4(frames.udp(1234, 53, b"x" * 10), frames.UDP)
PING = frames.ipv4(frames.icmp(8), frames.ICMP)
UNREACHABLE = frames.ipv4(frames.icmp(3, 1), frames.ICMP)
UDP6 = frames.ipv6(frames.udp(5353, 5354, b"y" * 100), frames.UDP)
TCP6 = frames.ipv6(frames.tcp(50000, 22, SYN), frames.TCP, tos=0x20)
PING6 = frames.ipv6(frames.icmp(128), frames.ICMPV6)
TAGGED = frames.ipv4(frames.udp(1, 2), frames.UDP, vlan=100)
SENT = [TCP, TCP_MORE, TCP_MORE, UDP, UDP, UDP, PING, PING, UNREACHABLE, UDP6, UDP6, TCP6, PING6,
        TAGGED]

# addresses, ports or ICMP type and code, protocol, packets, bytes of IP, TCP flags, ToS, VLAN
FLOWS = sorted([
    (RED, BLUE, 40000, 443, 6, 3, 240, SYN | PSH | ACK, 0xb8, 0),
    (RED, BLUE, 1234, 53, 17, 3, 114, 0, 0, 0),
    (RED, BLUE, 0, 8 * 256, 1, 2, 56, 0, 0, 0),
    (RED, BLUE, 0, 3 * 256 + 1, 1, 1, 28, 0, 0, 0),
    ("fd00::1", "fd00::2", 5353, 5354, 17, 2, 296, 0, 0, 0),
    ("fd00::1", "fd00::2", 50000, 22, 6, 1, 60, SYN, 0x20, 0),
    ("fd00::1", "fd00::2", 0, 128 * 256, 58, 1, 48, 0, 0, 0),
    (RED, BLUE, 1, 2, 17, 1, 28, 0, 0, 100),
])


def flow_of(record):
    """What a record says, without times and reason."""
    version = 4 if "sourceIPv4Address" in record else 6
    icmp = record.get(f"icmpTypeCodeIPv{version}")
    return (record[f"sourceIPv{version}Address"], record[f"destinationIPv{version}Address"],
            record.get("sourceTransportPort", 0),
            record["destinationTransportPort"] if icmp is None else icmp,
            record["protocolIdentifier"], record["packetDeltaCount"], record["octetDeltaCount"],
            record.get("tcpControlBits", 0), record["ipClassOfService"], record["vlanId"])


class ExportCase(harness.Case):
    def setUp(self):
        super().setUp()
        wire.command("ip", "link", "set", "lo", "up")

    def collector(self, kind, address="127.0.0.1", port=0):
        made = ipfix.Collector(kind, address, port)
        self.addCleanup(made.close)
        return made

    def export(self, to, *options, code=harness.OK, profile="ipfix", name="f"):
        return self.dynmon("export", name, "--profile", profile, *to, "--interval", "50ms",
                           *options, code=code)

    def start_export(self, to, *options, interval="50ms"):
        """In the background; waits until it runs."""
        process = self.start("--json", "export", "f", "--profile", "ipfix", "--to", to,
                             "--interval", interval, *options)
        self.assertIn('"sequence"', process.stdout.readline())
        return process

    def finish(self, process, code=harness.OK):
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30 * wire.PATIENCE)
        self.assertEqual(process.returncode, code, out + err)
        return err


class RecordTest(ExportCase):
    def check(self, kind, address="127.0.0.1"):
        collector = self.collector(kind, address)
        self.load("f", "flows")
        before = int(time.time() * 1000) - 20  # the clock of the coarse kind lags
        self.receive(*SENT)
        self.export(["--to", collector.to], "--count", 1)
        self.eventually(lambda: len(collector.records()) >= len(FLOWS), "all records are there")
        records = collector.records()
        self.assertEqual(sorted(map(flow_of, records)), FLOWS)
        index = self.blue.ifindex("blue0")
        for record in records:
            self.assertLessEqual(before, record["flowStartMilliseconds"])
            self.assertLessEqual(record["flowStartMilliseconds"], record["flowEndMilliseconds"])
            self.assertLessEqual(record["flowEndMilliseconds"], time.time() * 1000 + 20)
            self.assertEqual(record["flowEndReason"], 4)  # the export ended
            self.assertEqual(record["flowDirection"], 0)
            self.assertEqual(record["ingressInterface"], index)
            self.assertEqual(record["egressInterface"], 0)
            self.assertEqual(record["deltaFlowCount"], 1)
        (stream,) = collector.streams.values()
        self.assertEqual(stream.domains, {index})
        self.assertLess(abs(stream.export_times[-1] - time.time()), 30)

    def test_every_field_over_udp(self):
        self.check("udp")

    def test_every_field_over_tcp(self):
        self.check("tcp")

    def test_every_field_over_udp_and_ipv6(self):
        self.check("udp", "::1")

    def test_every_field_over_tcp_and_ipv6(self):
        self.check("tcp", "::1")

    def test_a_host_may_be_named(self):
        collector = self.collector("udp")
        self.load("f", "flows")
        self.receive(UDP)
        self.export(["--to", f"udp:localhost:{collector.port}", "--domain", "77"], "--count", 1)
        self.eventually(collector.records, "the record is there")
        (stream,) = collector.streams.values()
        self.assertEqual(stream.domains, {77})

    def test_what_is_sent_is_an_egress_flow(self):
        collector = self.collector("tcp")
        self.load("f", "flows")
        self.receive(UDP)
        self.transmit(UDP)
        self.export(["--to", collector.to], "--count", 1)
        self.eventually(lambda: len(collector.records()) == 2, "both are there")
        index = self.blue.ifindex("blue0")
        self.assertEqual(sorted((r["flowDirection"], r["ingressInterface"], r["egressInterface"])
                                for r in collector.records()), [(0, index, 0), (1, 0, index)])


class MessageTest(ExportCase):
    def test_datagrams_keep_to_the_mtu_and_lose_no_flow(self):
        self.load("f", "flows")
        for mtu in (512, 576, 1280, 1500, 9000):
            collector = self.collector("udp")
            sent = [frames.ipv4(frames.udp(port, 53), frames.UDP) for port in range(1000, 1400)]
            self.receive(*sent)
            self.export(["--to", collector.to, "--mtu", mtu], "--count", 1)
            self.eventually(lambda: len(collector.records()) == 400, "all records are there")
            self.assertEqual(sorted(r["sourceTransportPort"] for r in collector.records()),
                             list(range(1000, 1400)))
            (stream,) = collector.streams.values()
            self.assertLessEqual(max(stream.lengths), mtu - 28)
            self.assertGreater(max(stream.lengths), mtu - 28 - 70)

    def test_without_a_number_the_mtu_is_that_of_the_path(self):
        self.load("f", "flows")
        wire.command("ip", "link", "set", "lo", "mtu", "1300")
        self.at_end.append(lambda: wire.command("ip", "link", "set", "lo", "mtu", "65536"))
        collector = self.collector("udp")
        self.receive(*[frames.ipv4(frames.udp(port, 53), frames.UDP) for port in range(1000, 1100)])
        self.export(["--to", collector.to], "--count", 1)
        self.eventually(lambda: len(collector.records()) == 100, "all records are there")
        (stream,) = collector.streams.values()
        self.assertLessEqual(max(stream.lengths), 1300 - 28)
        self.assertGreater(max(stream.lengths), 1300 - 28 - 70)

    def test_templates_are_repeated_over_udp_only(self):
        self.load("f", "flows")
        for kind, expected in (("udp", [4, 0, 0] * 4), ("tcp", [4] + [0] * 11)):
            collector = self.collector(kind)
            exporter = self.start_export(collector.to, "--idle", 0, "--template-messages", 3)
            for index in range(len(expected)):
                self.receive(UDP)
                self.eventually(lambda: len(collector.records()) == index + 1, "a record a window")
            self.finish(exporter)
            (stream,) = collector.streams.values()
            self.assertEqual(stream.templates_in, expected)


class TimeOutTest(ExportCase):
    def test_a_flow_over_several_windows_is_one_record_when_it_is_silent(self):
        self.load("f", "flows")
        collector = self.collector("udp")
        exporter = self.start_export(collector.to, "--idle", "500ms", "--active", "1h")
        for _ in range(5):
            self.receive(UDP)
            exporter.stdout.readline()
            exporter.stdout.readline()
        self.eventually(collector.records, "the flow leaves")
        self.finish(exporter)
        (record,) = collector.records()
        self.assertEqual(record["packetDeltaCount"], 5)
        self.assertEqual(record["flowEndReason"], 1)
        self.assertGreater(record["flowEndMilliseconds"], record["flowStartMilliseconds"])

    def test_a_flow_that_goes_on_leaves_with_the_active_time_out_and_loses_no_packet(self):
        self.load("f", "flows")
        collector = self.collector("tcp")
        exporter = self.start_export(collector.to, "--idle", "1h", "--active", "300ms")
        sent = 0
        while len(collector.records()) < 3:
            self.receive(UDP)
            sent += 1
        self.finish(exporter)
        for entry in self.value(self.window("f"), "flows"):  # came after the last window
            sent -= entry["value"]["packets"]
        self.eventually(lambda: sum(r["packetDeltaCount"] for r in collector.records()) == sent,
                        "every packet is told")
        reasons = [record["flowEndReason"] for record in collector.records()]
        self.assertEqual(reasons[:3], [2, 2, 2])
        self.assertLessEqual(set(reasons[3:]), {2, 4})
        times = [(r["flowStartMilliseconds"], r["flowEndMilliseconds"])
                 for r in collector.records()]
        for (_, end), (start, _) in zip(times, times[1:]):
            self.assertLessEqual(end, start)

    def test_fin_ends_a_flow_at_once(self):
        self.load("f", "flows")
        collector = self.collector("udp")
        exporter = self.start_export(collector.to, "--idle", "1h", "--active", "1h")
        self.receive(TCP, TCP_MORE)
        exporter.stdout.readline()
        exporter.stdout.readline()
        self.receive(TCP_END, UDP)
        self.eventually(collector.records, "the flow leaves")
        (record,) = collector.records()
        self.assertEqual((record["packetDeltaCount"], record["octetDeltaCount"],
                          record["tcpControlBits"], record["flowEndReason"]),
                         (3, 180, SYN | PSH | ACK | FIN, 3))
        self.finish(exporter)  # what is in the cache goes too
        self.eventually(lambda: len(collector.records()) == 2, "the other one leaves at the end")
        self.assertEqual(collector.records()[1]["flowEndReason"], 4)

    def test_a_full_cache_lets_flows_go_and_loses_none(self):
        self.load("f", "flows")
        collector = self.collector("tcp")
        self.receive(*[frames.ipv4(frames.udp(port, 53), frames.UDP) for port in range(1000, 1100)])
        self.export(["--to", collector.to, "--max-flows", 10], "--count", 1)
        self.eventually(lambda: len(collector.records()) == 100, "all records are there")
        self.assertEqual(collections.Counter(r["flowEndReason"] for r in collector.records()),
                         {5: 90, 4: 10})


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
            self.assertIn("ECONNREFUSED: 1 flow wait", heard[-1])
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
                        "every packet is told")

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
                        or "wait for the collector" in heard[-1], "the refusal is told")
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
                      f"{gone.port}: ECONNREFUSED", result.err)

    def test_sigterm_sends_what_is_in_the_cache(self):
        self.load("f", "flows")
        collector = self.collector("tcp")
        exporter = self.start_export(collector.to)
        self.receive(*SENT)
        exporter.stdout.readline()
        exporter.stdout.readline()
        self.assertEqual(collector.records(), [r for r in collector.records()
                                               if r["flowEndReason"] == 3])
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
        counts = collections.Counter()
        for record in collector.records():
            flow = flow_of(record)
            counts[flow[:5]] += flow[5]
        self.assertEqual(counts, {flow[:5]: 4 * flow[5] for flow in FLOWS})

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
        self.assertIn("ECONNREFUSED: windows stay in the kernel", exporter.stderr.readline())
        self.kill(exporter)
        collector = self.collector("tcp", port=late.port)
        self.export(["--to", late.to], "--idle", 0, "--count", 1)
        self.assertEqual([r["packetDeltaCount"] for r in collector.records()], [2])

    def test_a_state_without_time_outs_is_refused(self):
        self.load("f", "flows")
        error = self.refused(harness.USAGE, "export", "f", "--profile", "ipfix", "--to",
                             "udp:127.0.0.1:9", "--idle", "0", "--state", self.folder / "state")
        self.assertIn("--state is of no use without time-outs", error["message"])


class RefusedTest(ExportCase):
    def test_what_is_no_collector_is_refused_before_anything_is_taken(self):
        self.load("f", "flows")
        self.receive(UDP)
        for to, message in (
                ("10.0.0.1:1", "neither udp: nor tcp:"),
                ("udp:fd00::1:4739", "an IPv6 address has to be in brackets"),
                ("tcp:a:70000", "'70000' is not a port")):
            self.assertIn(message, self.refused(harness.USAGE, "export", "f", "--profile", "ipfix",
                                                "--to", to, "--count", 1)["message"])
        self.assertIn("needs --to", self.refused(
            harness.USAGE, "export", "f", "--profile", "ipfix")["message"])
        self.assertIn("--out is not for profile 'ipfix'", self.refused(
            harness.USAGE, "export", "f", "--profile", "ipfix", "--to", "udp:a", "--out", "x")
            ["message"])
        self.assertEqual(self.metric(self.window("f"), "flows")["value"][0]["value"]["packets"], 1)

    def test_a_monitor_without_flows_is_refused_by_what_it_lacks(self):
        self.load("f", "packets")
        error = self.refused(harness.USAGE, "export", "f", "--profile", "ipfix", "--to",
                             "udp:127.0.0.1:9")
        self.assertIn("has no field 'key.saddr'", error["message"])


@NEEDS_NFDUMP
class NfdumpTest(ExportCase):
    """Debian's nfcapd stores and nfdump prints the flows that were sent."""

    def nfcapd(self, address="127.0.0.1"):
        folder = self.folder / "captured"
        folder.mkdir()
        free = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET,
                             socket.SOCK_DGRAM)
        free.bind((address, 0))
        port = free.getsockname()[1]
        free.close()
        family = ["-6"] if ":" in address else []
        log = open(self.folder / "nfcapd.log", "w")
        self.addCleanup(log.close)
        process = subprocess.Popen(["nfcapd", "-w", folder, "-p", str(port), "-b", address,
                                    "-t", "3600", *family], stdout=log, stderr=log,
                                   env={"PATH": os.environ["PATH"], "TZ": "UTC"})
        self.processes.append(process)
        table = "/proc/net/udp6" if ":" in address else "/proc/net/udp"
        self.eventually(lambda: f":{port:04X} " in pathlib.Path(table).read_text(),
                        "nfcapd listens")
        return process, folder, port

    def printed(self, process, folder):
        """Flows of nfdump's JSON, after nfcapd has written them."""
        process.send_signal(signal.SIGTERM)
        process.wait(20 * wire.PATIENCE)
        self.assertIn("Sequence Errors: 0, Bad Packets: 0",
                      (self.folder / "nfcapd.log").read_text())
        return json.loads(self.nfdump(folder, "json"))

    @staticmethod
    def nfdump(folder, form):
        return subprocess.run(["nfdump", "-R", folder, "-o", form], capture_output=True, text=True,
                              env={"PATH": os.environ["PATH"], "TZ": "UTC"}, timeout=30,
                              check=True).stdout

    @staticmethod
    def flow_of(flow):
        if flow["proto"] in (1, 58):
            ports = (0, flow["icmp_type"] * 256 + flow["icmp_code"])
        else:
            ports = (flow["src_port"], flow["dst_port"])
        flags = sum(0x80 >> i for i, letter in enumerate(flow["tcp_flags"]) if letter != ".") \
            if "tcp_flags" in flow else 0
        return (flow.get("src4_addr") or flow["src6_addr"],
                flow.get("dst4_addr") or flow["dst6_addr"], *ports, flow["proto"],
                flow["in_packets"], flow["in_bytes"], flags, flow["src_tos"], flow["src_vlan"])

    def check_print(self, flows):
        self.assertEqual(sorted(map(self.flow_of, flows)), FLOWS)
        for flow in flows:
            first, last, received = (datetime.datetime.fromisoformat(flow[when]).replace(
                tzinfo=datetime.timezone.utc).timestamp() for when in ("first", "last", "received"))
            self.assertLessEqual(first, last)
            self.assertLess(abs(last - received), 20)
            self.assertLess(abs(last - time.time()), 60)
            self.assertEqual((flow["direction"], flow["input_snmp"], flow["output_snmp"]),
                             (0, self.blue.ifindex("blue0"), 0))
            self.assertEqual(flow["aggr_flows"], 1)

    def test_nfdump_prints_every_field_of_what_was_sent(self):
        for address in ("127.0.0.1", "::1"):
            process, folder, port = self.nfcapd(address)
            self.load("f", "flows")
            self.receive(*SENT)
            host = f"[{address}]" if ":" in address else address
            self.export(["--to", f"udp:{host}:{port}"], "--count", 1)
            self.wait_until_read(port, address)
            self.check_print(self.printed(process, folder))
            rows = list(csv.DictReader(io.StringIO(self.nfdump(folder, "csv"))))
            totals = collections.Counter()
            for row in rows:
                if row["sa"] in (RED, "fd00::1"):
                    totals.update(packets=int(row["ipkt"]), bytes=int(row["ibyt"]))
            self.assertEqual(totals, {"packets": sum(flow[5] for flow in FLOWS),
                                      "bytes": sum(flow[6] for flow in FLOWS)})
            shutil.rmtree(folder)
            self.dynmon("unload", "f")

    def test_nfdump_adds_up_many_windows_to_what_was_sent(self):
        process, folder, port = self.nfcapd()
        self.load("f", "flows")
        exporter = self.start_export(f"udp:127.0.0.1:{port}", "--idle", 0, "--mtu", 600)
        for _ in range(6):
            self.receive(*SENT)
            exporter.stdout.readline()
            exporter.stdout.readline()
        self.finish(exporter)
        self.wait_until_read(port)
        packets, octets = collections.Counter(), collections.Counter()
        for flow in map(self.flow_of, self.printed(process, folder)):
            packets[flow[:5]] += flow[5]
            octets[flow[:5]] += flow[6]
        self.assertEqual(packets, {flow[:5]: 6 * flow[5] for flow in FLOWS})
        self.assertEqual(octets, {flow[:5]: 6 * flow[6] for flow in FLOWS})

    def test_nfdump_prints_what_came_over_tcp(self):
        """nfcapd knows UDP only: what comes over TCP is handed on to it message by message."""
        process, folder, port = self.nfcapd()
        relay = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(relay.close)
        collector = self.collector("tcp")
        collector.on_message = lambda message: relay.sendto(message, ("127.0.0.1", port))
        self.load("f", "flows")
        self.receive(*SENT)
        self.export(["--to", collector.to], "--count", 1)
        self.eventually(lambda: len(collector.records()) == len(FLOWS), "all records are there")
        self.wait_until_read(port)
        self.check_print(self.printed(process, folder))

    def wait_until_read(self, port, address="127.0.0.1"):
        """nfcapd has taken every datagram out of its socket."""
        table = pathlib.Path("/proc/net/udp6" if ":" in address else "/proc/net/udp")

        def is_empty():
            lines = [line.split() for line in table.read_text().splitlines()[1:]]
            return all(words[4].endswith(":00000000") for words in lines
                       if words[1].endswith(f":{port:04X}"))
        self.eventually(is_empty, "nfcapd has read everything")


if __name__ == "__main__":
    harness.main()
