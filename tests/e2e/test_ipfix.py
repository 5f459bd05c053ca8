#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Flows as IPFIX: every message is held against RFC 7011 by a collector of our own."""
import collections
import json
import os
import socket
import struct
import time

import frames
import harness
import wire
from exports import ExportCase, FLOWS, SENT, TCP, TCP_END, TCP_MORE, UDP, flow_of
from frames import ACK, FIN, PSH, SYN


def domain_of(monitor, namespace, index):
    """As dynmon-ipfix(7) describes it."""
    value = 0x811c9dc5
    inode = os.stat(namespace.path).st_ino
    for byte in monitor.encode() + b"\0" + struct.pack("!QI", inode, index):
        value = (value ^ byte) * 0x01000193 & 0xffffffff
    return value


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
        self.assertEqual(stream.domains, {domain_of("f", self.blue, index)})
        self.assertLess(abs(stream.export_times[-1] - time.time()), 30)

    def test_every_field_over_udp(self):
        self.check("udp")

    def test_every_field_over_tcp(self):
        self.check("tcp")

    def test_every_field_over_udp_and_ipv6(self):
        self.check("udp", "::1")

    def test_every_field_over_tcp_and_ipv6(self):
        self.check("tcp", "::1")

    def test_icmp_of_an_unknown_type_has_no_element_for_it_and_is_no_echo_reply(self):
        collector = self.collector("udp")
        self.load("f", "flows")
        reply = frames.ipv4(frames.icmp(0, data=bytes(56)), frames.ICMP)
        later = bytearray(frames.ipv4(bytes(64), frames.ICMP))
        later[20:22] = b"\0\x09"  # the fragment's offset, in units of 8 bytes
        later6 = frames.ipv6(bytes([frames.ICMPV6, 0, 0, 72, 0, 0, 0, 1]) + bytes(64), 44)
        self.receive(reply, bytes(later), later6)
        self.export(["--to", collector.to], "--count", 1)
        self.eventually(lambda: len(collector.records()) == 3, "all records are there")
        told = sorted((r["protocolIdentifier"], r["octetDeltaCount"],
                       sorted(name for name in r if "icmp" in name or "Port" in name))
                      for r in collector.records())
        self.assertEqual(told, [(1, 84, []), (1, 84, ["destinationTransportPort", "icmpTypeCodeIPv4"]),
                                (58, 112, [])])
        [typed] = [r for r in collector.records() if "icmpTypeCodeIPv4" in r]
        self.assertEqual(typed["icmpTypeCodeIPv4"], 0)

    def test_a_host_may_be_named(self):
        collector = self.collector("udp")
        self.load("f", "flows")
        self.receive(UDP)
        self.export(["--to", f"udp:localhost:{collector.port}", "--domain", "77"], "--count", 1)
        self.eventually(collector.records, "the record is there")
        (stream,) = collector.streams.values()
        self.assertEqual(stream.domains, {77})

    def test_of_a_host_with_several_addresses_one_that_refuses_udp_is_passed_over(self):
        """As Debian's /etc/hosts has it, where the collector listens at 127.0.0.1 alone."""
        hosts = self.folder / "hosts"
        hosts.write_text("127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n")
        wire.command("mount", "--bind", str(hosts), "/etc/hosts")
        self.addCleanup(wire.command, "umount", "/etc/hosts")
        order = [found[0] for found in socket.getaddrinfo("localhost", 1, type=socket.SOCK_DGRAM)]
        self.assertEqual(order, [socket.AF_INET6, socket.AF_INET])
        collector = self.collector("udp")
        self.load("f", "flows")
        self.receive(UDP, TCP)
        done = self.export(["--to", f"udp:localhost:{collector.port}"], "--count", 1)
        self.eventually(lambda: len(collector.records()) == 2, "the records are there")
        self.assertNotIn("refused", done.err)

    def test_each_monitor_of_each_namespace_is_a_domain_of_its_own(self):
        """A collector tells streams apart by address and domain; the indexes are equal."""
        other = wire.Wire("red2", "blue2")
        self.addCleanup(other.close)
        index = self.blue.ifindex("blue0")
        self.assertEqual(other.blue.ifindex("blue0"), index)
        places = [("f", self), ("g", self), ("h", other)]
        domains = []
        for name, place in places:
            self.dynmon("load", name, "flows", "--dev", "blue0", "--netns", place.blue.name)
            place.receive(UDP)
            collector = self.collector("udp")
            exporter = self.start("export", name, "--profile", "ipfix", "--to", collector.to,
                                  "--interval", "50ms", "--idle", "0")
            self.eventually(collector.records, "the record is there")
            self.finish(exporter)
            (stream,) = collector.streams.values()
            domains += stream.domains
        self.assertEqual(domains, [domain_of(name, place.blue, index) for name, place in places])
        self.assertEqual(len(set(domains)), 3)

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
        for mtu in (576, 1280, 1500, 9000):
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

    def test_templates_begin_every_window_over_udp_only(self):
        self.load("f", "flows")
        for kind, expected in (("udp", [6] * 4), ("tcp", [6] + [0] * 3)):
            collector = self.collector(kind)
            exporter = self.start_export(collector.to, "--idle", 0)
            for index in range(len(expected)):
                self.receive(UDP)
                self.eventually(lambda: len(collector.records()) == index + 1, "a record a window")
            self.finish(exporter)
            (stream,) = collector.streams.values()
            self.assertEqual(stream.templates_in, expected)

    def test_templates_are_repeated_within_a_window_over_udp(self):
        self.load("f", "flows")
        collector = self.collector("udp")
        self.receive(*[frames.ipv4(frames.udp(port, 53), frames.UDP) for port in range(1000, 1200)])
        self.export(["--to", collector.to], "--template-messages", 3, "--idle", 0, "--count", 1)
        self.eventually(lambda: len(collector.records()) == 200, "all records are there")
        (stream,) = collector.streams.values()
        self.assertEqual(stream.templates_in[:7], [6, 0, 0, 6, 0, 0, 6])


