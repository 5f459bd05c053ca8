#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The flow table: every field of known packets, on every kind of hook and in both directions."""
import os
import socket
import time

import frames
import harness
import wire
from frames import ACK, FIN, PSH, SYN

RED, BLUE = "10.0.0.1", "10.0.0.2"


class FlowsCase(harness.Case):
    def flows(self, document, direction="ingress"):
        """{what tells the flow apart: value without times}; the times are checked."""
        found = {}
        for entry in self.value(document, "flows", direction):
            key, value = entry["key"], dict(entry["value"])
            first, last = harness.seconds(value.pop("first")), harness.seconds(value.pop("last"))
            self.assertLessEqual(first, last)
            self.assertLess(abs(time.time() - last), 60)
            name = (key["saddr"], key["sport"], key["daddr"], key["dport"], key["proto"],
                    key["vlan"])
            self.assertEqual(key["ip_version"], 6 if ":" in key["saddr"] else 4)
            self.assertNotIn(name, found)
            found[name] = value
        return found

    def missed(self, document, direction="ingress"):
        return self.value(document, "flows_missed", direction)[0]


def flow(packets, size, flags="", tos=0):
    return {"packets": packets, "wire_packets": packets, "bytes": packets * size,
            "tcp_flags": flags, "tos": tos, "closed": "FIN" in flags, "flows": 1}


class FieldsTest(FlowsCase):
    # What is sent, and the one flow that it has to become; bytes are those of IP.
    CASES = [
        ([frames.ipv4(frames.udp(1234, 53, b"x" * 10), frames.UDP)] * 3,
         (RED, 1234, BLUE, 53, "UDP", 0), flow(3, 38)),
        ([frames.ipv4(frames.tcp(40000, 443, SYN), frames.TCP),
          frames.ipv4(frames.tcp(40000, 443, PSH | ACK), frames.TCP)],
         (RED, 40000, BLUE, 443, "TCP", 0), flow(2, 40, "SYN|PSH|ACK")),
        ([frames.ipv4(frames.tcp(40001, 443, FIN), frames.TCP, tos=0xb8)],
         (RED, 40001, BLUE, 443, "TCP", 0), flow(1, 40, "FIN", 0xb8)),
        ([frames.ipv4(frames.icmp(8), frames.ICMP)] * 2,
         (RED, 0, BLUE, 8 * 256, "ICMP", 0), flow(2, 28)),
        ([frames.ipv4(frames.icmp(3, 1), frames.ICMP)],
         (RED, 0, BLUE, 3 * 256 + 1, "ICMP", 0), flow(1, 28)),
        ([frames.ipv6(frames.udp(5353, 5353, b"y" * 100), frames.UDP)] * 4,
         ("fd00::1", 5353, "fd00::2", 5353, "UDP", 0), flow(4, 148)),
        ([frames.ipv6(frames.tcp(50000, 22, SYN), frames.TCP, tos=0x20)],
         ("fd00::1", 50000, "fd00::2", 22, "TCP", 0), flow(1, 60, "SYN", 0x20)),
        ([frames.ipv6(frames.icmp(128), frames.ICMPV6)],
         ("fd00::1", 0, "fd00::2", 128 * 256, "IPv6-ICMP", 0), flow(1, 48)),
        ([frames.ipv4(frames.udp(1, 2), frames.UDP, vlan=100)] * 5,
         (RED, 1, BLUE, 2, "UDP", 100), flow(5, 28)),
        ([frames.ipv4(frames.udp(1, 2), frames.UDP, vlan=200)],
         (RED, 1, BLUE, 2, "UDP", 200), flow(1, 28)),
        ([frames.ipv6(frames.udp(1, 2), frames.UDP, vlan=100)] * 2,
         ("fd00::1", 1, "fd00::2", 2, "UDP", 100), flow(2, 48)),
    ]
    SENT = [frame for sent, _, _ in CASES for frame in sent]
    EXPECTED = {key: value for _, key, value in CASES}
    NOT_IP = [frames.plain(60)] * 2 + [frames.ethernet(bytes(28), frames.ARP)]
    # Announces 100 bytes of IP, of which 20 are there.
    MALFORMED = [frames.ethernet(b"\x45\0\0\x64" + bytes(16), frames.IPV4)]

    def check(self, direction, send, *options):
        self.load("f", "flows", *options)
        send(*self.SENT, *self.NOT_IP, *self.MALFORMED)
        document = self.window("f")
        self.assertEqual(self.flows(document, direction), self.EXPECTED)
        self.assertEqual(self.missed(document, direction),
                         {"table_full": 0, "not_ip": 3, "malformed": 1, "estimated": 0})
        other = "egress" if direction == "ingress" else "ingress"
        self.assertEqual(self.flows(document, other), {})
        self.assertEqual(self.missed(document, other),
                         {"table_full": 0, "not_ip": 0, "malformed": 0, "estimated": 0})

    @harness.NEEDS_TCX
    def test_every_field_of_what_comes_in_over_tcx(self):
        self.check("ingress", self.receive)

    @harness.NEEDS_TCX
    def test_every_field_of_what_goes_out_over_tcx(self):
        self.check("egress", self.transmit)

    def test_every_field_of_what_comes_in_over_clsact(self):
        self.check("ingress", self.receive, "--tc", "clsact")

    def test_every_field_of_what_goes_out_over_clsact(self):
        self.check("egress", self.transmit, "--tc", "clsact")

    def test_every_field_of_what_comes_in_over_native_xdp(self):
        self.check("ingress", self.receive, "--hook", "xdp")

    def test_every_field_of_what_comes_in_over_generic_xdp(self):
        self.check("ingress", self.receive, "--hook", "xdp", "--mode", "generic")


