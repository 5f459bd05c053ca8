#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Captures replayed over a veth pair: what `ddos` and `flows` say of every packet is what tshark says
of the same file."""
import ipaddress
import json
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

import frames
import harness
import lucid
import tshark
import wire

CAPTURES = pathlib.Path(__file__).resolve().parent / "captures"
FLAGS = {name: 1 << bit for bit, name in
         enumerate(("FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"))}
APPS = ("none", "data", "dns", "ftp", "http", "ssdp", "ssl", "telnet", "ftp_data", "mdns",
        "quotes_tcp", "quotes_udp", "ftp_text", "http_unnamed", "http_data", "http_text", "http_json",
        "http_xml", "http_form", "http_multipart", "http_media", "http_png", "http_gif", "http_jpeg")
PROTOCOLS = {"TCP": 6, "UDP": 17, "ICMP": 1, "IPv6-ICMP": 58, "IPv4": 4, "IPv6": 41, "GRE": 47}
SESSION_PROTOCOLS = (6, 17, 1, 58)


def flag_bits(text):
    return sum(FLAGS[name] for name in text.split("|") if name)


def protocol_number(shown):
    return shown if isinstance(shown, int) else PROTOCOLS[shown]


def is_icmp(packet):
    return packet.protocol in (1, 58)


def session_of(packet):
    """The key of the packet's session as the probe has it, and whether it was sent by its daddr."""
    sport, dport = (0, 0) if is_icmp(packet) else (packet.sport, packet.dport)
    def rank(address, port):
        return int(ipaddress.ip_address(address)), port
    reverse = rank(packet.source, sport) > rank(packet.to, dport)
    ends = [(packet.source, sport), (packet.to, dport)]
    if reverse:
        ends.reverse()
    return (ends[0][0], ends[1][0], ends[0][1], ends[1][1], packet.protocol, packet.version,
            packet.vlan), reverse


class ReplayCase(harness.Case):
    def replay(self, capture, *options):
        """Every frame of the capture comes in at blue0, in order; returns what tshark says of them."""
        path = CAPTURES / capture
        before = self.received()
        with wire.on_cpu(0):
            self.red.run("tcpreplay", "--quiet", "--intf1=red0", "--pps=20000", *options, str(path))
        packets = tshark.packets(path)
        self.eventually(lambda: self.received() - before >= len(packets), "all frames have come")
        with wire.on_cpu(0):  # and have been through the hook
            self.wire.settle(frames.plain(60))
        return packets

    def received(self):
        return json.loads(self.blue.ip("-j", "-s", "link", "show", "dev", "blue0"))[0]["stats64"]["rx"]["packets"]


class SessionsTest(ReplayCase):
    """ddos"""

    def expected(self, packets):
        """What the probe has to say of each packet of a session, in the order they were sent."""
        found = []
        for packet in packets:
            if packet is None or packet.protocol not in SESSION_PROTOCOLS:
                continue
            key, reverse = session_of(packet)
            found.append({
                "id": key, "length": packet.length, "tcpLen": packet.tcp_len,
                "tcpAck": packet.tcp_ack, "ipFlagsFrag": packet.flags, "tcpWin": packet.window,
                "udpSize": max(packet.udp_length - 8, 0), "segments": 1,
                "tcpFlags": packet.tcp_flags, "icmpType": packet.icmp_type, "reverse": int(reverse),
                "direction": 0, "app": packet.app})
        return found

    def captured(self, document):
        found = []
        for entry in self.value(document, "packets_buffer_ddos"):
            entry = dict(entry)
            key = entry.pop("id")
            stamp = entry.pop("timestamp")
            self.stamps.append(stamp)
            found.append({**entry, "id": (key["saddr"], key["daddr"], key["sport"], key["dport"],
                                          protocol_number(key["proto"]), key["ip_version"],
                                          key["vlan"]),
                          "tcpFlags": flag_bits(entry["tcpFlags"]), "app": APPS[entry["app"]]})
        return found

    def check(self, capture, *options):
        self.stamps = []
        self.load("d", "ddos", "--set", "n_session=1000", "--set", "n_packet_per_session=200",
                  *options)
        began = time.time()
        packets = self.replay(capture)
        document = self.window("d")
        expected, captured = self.expected(packets), self.captured(document)
        for number, (wanted, got) in enumerate(zip(expected, captured)):
            self.assertEqual(got, wanted, f"packet {number} of the sessions in {capture}")
        self.assertEqual(len(captured), len(expected))
        self.assertEqual(self.stamps, sorted(self.stamps))
        for stamp in self.stamps[:1] + self.stamps[-1:]:
            self.assertLessEqual(abs(harness.seconds(stamp) - began), 30)
        return packets, document

    def check_sessions(self, document, packets):
        counts = {}
        for packet in packets:
            key, _ = session_of(packet)
            counts[key] = counts.get(key, 0) + 1
        found = {}
        for entry in self.value(document, "sessions_tracked_ddos"):
            key = entry["key"]
            found[(key["saddr"], key["daddr"], key["sport"], key["dport"],
                   protocol_number(key["proto"]), key["ip_version"],
                   key["vlan"])] = entry["value"]["n_packets"]
        self.assertEqual(found, counts)

    def missed(self, document):
        return {name: count for name, count in self.value(document, "ddos_missed")[0].items()
                if count}

    def test_every_feature_of_every_packet_of_many_sessions(self):
        packets, document = self.check("sessions.pcap")
        self.assertGreater(len(packets), 1000)
        self.check_sessions(document, packets)
        self.assertEqual(self.missed(document), {"not_ip": 1})  # the frame that ends the replay

    def test_the_same_under_xdp(self):
        packets, document = self.check("sessions.pcap", "--hook", "xdp")
        self.check_sessions(document, packets)

    def test_options_extension_headers_fragments_and_every_flag(self):
        packets, document = self.check("headers.pcap")
        self.check_sessions(document, packets)
        self.assertEqual(self.missed(document), {"not_ip": 1})

    def check_apps(self, capture, apps):
        for hook in ("tc", "xdp"):
            packets, document = self.check(capture, "--hook", hook)
            self.check_sessions(document, packets)
            found = {entry["app"] for entry in self.value(document, "packets_buffer_ddos")}
            self.assertEqual({APPS[app] for app in found}, apps)
            self.dynmon("unload", "d")

    def test_payloads_that_are_told_by_their_first_bytes(self):
        self.check_apps("payloads.pcap", {"none", "data", "http", "ssl", "ftp_data", "ftp_text"})

    def test_bodies_of_http_that_are_told_by_their_heads(self):
        self.check_apps("http.pcap", {"http"} | {name for name in APPS if name.startswith("http_")})

    def test_the_other_implementation_of_lucid_says_the_same_of_http(self):
        packets = tshark.packets(CAPTURES / "http.pcap")
        for packet, frame in zip(packets, tshark.frames(CAPTURES / "http.pcap"), strict=True):
            if packet.version == 4:
                _, features = lucid.parse(frame)
                self.assertEqual(features[3] & lucid.protocol_number(["http", "data"]),
                                 lucid.protocol_number(packet.words & {"http", "data"}), frame)
                self.assertEqual(features[1], lucid.layer_number(packet.highest.upper()), frame)

    def test_tunnels_are_counted_and_those_over_udp_are_sessions_of_udp(self):
        _, document = self.check("tunnels.pcap")
        self.assertEqual(self.missed(document), {"tunnel": 4, "not_ip": 1})