class RateTest(ExportCase):
    """Only what leaves is paced: windows are taken when their time has come."""

    def test_windows_are_not_late_for_flows_that_wait_for_their_turn(self):
        self.load("f", "flows")
        collector = self.collector("udp")
        self.receive(*[frames.ipv4(frames.udp(port, 53), frames.UDP) for port in range(1000, 2000)])
        exporter = self.start_export(collector.to, "--rate", 10, "--active", "1ms", "--mtu", 600,
                                     interval="1s")
        windows = [json.loads(exporter.stdout.readline()) for _ in range(3)]
        for window in windows[1:]:
            self.assertLess(window["to"] - window["from"], 1.9e9 * wire.PATIENCE)
        self.assertLess(len(collector.records()), 1000)
        self.finish(exporter)  # the end does not wait for ever
        self.eventually(lambda: len(collector.records()) == 1000, "all records are there")

    def test_without_time_outs_a_window_takes_the_time_that_its_messages_take(self):
        self.load("f", "flows")
        collector = self.collector("udp")
        self.receive(*[frames.ipv4(frames.udp(port, 53), frames.UDP) for port in range(1000, 2000)])
        began = time.monotonic()
        self.export(["--to", collector.to], "--idle", 0, "--rate", 40, "--count", 1)
        self.assertGreater(time.monotonic() - began, 0.8)  # 45 messages
        self.eventually(lambda: len(collector.records()) == 1000, "all records are there")


