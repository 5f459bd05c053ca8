#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The probe ddos: packets of sessions, one by one, from frames on the wire to what is printed."""
import os
import struct
import unittest

import frames
import harness
import talk
import wire
from frames import ACK, PSH, SYN
from harness import USAGE

RED, BLUE = "10.0.0.1", "10.0.0.2"


def to_blue(source, size=0, flags=ACK):
    return frames.ipv4(frames.tcp(source, 443, flags, b"x" * size), frames.TCP)


def to_red(destination, size=0, flags=ACK):
    return frames.ipv4(frames.tcp(443, destination, flags, b"x" * size), frames.TCP, source=BLUE,
                       to=RED)


class DdosCase(harness.Case):
    def packets(self, document):
        """The metrics of both paths are one queue, which the first of them shows."""
        self.assertEqual(self.value(document, "packets_buffer_ddos", "egress"), [])
        return self.value(document, "packets_buffer_ddos")

    def sessions(self, document):
        """{port of the client: value}"""
        found = {entry["key"]["sport"]: entry["value"]
                 for entry in self.value(document, "sessions_tracked_ddos")}
        self.assertEqual(len(found), len(self.value(document, "sessions_tracked_ddos")))
        return found

    def missed(self, document, direction="ingress"):
        """What is not 0."""
        counters = self.value(document, "ddos_missed", direction)[0]
        return {name: count for name, count in counters.items() if count}


class FeaturesTest(DdosCase):
    SENT = [
        (to_blue(40000, flags=SYN),
         {"length": 40, "tcpFlags": "SYN", "tcpWin": 1024}),
        (to_blue(40000, 100, PSH | ACK),
         {"length": 140, "tcpLen": 100, "tcpFlags": "PSH|ACK", "tcpWin": 1024, "app": 1}),
        (frames.ipv4(frames.udp(5000, 53, b"q" * 300), frames.UDP),
         {"length": 328, "udpSize": 300, "app": 2}),
        (frames.ipv4(frames.icmp(8), frames.ICMP), {"length": 28, "icmpType": 8}),
        (frames.ipv6(frames.tcp(40000, 80, ACK, b"GET / HTTP/1.1"), frames.TCP),
         {"length": 74, "tcpLen": 14, "tcpFlags": "ACK", "tcpWin": 1024, "app": 4}),
        (frames.ipv4(frames.udp(1900, 1900, b"NOTIFY * HTTP/1.1"), frames.UDP, vlan=7),
         {"length": 45, "udpSize": 17, "app": 5}),
    ]
    ZERO = {"length": 0, "tcpLen": 0, "tcpAck": 0, "ipFlagsFrag": 0, "tcpWin": 0, "udpSize": 0,
            "segments": 1, "tcpFlags": "", "icmpType": 0, "reverse": 0, "direction": 0, "app": 0}

    def check(self, *options):
        self.load("d", "ddos", *options)
        self.receive(*[frame for frame, _ in self.SENT])
        self.transmit(to_red(40000, 5, SYN | ACK))
        document = self.window("d")
        packets = self.packets(document)
        ids = [packet.pop("id") for packet in packets]
        times = [packet.pop("timestamp") for packet in packets]
        self.assertEqual(times, sorted(times))
        answer = {"length": 45, "tcpLen": 5, "tcpFlags": "SYN|ACK", "tcpWin": 1024, "app": 1,
                  "reverse": 1, "direction": 1}
        self.assertEqual(packets, [{**self.ZERO, **features} for _, features in self.SENT] +
                         [{**self.ZERO, **answer}])
        self.assertEqual(ids[0], {"saddr": RED, "daddr": BLUE, "sport": 40000, "dport": 443,
                                  "proto": "TCP", "ip_version": 4, "vlan": 0})
        self.assertEqual(ids[-1], ids[0])
        self.assertEqual(ids[4], {"saddr": "fd00::1", "daddr": "fd00::2", "sport": 40000,
                                  "dport": 80, "proto": "TCP", "ip_version": 6, "vlan": 0})
        self.assertEqual(ids[5]["vlan"], 7)
        self.assertEqual(self.missed(document), {})

    def test_of_packets_both_ways_through_tc(self):
        self.check()

    def test_of_packets_both_ways_through_xdp(self):
        self.check("--hook", "xdp")

    def test_that_are_switched_off_read_0(self):
        self.load("d", "ddos", "--set", "with_timestamp=false", "--set", "with_app=0", "--set",
                  "with_tcp_len=false")
        self.receive(to_blue(40000, 100, PSH | ACK))
        [packet] = self.packets(self.window("d"))
        self.assertEqual((packet["timestamp"], packet["app"], packet["tcpLen"]), (None, 0, 0))
        self.assertEqual((packet["length"], packet["tcpFlags"]), (140, "PSH|ACK"))


