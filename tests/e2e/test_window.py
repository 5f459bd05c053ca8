#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The probe window: the latest packets, of which a reader takes those that are young enough."""
import time

import frames
import harness
from frames import ACK, SYN


def to_blue(source, size=0, flags=ACK):
    return frames.ipv4(frames.tcp(source, 3333, flags, b"x" * size), frames.TCP)


class WindowTest(harness.Case):
    def ports(self, *options):
        return [packet["id"]["sport"] for packet in
                self.value(self.window("w", "packet_window", "--direction", "ingress", *options),
                           "packet_window")]

    def test_the_oldest_packets_make_room(self):
        self.load("w", "window", "--set", "n_packet=4")
        self.receive(*[to_blue(port) for port in range(1, 11)])
        self.assertEqual(self.ports(), [7, 8, 9, 10])
        self.assertEqual(self.ports(), [])

    def test_a_reader_takes_the_last_second(self):
        self.load("w", "window")
        self.receive(to_blue(1), to_blue(2))
        start = time.monotonic()
        self.eventually(lambda: time.monotonic() - start > 1.2, "the packets get old")
        self.receive(to_blue(3, 10))
        self.assertEqual(self.ports("--where", "value.timestamp > now-1s"), [3])
        self.assertEqual(self.ports(), [])  # what was too old has left with its window

    def test_servers_stay_when_packets_are_taken(self):
        self.load("w", "window")
        self.receive(to_blue(1, flags=SYN))
        for _ in range(2):
            document = self.window("w")
            [entry] = self.value(document, "session_servers")
            self.assertEqual(entry["key"]["sport"], 1)
            self.assertEqual(entry["value"], {"server_ip": "10.0.0.2", "server_port": 3333,
                                              "method": 1, "server_ip_version": 4})

    def test_packets_of_both_directions_are_in_their_order(self):
        self.load("w", "window", "--hook", "xdp", "--mode", "generic")
        self.receive(to_blue(1, 100))
        self.transmit(frames.ipv4(frames.tcp(3333, 1, ACK, b"x" * 7), frames.TCP,
                                  source="10.0.0.2", to="10.0.0.1"))
        packets = self.value(self.window("w"), "packet_window")
        self.assertEqual([(packet["n_bytes"], packet["reverse"], packet["direction"])
                          for packet in packets], [(140, 0, 0), (47, 1, 1)])
        self.assertEqual(packets[0]["id"], packets[1]["id"])
        self.assertLess(packets[0]["timestamp"], packets[1]["timestamp"])


if __name__ == "__main__":
    harness.main()