class OptionsTest(ExportCase):
    """What the export reports to a collector about itself."""

    def options(self, collector):
        (stream,) = collector.streams.values()
        return stream.options, stream.flows_before

    def test_sampling_is_told_in_front_of_the_flows(self):
        index = self.blue.ifindex("blue0")
        for kind in ("udp", "tcp"):
            self.load("f", "flows")
            collector = self.collector(kind)
            before = int(time.time() * 1000) - 20
            exporter = self.start_export(collector.to, "--idle", 0)
            self.receive(UDP)
            self.eventually(collector.records, "the record is there")
            self.finish(exporter)
            self.dynmon("unload", "f")
            self.eventually(lambda: len(self.options(collector)[0]) == 8, "the last word is there")
            options, flows_before = self.options(collector)
            domain = domain_of("f", self.blue, index)
            self.assertEqual(flows_before, [0] * 4 + [1] * 4)
            self.assertEqual(options[6].pop("exportedFlowRecordTotalCount"), 1)  # the last word
            del options[2]["exportedFlowRecordTotalCount"]
            self.assertEqual(options[:4], options[4:])
            del options[4:]
            started = options[2].pop("systemInitTimeMilliseconds")
            self.assertTrue(before <= started <= time.time() * 1000)
            self.assertEqual(options, [
                {"template": 262, "observationDomainId": domain, "samplingPacketInterval": 1,
                 "samplingPacketSpace": 0, "selectorAlgorithm": 4},
                {"template": 263, "observationDomainId": domain, "samplingInterval": 1},
                {"template": 264, "observationDomainId": domain, "ignoredPacketTotalCount": 0,
                 "droppedPacketTotalCount": 0, "notSentFlowTotalCount": 0},
                {"template": 265, "ingressInterface": index, "interfaceName": "blue0"}])

    def test_flows_of_a_sample_come_with_its_rate_also_after_a_replace(self):
        self.load("f", "flows", "--set", "sample=2")
        collector = self.collector("udp")
        exporter = self.start_export(collector.to, "--idle", 0)
        many = [UDP] * 100  # all of them passed over: one in 2^100

        def rates():
            return [record["samplingInterval"] for stream in collector.streams.values()
                    for record in stream.options if "samplingInterval" in record]
        self.receive(*many)
        self.eventually(rates, "the flow arrives")
        self.dynmon("replace", "f", "flows", "--set", "sample=3")
        self.receive(*many)
        self.eventually(lambda: 3 in rates(), "the flow of the new one arrives")
        self.finish(exporter)
        self.assertEqual(sorted(set(rates())), [2, 3])

    def test_what_the_probe_missed_reaches_the_collector(self):
        self.load("f", "flows", "--set", "max_flows=1")
        collector = self.collector("tcp")
        exporter = self.start_export(collector.to, "--idle", 0, "--template-refresh", "1ms")

        def told(name):
            return [record[name] for stream in collector.streams.values()
                    for record in stream.options if name in record][-1:]
        self.receive(*[frames.ipv4(frames.udp(port, 53), frames.UDP) for port in range(1, 41)])
        self.eventually(collector.records, "a flow is there")
        told_packets = lambda: sum(r["packetDeltaCount"] for r in collector.records())
        self.eventually(lambda: told("droppedPacketTotalCount") == [40 - told_packets()],
                        "what found no place is reported")
        self.receive(bytes(12) + b"\x88\xb5" + bytes(46))  # no IP, and no flow beside it
        self.eventually(lambda: told("ignoredPacketTotalCount") == [1], "what is no IP is reported")
        flows = len(collector.records())
        self.receive(UDP)
        self.eventually(lambda: told("exportedFlowRecordTotalCount") == [flows],
                        "how many flows went before")
        self.finish(exporter)

    def test_options_are_few(self):
        self.load("f", "flows")
        for kind, refresh, least, most in (("udp", "60s", 2, 2), ("tcp", "60s", 2, 2),
                                           ("udp", "1ms", 4, 8), ("tcp", "1ms", 4, 8)):
            collector = self.collector(kind)
            exporter = self.start_export(collector.to, "--idle", 0, "--template-refresh", refresh)
            for index in range(3):
                self.receive(*[frames.ipv4(frames.udp(port, 53), frames.UDP)
                               for port in range(1000, 1100)])
                self.eventually(lambda: len(collector.records()) == 100 * (index + 1), "all came")
            self.finish(exporter)
            (stream,) = collector.streams.values()
            # In front of windows, of which there may be more than three, and at the end.
            self.eventually(lambda: len(stream.options) >= 4 * least, "all options are there")
            self.assertLessEqual(len(stream.options), 4 * most)
            self.assertEqual(stream.options_templates, 4 if kind == "tcp" else len(stream.options))


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
                        "every packet arrives")
        reasons = [record["flowEndReason"] for record in collector.records()]
        self.assertEqual(reasons[:3], [2, 2, 2])
        self.assertLessEqual(set(reasons[3:]), {2, 4})
        times = [(r["flowStartMilliseconds"], r["flowEndMilliseconds"])
                 for r in collector.records()]
        for (_, end), (start, _) in zip(times, times[1:]):
            self.assertLessEqual(end, start)

    def test_the_numbers_of_windows_go_on_from_run_to_run(self):
        self.load("f", "flows")
        collector = self.collector("tcp")
        said = [self.export(["--to", collector.to], "--idle", 0, "--count", 2).err
                for _ in range(2)]
        for number in range(4):
            self.assertIn(f"window {number + 1} (iteration {number}): ", said[number // 2])

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


if __name__ == "__main__":
    harness.main()
