#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Clocks: times are those of the day, wherever the loader and the reader run."""
import time

import frames
import harness

SHIFTED = ("unshare", "--time", "--monotonic", "100000", "--boottime", "200000", "--fork")


class TimeNamespaceTest(harness.Case):
    """The kernel's programs read the machine's clocks, dynmon those of its time namespace."""

    def run_shifted(self, *words):
        process = self.start(*words, before=SHIFTED)
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0, err)
        return out

    def assert_now(self, name):
        self.receive(frames.ipv4(frames.udp(1, 53), frames.UDP))
        row, = self.value(self.window(name), "flows")
        self.assertLess(abs(time.time() - harness.seconds(row["value"]["first"])), 60)

    def test_neither_a_load_nor_a_read_there_shifts_the_times(self):
        for clock in ("boot", "ktime", "coarse", "tai"):
            with self.subTest(clock):
                place = ("--dev", "blue0", "--netns", "blue", "--clock", clock)
                self.run_shifted("load", "there", "flows", *place)
                self.assert_now("there")
                self.load("here", "flows", "--clock", clock)
                self.run_shifted("read", "here")
                self.assert_now("here")
                self.dynmon("unload", "--all")


if __name__ == "__main__":
    harness.main()