class FlowsTest(ReplayCase):
    """flows"""

    def expected(self, packets):
        flows = {}
        for packet in packets:
            if packet is None:
                continue
            dport = packet.icmp_type * 256 + packet.icmp_code if is_icmp(packet) else packet.dport
            key = (packet.source, packet.to, packet.sport, dport, packet.protocol, packet.version,
                   packet.vlan)
            flow = flows.setdefault(key, {"packets": 0, "bytes": 0, "tcp_flags": 0})
            flow["packets"] += 1
            flow["bytes"] += packet.length
            flow["tcp_flags"] |= packet.tcp_flags
            flow["tos"] = packet.tos
        return flows

    def counted(self, document):
        flows = {}
        for entry in self.value(document, "flows"):
            key, value = entry["key"], entry["value"]
            self.assertEqual(value["wire_packets"], value["packets"])
            name = (key["saddr"], key["daddr"], key["sport"], key["dport"],
                    protocol_number(key["proto"]), key["ip_version"], key["vlan"])
            self.assertNotIn(name, flows)
            flows[name] = {"packets": value["packets"], "bytes": value["bytes"],
                           "tcp_flags": flag_bits(value["tcp_flags"]), "tos": value["tos"]}
        return flows

    def check(self, capture, *options):
        self.load("f", "flows", *options)
        packets = self.replay(capture)
        document = self.window("f")
        expected, counted = self.expected(packets), self.counted(document)
        self.assertEqual(counted.keys(), expected.keys())
        for key, flow in expected.items():
            self.assertEqual(counted[key], flow, key)
        self.assertEqual(sum(flow["packets"] for flow in counted.values()), len(packets))

    def test_every_flow_of_many_sessions(self):
        self.check("sessions.pcap")

    def test_the_same_in_a_table_that_the_cpus_share(self):
        self.check("sessions.pcap", "--set", "table=hash")

    def test_the_same_under_xdp(self):
        self.check("sessions.pcap", "--hook", "xdp")

    def test_options_extension_headers_fragments_and_every_flag(self):
        self.check("headers.pcap")

    def test_tunnels_are_flows_of_their_outer_header(self):
        self.check("tunnels.pcap")


class StrangeTest(ReplayCase):
    """What tshark calls malformed, and what it leaves open, as make.py says."""

    def test_ddos_counts_what_is_no_session_by_its_reason(self):
        self.load("d", "ddos")
        self.assertEqual(len(self.replay("strange.pcap")), 10)
        document = self.window("d")
        self.assertEqual(self.value(document, "packets_buffer_ddos"), [])
        missed = {name: count for name, count in self.value(document, "ddos_missed")[0].items()
                  if count}
        self.assertEqual(missed, {"not_ip": 3, "malformed": 6, "other_protocol": 2})

    def test_flows_counts_what_is_in_no_flow(self):
        self.load("f", "flows")
        self.replay("strange.pcap")
        document = self.window("f")
        missed = self.value(document, "flows_missed")[0]
        self.assertEqual((missed["not_ip"], missed["malformed"]), (3, 4))
        self.assertEqual(sum(entry["value"]["packets"] for entry in self.value(document, "flows")), 4)


if __name__ == "__main__":
    harness.main()
