#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The probe features: a buffer that is looked at again and again while it goes on."""
import time

import frames
import harness
from frames import ACK


def to_blue(source):
    return frames.ipv4(frames.tcp(source, 443, ACK), frames.TCP)


class FeaturesTest(harness.Case):
    def state(self):
        document = self.window("f")
        [info] = self.value(document, "capture_info")
        ports = [packet["id"]["sport"] for packet in self.value(document, "packet_buffer")
                 if packet["timestamp"]]
        [missed] = self.value(document, "features_missed")
        return ports, info["next_index"], {why: n for why, n in missed.items() if n}

    def later(self, seconds):
        start = time.monotonic()
        self.eventually(lambda: time.monotonic() - start > seconds, "the clock runs")

    def test_a_read_takes_nothing_away(self):
        self.load("f", "features")
        self.receive(to_blue(1), to_blue(2))
        self.assertEqual(self.state(), ([1, 2], 2, {}))
        self.transmit(frames.ipv4(frames.udp(3, 53, b"q"), frames.UDP))
        self.assertEqual(self.state(), ([1, 2, 3], 3, {}))
        last = self.value(self.window("f"), "packet_buffer")[2]
        self.assertEqual((last["udpSize"], last["app"], last["direction"]), (1, 2, 1))
        self.assertEqual(len(self.value(self.window("f"), "packet_buffer")), 100)

    def test_sizes_and_pauses_are_parameters(self):
        self.load("f", "features", "--set", "n_session=2", "--set", "n_packet_per_session=2",
                  "--set", "session_accept_restart=3600s", "--set", "session_packet_restart=300ms",
                  "--set", "buffer_packet_restart=300ms")
        self.receive(to_blue(1), to_blue(2), to_blue(3), to_blue(1), to_blue(1), to_blue(2),
                     to_blue(2))
        self.assertEqual(self.state(), ([1, 2, 1, 2], 4, {"session_limit": 1, "packet_limit": 1,
                                                          "buffer_full": 1}))
        self.later(0.4)
        self.receive(to_blue(3), to_blue(2))
        ports, index, missed = self.state()
        self.assertEqual((ports, index, missed["session_limit"]), ([2, 2, 1, 2], 1, 1))


if __name__ == "__main__":
    harness.main()
