#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The probe crypto: what sessions send each way, put together from all CPUs."""
import os
import time
import unittest

import frames
import harness
import talk
import wire
from frames import ACK, SYN

RED, BLUE = "10.0.0.1", "10.0.0.2"
SESSION = {"saddr": RED, "daddr": BLUE, "sport": 40000, "dport": 3333, "proto": "TCP",
           "ip_version": 4, "vlan": 0}


def to_blue(size=0, flags=ACK, source=40000):
    return frames.ipv4(frames.tcp(source, 3333, flags, b"x" * size), frames.TCP)


def to_red(size=0, flags=ACK):
    return frames.ipv4(frames.tcp(3333, 40000, flags, b"x" * size), frames.TCP, source=BLUE, to=RED)


class CryptoCase(harness.Case):
    def session(self, document):
        """The value of the only session, which both paths show; its times are checked."""
        [entry] = self.value(document, "sessions_tracked_crypto")
        self.assertEqual(self.value(document, "sessions_tracked_crypto", "egress"), [])
        self.assertEqual(entry["key"], SESSION)
        value = entry["value"]
        self.assertLessEqual(value["start_timestamp"], value["alive_timestamp"])
        window = document["window"]
        self.assertLess(window["from"], value["start_timestamp"])
        self.assertLess(value["alive_timestamp"], window["to"])
        return value

    def counts(self, value):
        return tuple(value[name] for name in ("n_packets", "n_bytes", "n_packets_reverse",
                                              "n_bytes_reverse"))

    def missed(self, document, direction="ingress"):
        counters = self.value(document, "crypto_missed", direction)[0]
        return {name: count for name, count in counters.items() if count}


class CryptoTest(CryptoCase):
    def check(self, *options):
        self.load("c", "crypto", *options)
        for _ in range(2):  # each window starts from nothing
            self.receive(to_blue(flags=SYN), to_blue(100))
            self.transmit(to_red(flags=SYN | ACK), to_red(1000), to_red(1000))
            self.receive(frames.ipv4(frames.icmp(8), frames.ICMP))
            document = self.window("c")
            value = self.session(document)
            self.assertEqual(self.counts(value), (2, 180, 3, 2120))
            self.assertEqual((value["server_ip"], value["server_port"], value["method"]),
                             (BLUE, 3333, 1))
            self.assertEqual(self.missed(document), {"other_protocol": 1})

    def test_sessions_count_both_ways_through_tc(self):
        self.check()

    def test_sessions_count_both_ways_through_xdp(self):
        self.check("--hook", "xdp", "--mode", "generic")

    def test_the_size_of_the_table_is_a_parameter(self):
        self.load("c", "crypto", "--set", "n_session=3")
        self.receive(*[to_blue(source=port) for port in range(1, 11)])
        document = self.window("c")
        self.assertEqual(sorted(entry["key"]["sport"] for entry in
                                self.value(document, "sessions_tracked_crypto")), [1, 2, 3])
        self.assertEqual(self.missed(document), {"map_full": 7})

    def test_a_connection_of_two_kernels_has_all_its_bytes(self):
        self.load("c", "crypto")
        request, answer = b"q" * 1000, b"a" * 100_000
        talk.exchange(self.red, self.blue, request, answer, blue_port=3333, red_port=40000)
        value = self.session(self.window("c"))
        self.assertEqual((value["server_ip"], value["server_port"], value["method"]),
                         (BLUE, 3333, 1))
        for way, data in (("", request), ("_reverse", answer)):
            packets, size = value[f"n_packets{way}"], value[f"n_bytes{way}"]
            self.assertGreater(packets, len(data) // 1448)
            headers = size - len(data)
            self.assertGreaterEqual(headers, 52 * packets)
            self.assertLessEqual(headers, 60 * packets)

    @unittest.skipIf(len(os.sched_getaffinity(0)) < 2, "one CPU")
    def test_what_several_cpus_saw_is_one_session(self):
        first, second = sorted(os.sched_getaffinity(0))[:2]
        self.load("c", "crypto")
        with wire.on_cpu(first):
            self.receive(to_blue(10, SYN))
        with wire.on_cpu(second):
            self.transmit(*[to_red(20)] * 2)
            self.receive(*[to_blue(30)] * 3)
        apart = self.dynmon("--json", "dump", "c/sessions_tracked_crypto", "--merge", "none").json()
        [entry] = self.metric(apart, "SESSIONS_TRACKED_CRYPTO")["value"]
        copies = entry["value"]
        self.assertEqual(sorted(copy["n_packets"] for copy in copies if copy["n_packets"]), [1, 3])
        self.assertEqual([copy["method"] for copy in copies if copy["method"]], [1])
        value = self.session(self.window("c"))
        self.assertEqual(self.counts(value), (4, 50 + 3 * 70, 2, 120))
        self.assertEqual((value["server_ip"], value["server_port"], value["method"]),
                         (BLUE, 3333, 1))
        times = [copy for copy in copies if copy["alive_timestamp"]]
        self.assertEqual(value["start_timestamp"], min(copy["start_timestamp"] for copy in times))
        self.assertEqual(value["alive_timestamp"], max(copy["alive_timestamp"] for copy in times))

    @unittest.skipIf(len(os.sched_getaffinity(0)) < 2, "one CPU")
    def test_a_syn_that_another_cpu_sees_corrects_the_guess_for_good(self):
        first, second = sorted(os.sched_getaffinity(0))[:2]
        self.load("c", "crypto")
        with wire.on_cpu(first):
            self.receive(to_blue(10))
        with wire.on_cpu(second):
            self.transmit(to_red(flags=SYN))
        for last in (False, True):  # no packet of the second window says which is the server
            value = self.session(self.window("c"))
            self.assertEqual((value["server_ip"], value["server_port"], value["method"],
                              value["server_ip_version"]), (RED, 40000, 1, 4))
            if not last:
                self.receive(to_blue(10))

    def test_a_silence_that_no_clock_can_hold_is_refused(self):
        error = self.refused(harness.USAGE, "load", "c", "crypto", "--dev", "blue0", "--netns",
                             "blue", "--set", "expire_after=18000000000s")
        self.assertIn("expire_after", error["message"])
        error = self.refused(harness.USAGE, "load", "c", "crypto", "--dev", "blue0", "--netns",
                             "blue", "--set", "expire_after=30")
        self.assertIn("'30' is not a duration such as 30s", error["message"])

    def test_a_silent_session_starts_anew(self):
        self.load("c", "crypto", "--set", "expire_after=100ms")
        with wire.on_cpu(min(os.sched_getaffinity(0))):
            self.receive(to_blue(10))
            silent_from = time.monotonic()
            self.eventually(lambda: time.monotonic() - silent_from > 0.2, "the clock runs")
            self.receive(to_blue(20))
        document = self.window("c")
        value = self.session(document)
        self.assertEqual(self.counts(value), (1, 60, 0, 0))
        self.assertEqual(value["start_timestamp"], value["alive_timestamp"])
        self.assertEqual(value["method"], 3)
        self.assertEqual(self.missed(document), {"expired": 1, "expired_packets": 1})


if __name__ == "__main__":
    harness.main()