class SessionsTest(DdosCase):
    def test_know_their_server_and_all_their_packets(self):
        self.load("d", "ddos", "--set", "n_packet_per_session=2")
        self.receive(to_blue(40000, flags=SYN), *[to_blue(40000)] * 2)
        self.transmit(*[to_red(40000)] * 3)
        document = self.window("d")
        self.assertEqual(self.sessions(document), {40000: {
            "server_ip": BLUE, "server_port": 443, "method": 1, "server_ip_version": 4,
            "n_captured": 2, "n_packets": 6, "lock": "bpf_spin_lock"}})
        self.assertEqual(len(self.packets(document)), 2)
        self.assertEqual(self.missed(document), {"limit": 1})
        self.assertEqual(self.missed(document, "egress"), {"limit": 3})

    def test_limits_are_parameters_and_hold_for_each_window(self):
        self.load("d", "ddos", "--set", "n_session=2", "--set", "n_packet_per_session=3")
        for _ in range(3):
            self.receive(*[to_blue(port) for port in (1, 2, 3) for _ in range(5)])
            document = self.window("d")
            self.assertEqual([packet["id"]["sport"] for packet in self.packets(document)],
                             [1, 1, 1, 2, 2, 2])
            self.assertEqual({port: value["n_packets"]
                              for port, value in self.sessions(document).items()}, {1: 5, 2: 5})
            self.assertEqual(self.missed(document), {"limit": 4, "map_full": 5})

    def test_limits_that_cannot_be_are_refused(self):
        for name in ("n_session", "n_packet_per_session"):
            error = self.refused(USAGE, "load", "d", "ddos", "--dev", "blue0", "--netns", "blue",
                                 "--set", f"{name}=0")
            self.assertIn(name, error["message"])

    @unittest.skipIf(len(os.sched_getaffinity(0)) < 2, "one CPU")
    def test_the_limit_holds_when_both_directions_meet_on_two_cpus(self):
        self.load("d", "ddos", "--set", "n_packet_per_session=10k")
        self.transmit(*[to_red(1)] * 9000)
        with self.traffic(to_blue(1)) as sent, wire.on_cpu(max(os.sched_getaffinity(0))):
            self.transmit(*[to_red(1)] * 5000)
        document = self.window("d")
        packets = self.packets(document)
        self.assertEqual(len(packets), 10_000)
        self.assertEqual({packet["direction"] for packet in packets}, {0, 1})
        self.assertEqual(self.sessions(document)[1]["n_packets"], sent[0] + 14_000)
        self.assertEqual(self.missed(document).get("limit", 0) +
                         self.missed(document, "egress").get("limit", 0), sent[0] + 4000)

    def test_nothing_is_lost_between_windows(self):
        self.load("d", "ddos", "--set", "n_session=4", "--set", "n_packet_per_session=10k")
        captured = counted = 0
        with self.traffic(to_blue(1), pause=0.0001) as sent:
            for _ in range(20):
                document = self.window("d")
                captured += len(self.packets(document))
                counted += sum(value["n_packets"] for value in self.sessions(document).values())
                self.assertEqual(self.missed(document), {})
        document = self.window("d")
        captured += len(self.packets(document))
        counted += sum(value["n_packets"] for value in self.sessions(document).values())
        self.assertEqual((captured, counted), (sent[0], sent[0]))


