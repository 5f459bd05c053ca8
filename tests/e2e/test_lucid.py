#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The samples of `export --profile lucid`, held against another implementation of LUCID's
preprocessing that sees the same frames."""
import json
import time

import numpy

import exported
import frames
import harness
import lucid
from exported import back, tcp, udp
from frames import ACK, FIN, SYN


def unfragmented(frame):
    """A frame of IPv4, not to be fragmented; nothing looks at the check sum."""
    return frame[:20] + b"\x40\0" + frame[22:]


class LucidTest(exported.ExportCase):
    PROFILE = "lucid"
    DNS = bytes.fromhex("123401000001000000000000037777770765786d61706c6503636f6d0000010001")

    BODIES = [(b"Content-Type: " + kind + b"\r\n\r\n", body) for kind, body in (
        (b"text/html", b"<p>hello</p>"), (b"application/json", b"{}"), (b"application/json", b"{"),
        (b"text/xml", b"<a/>"), (b"application/x-www-form-urlencoded", b"a=b"),
        (b"application/octet-stream", b"bytes"), (b"multipart/form-data; boundary=x", b"--x"),
        (b"image/webp", b"RIFF"), (b"image/gif", b"GIF89a" + bytes(20)),
        (b"image/png", b"\x89PNG\r\n\x1a\n" + bytes(20)),
        (b"image/jpeg", b"\xff\xd8\xff\xe0\0\x10JFIF" + bytes(20)))] + [(b"\r\n", b"untyped")]

    def traffic_of_all_kinds(self):
        """[(direction, frame), …]"""
        web = tcp(5000, 80, SYN, window=64240), tcp(80, 5000, SYN | ACK, ack=1, **back())
        received = [
            tcp(5000, 80, ACK, b"GET / HTTP/1.1\r\n\r\n", ack=7),
            tcp(5001, 443, ACK, bytes([22, 3, 1, 0, 4, 1, 0, 0, 0]), ack=4_294_967_295),
            tcp(5002, 9999, ACK, b"something else", window=65535),
            tcp(5003, 21, ACK, b"USER me\r\n"), tcp(5004, 23, ACK, b"login"),
            tcp(5005, 9999, FIN | ACK, b"ab"),
            udp(5006, 53, self.DNS), udp(5007, 1900, b"M-SEARCH * HTTP/1.1\r\n\r\n"),
            tcp(5012, 20, ACK, bytes(20)), udp(5353, 5353, self.DNS),
            tcp(5016, 20, ACK, b"a file of lines\r\n"), tcp(5017, 443, ACK, bytes(range(128, 140))),
            tcp(5018, 443, ACK, b"plain text"), tcp(5019, 443, ACK, b"ab"),
            tcp(5020, 9999, ACK, bytes([23, 3, 5, 0, 1, 0])), tcp(5021, 9999, ACK, b"POSTED"),
            tcp(5022, 80, ACK, bytes([23, 3, 3, 0, 1, 0])),
            tcp(5013, 80, ACK, b"the middle of a page"),
            *(frames.ipv4(frames.icmp(11, 0, quoted[14:]), frames.ICMP, source="10.0.0.8")
              for quoted in (udp(5014, 53, self.DNS), tcp(5015, 80, ACK))),
            *(tcp(5030 + number, 80, ACK, b"POST / HTTP/1.1\r\nContent-Length: 9\r\n" + head + body)
              for number, (head, body) in enumerate(self.BODIES)),
            udp(5008, 9999, bytes(500)), udp(5009, 9999), udp(5010, 53, vlan=7),
            frames.ipv4(frames.icmp(8), frames.ICMP), unfragmented(udp(5011, 53, self.DNS)),
            frames.ipv4(frames.icmp(3, 1, bytes(28)), frames.ICMP, source="10.0.0.7"),
            udp(1, 53, self.DNS, source="fd00::1", to="fd00::2"), frames.plain(60)]
        sent = [tcp(80, 5000, ACK, b"HTTP/1.1 200 OK\r\n\r\n", ack=20, **back()),
                udp(53, 5006, self.DNS, **back()), udp(9999, 5008, b"x", **back()),
                tcp(443, 6000, ACK, bytes([23, 3, 3, 0, 1, 0]), source="10.0.0.2", to="10.0.0.9")]
        many = [("in", udp(7000, 123, bytes(48)))] * 14
        return ([("in", web[0]), ("out", web[1])] + [("in", frame) for frame in received]
                + [("out", frame) for frame in sent] + many)

    def send(self, traffic):
        """Frame by frame; [(before, after, frame), …], the times around each in ns."""
        sent = []
        for direction, frame in traffic:
            before = time.time_ns()
            (self.receive if direction == "in" else self.transmit)(frame)
            sent.append((before, time.time_ns(), frame))
        return sent

    def sample(self, stem):
        array = numpy.load(self.out / f"{stem}.npy")
        beside = json.loads((self.out / f"{stem}.json").read_text())
        self.assertEqual(len(beside["flows"]), len(array))
        self.check_schema(beside)
        return array, beside

    def test_samples_are_those_of_lucid_itself(self):
        self.load("d", "ddos")
        for number, flags in enumerate(("word", "bits")):
            sent = self.send(self.traffic_of_all_kinds())
            self.export("d", "lucid", "--packets", "10", "--ip-flags", flags, interval="2s")
            array, beside = self.sample(f"2t-10n-d-iter{number}")
            self.check_sample(sent, flags == "bits", array, beside)

    def check_sample(self, sent, flags_only, array, beside):
        packets = [(before, *parsed) for before, _, frame in sent
                   if (parsed := lucid.parse(frame, flags_only))]
        ids, expected = lucid.samples(packets, 10, 2)
        names = {1: "ICMP", 6: "TCP", 17: "UDP"}
        self.assertEqual([flow["id"] for flow in beside["flows"]],
                         [[*flow[:4], names[flow[4]]] for flow in ids])
        self.assertEqual((array.shape, array.dtype), ((len(ids), 10, 11), numpy.float64))
        self.assertEqual(array[:, :, 1:].tobytes(), expected[:, :, 1:].tobytes())
        self.check_times(sent, array, beside)

    def check_times(self, sent, array, beside):
        """The probe's clock has seen each packet between the times around its sending; it is set to
        the host's when a monitor is loaded, so that it may be off by some microseconds."""
        slack = 10**6
        flows = {}
        for before, after, frame in sent:
            if parsed := lucid.parse(frame):
                source, sport, to, dport, _ = parsed[0]
                flows.setdefault(frozenset([(source, sport), (to, dport), parsed[0][4]]),
                                 []).append((before, after))
        self.assertEqual(len(flows), len(beside["flows"]))
        for flow, rows, times in zip(beside["flows"], array, flows.values()):
            self.assertEqual((flow["packets"], flow["seen"]), (min(10, len(times)), len(times)))
            for row, (before, after) in zip(rows, times):
                at = flow["first"] + row[0] * 2 * 10**9
                self.assertTrue(before - slack <= at <= after + slack, (before, at, after))

    def test_ipv6_flows_are_there_when_asked_for(self):
        self.load("d", "ddos")
        self.receive(udp(1, 53, self.DNS, source="fd00::1", to="fd00::2"), udp(2, 53, self.DNS))
        self.export("d", "lucid", "--ipv6", "--packets", "3", interval="500ms")
        array, beside = self.sample("0.5t-3n-d-iter0")
        self.assertEqual([flow["id"][0] for flow in beside["flows"]], ["fd00::1", "10.0.0.1"])
        ip_bit = 1 << lucid.WORDS.index("ip")
        protocols = (array[:, 0, 4] * 4096).round().astype(int)
        self.assertEqual(list(protocols & ip_bit), [0, ip_bit])

    def test_samples_of_more_packets_than_are_captured_are_refused(self):
        self.load("d", "ddos", "--set", "n_packet_per_session=5")
        error = self.refused(harness.USAGE, "export", "d", "--profile", "lucid", "--out", self.out,
                             "--packets", "6")
        self.assertIn("the probe captures 5 of each session", error["message"])
        self.assertIn("n_packet_per_session=6", error["hint"])
        self.export("d", "lucid", "--packets", "5")

    def test_a_window_without_flows_leaves_no_sample(self):
        self.load("d", "ddos")
        self.receive(udp(1, 53, self.DNS, source="fd00::1", to="fd00::2"))
        self.export("d", "lucid")
        self.assertEqual(self.files(), [])


if __name__ == "__main__":
    harness.main()