class ParametersTest(FlowsCase):
    def test_without_ports_a_flow_is_addresses_and_protocol(self):
        loaded = self.load("f", "flows", "--set", "track_ports=0")
        self.assertEqual(loaded["parameters"], {
            "idle_timeout": "15s", "max_flows": "16384", "sample": "1", "table": "percpu_hash",
            "track_ports": "0"})
        self.receive(*[frames.ipv4(frames.udp(port, 53), frames.UDP) for port in range(1000, 1020)])
        self.assertEqual(self.flows(self.window("f")), {(RED, 0, BLUE, 0, "UDP", 0): flow(20, 28)})

    def test_sampling_looks_at_some_packets_only(self):
        self.load("f", "flows", "--set", "sample=10")
        self.receive(*[frames.ipv4(frames.udp(1, 2), frames.UDP)] * 2000)
        seen = self.flows(self.window("f"))[(RED, 1, BLUE, 2, "UDP", 0)]["packets"]
        # 200 on average; nine standard deviations (13) make an accident impossible.
        self.assertTrue(80 <= seen <= 320, seen)

    def test_every_kind_of_table_counts_the_same(self):
        for table in ("percpu_hash", "hash", "lru_percpu_hash", "lru_hash"):
            with self.subTest(table):
                self.load("f", "flows", "--set", f"table={table}")
                self.receive(*FieldsTest.SENT)
                self.assertEqual(self.flows(self.window("f")), FieldsTest.EXPECTED)
                self.dynmon("unload", "f")

    def test_a_table_holds_as_many_flows_as_it_is_told(self):
        self.load("f", "flows", "--set", "max_flows=10")
        self.receive(*[frames.ipv4(frames.udp(port, 53), frames.UDP) for port in range(1, 31)])
        document = self.window("f")
        self.assertEqual(len(self.flows(document)), 10)
        self.assertEqual(sum(cpu["table_full"] for cpu in self.value(document, "flows_missed")), 20)

    def test_a_silence_longer_than_the_idle_timeout_counts_one_more_use_of_the_key(self):
        self.load("f", "flows", "--set", "idle_timeout=200ms")
        frame = frames.ipv4(frames.udp(1, 2), frames.UDP)
        name = (RED, 1, BLUE, 2, "UDP", 0)
        cpu = min(os.sched_getaffinity(0))
        with wire.on_cpu(cpu):
            self.receive(frame)
        before = self.flows(self.window("f", "--peek"))[name]
        self.assertEqual((before["packets"], before["flows"]), (1, 1))
        silence = time.monotonic() + 0.4
        self.eventually(lambda: time.monotonic() > silence, "the silence is over")
        with wire.on_cpu(cpu):
            self.receive(frame)
        after = self.flows(self.window("f"))[name]
        self.assertEqual((after["packets"], after["flows"]), (2, 2))

    def test_a_connection_that_is_opened_again_counts_one_more_use_of_the_key(self):
        self.load("f", "flows", "--set", "idle_timeout=0")
        with wire.on_cpu(min(os.sched_getaffinity(0))):
            self.receive(*[frames.ipv4(frames.tcp(40000, 443, flags), frames.TCP)
                           for flags in (SYN, ACK, FIN | ACK, ACK, SYN, SYN, ACK)])
        found = self.flows(self.window("f"))[(RED, 40000, BLUE, 443, "TCP", 0)]
        self.assertEqual((found["packets"], found["flows"], found["closed"]), (7, 2, False))


class RealTrafficTest(FlowsCase):
    def test_a_tcp_connection_of_two_kernels_is_two_flows_with_all_its_bytes(self):
        self.load("f", "flows")
        server = self.blue.socket()
        server.bind((BLUE, 5000))
        server.listen(1)
        client = self.red.socket()
        client.bind((RED, 6000))
        client.connect((BLUE, 5000))
        served, _ = server.accept()
        data = b"d" * 300_000
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        got = 0
        while chunk := served.recv(65536):
            got += len(chunk)
        served.close()
        self.assertEqual(client.recv(1), b"")  # both directions are closed
        client.close()
        server.close()
        self.assertEqual(got, len(data))
        document = self.window("f")
        sent = self.flows(document)[(RED, 6000, BLUE, 5000, "TCP", 0)]
        back = self.flows(document, "egress")[(BLUE, 5000, RED, 6000, "TCP", 0)]
        for flags in (sent["tcp_flags"], back["tcp_flags"]):
            self.assertEqual(set(flags.split("|")) - {"PSH"}, {"FIN", "SYN", "ACK"})
        # Super-packets of GSO count as the packets they become: 1448 bytes of data each.
        self.assertGreaterEqual(sent["wire_packets"], 300_000 // 1448)
        self.assertLess(sent["packets"], sent["wire_packets"])
        headers = sent["bytes"] - len(data)
        self.assertGreaterEqual(headers, 52 * (sent["wire_packets"] - 2))
        self.assertLessEqual(headers, 60 * sent["wire_packets"])


if __name__ == "__main__":
    harness.main()