class RealTrafficTest(DdosCase):
    def test_every_byte_of_a_tcp_connection_is_in_its_records(self):
        self.load("d", "ddos", "--set", "n_packet_per_session=10k")
        request = b"GET / HTTP/1.1\r\n\r\n"
        answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + b"d" * 100_000
        talk.exchange(self.red, self.blue, request, answer)
        document = self.window("d")
        [(port, session)] = self.sessions(document).items()
        self.assertEqual((port, session["server_ip"], session["server_port"], session["method"]),
                         (6000, BLUE, 5000, 1))
        packets = self.packets(document)
        self.assertEqual(session["n_packets"], len(packets))
        self.assertEqual([packet["direction"] for packet in packets],
                         [packet["reverse"] for packet in packets])  # blue sends what daddr sends
        for reverse, flags, data, app in ((0, "SYN", request, 4), (1, "SYN|ACK", answer, 15)):
            way = [packet for packet in packets if packet["reverse"] == reverse]
            self.assertEqual(way[0]["tcpFlags"], flags)
            self.assertEqual(sum(packet["tcpLen"] for packet in way), len(data))
            loaded = [packet for packet in way if packet["tcpLen"]]
            self.assertEqual([packet["app"] for packet in loaded], [app] + [1] * (len(loaded) - 1))
            self.assertEqual({packet["app"] for packet in way if not packet["tcpLen"]}, {0})
            # 1448 bytes of data go into a packet, and GSO makes packets of what the hook sees.
            self.assertGreaterEqual(sum(packet["segments"] for packet in loaded),
                                    -(-len(data) // 1448))
        self.assertGreater(max(packet["segments"] for packet in packets), 1)


class MissedTest(DdosCase):
    def test_counters_are_openmetrics_and_only_grow(self):
        self.load("d", "ddos", "--set", "n_packet_per_session=1")
        tunnel = frames.ipv4(frames.ipv4(b"", frames.UDP)[14:], 4)
        fragment = frames.ipv4(bytes(16), frames.UDP)
        fragment = fragment[:20] + struct.pack("!H", 3) + fragment[22:]
        self.receive(frames.plain(60), tunnel, frames.ipv4(bytes(12), 132), *[to_blue(1)] * 3,
                     fragment)
        for _ in range(2):
            text = self.dynmon("read", "d", "--format", "openmetrics").out
            lines = [line for line in text.splitlines() if 'direction="ingress"' in line]
            found = {line.partition("{")[0]: float(line.split()[-1]) for line in lines}
            expected = {"not_ip": 1, "tunnel": 1, "other_protocol": 1, "limit": 2, "malformed": 0,
                        "fragment": 0, "map_full": 0, "queue_full": 0}
            self.assertEqual({name: value for name, value in found.items()
                              if name.endswith("_total")},
                             {f"dynmon_ddos_missed_{why}_total": count
                              for why, count in expected.items()}
                             | {"dynmon_ddos_estimated_total": 0})

    def test_fragments_may_be_left_out(self):
        fragment = frames.ipv4(bytes(16), frames.UDP)
        fragment = fragment[:20] + struct.pack("!H", 3) + fragment[22:]
        for setting, captured, missed in (("true", [3], {}), ("false", [], {"fragment": 1})):
            self.load("d", "ddos", "--set", f"fragments={setting}")
            self.receive(fragment)
            document = self.window("d")
            self.assertEqual([packet["ipFlagsFrag"] for packet in self.packets(document)], captured)
            self.assertEqual(self.missed(document), missed)
            self.dynmon("unload", "d")


if __name__ == "__main__":
    harness.main()
