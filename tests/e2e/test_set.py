#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""`set` and `delete`: entries of maps that programs look into, as people write them."""
import json
import struct

import frames
import harness
import kernel
import published
from harness import STORE


def udp(sport):
    return frames.ipv4(frames.udp(sport, 40000, bytes(40)), frames.UDP)


class SetTest(harness.Case):
    def setUp(self):
        super().setUp()
        self.load("edge", "ssdp")

    def set(self, *words):
        return published.require(self, "set", self.dynmon("--json", "set", *words).out)

    def delete(self, *words):
        return published.require(self, "delete", self.dynmon("--json", "delete", *words).out)

    def kinds(self):
        return {row["key"]: row["value"]["passed"]
                for row in self.value(self.window("edge", "traffic"), "traffic")}

    def bytes_of(self, name, key, size):
        return kernel.lookup(STORE / "monitors" / "edge" / "g1" / name, key, size)

    def test_a_port_and_an_enum_are_written_as_they_are_printed(self):
        self.assertEqual(self.set("edge/PORTS", "9999", "WATCH"),
                         {"map": "edge/PORTS", "key": 9999, "value": "WATCH", "was": None})
        self.assertEqual(self.bytes_of("PORTS", struct.pack("!H", 9999), 4), b"\1\0\0\0")
        self.set("edge/PORTS", "11211", "IGNORE")
        self.receive(udp(9999), udp(11211))
        self.assertEqual(self.kinds(), {"WATCHED": 1, "OTHER": 1})
        self.assertEqual(self.set("edge/PORTS", "9999", "IGNORE")["was"], "WATCH")
        self.assertEqual(self.delete("edge/PORTS", "11211"),
                         {"map": "edge/PORTS", "key": 11211, "was": "IGNORE"})
        self.receive(udp(9999), udp(11211))
        self.assertEqual(self.kinds(), {"WATCHED": 1, "OTHER": 2, "MEMCACHED": 1})

    def test_of_a_struct_fields_that_are_not_named_stay_as_they_are(self):
        self.load("nets", "prefixes")
        entry = self.set("nets/NOTED_NETS", "10.9.0.0/16", "prefixlen=16,packets=7")
        self.assertEqual((entry["key"], entry["was"]), ("10.9.0.0/16", None))
        self.assertEqual((entry["value"]["until"], entry["value"]["packets"]), (None, 7))
        entry = self.set("nets/NOTED_NETS", "10.9.0.0/16", "until=now+1h")
        self.assertEqual((entry["value"]["packets"], entry["was"]["until"]), (7, None))
        # A shorter prefix that an address of it lies in is not the entry itself.
        self.assertIsNone(self.set("nets/NOTED_NETS", "10.9.1.0/24", "prefixlen=24")["was"])
        error = self.refused(harness.USAGE, "delete", "nets/NOTED_NETS", "10.9.2.0/24")
        self.assertIn("has no entry", error["message"])
        self.delete("nets/NOTED_NETS", "10.9.0.0/16")
        self.delete("nets/NOTED_NETS", "10.9.1.0/24")

    def test_a_deny_list_is_for_deny(self):
        for verb, words in (("set", ("10.9.0.0/16", "packets=7")), ("delete", ("10.9.0.0/16",))):
            error = self.refused(harness.USAGE, verb, "edge/DENY_IPV4", *words)
            self.assertIn("a list with a filter beside it", error["message"])
            self.assertIn("`deny`", error["hint"])

    def test_an_array_has_indices(self):
        self.assertEqual(self.set("edge/BUDGET", "3", "used=5,second=9")["value"]["used"], 5)
        self.assertEqual(self.bytes_of("BUDGET", struct.pack("<I", 3), 16)[4:],
                         struct.pack("<IQ", 5, 9))
        for words, says in ((("set", "edge/BUDGET", "64", "used=1"), "indices below 64"),
                            (("delete", "edge/BUDGET", "3"), "is an array"),
                            (("set", "edge/BUDGET", "1", "lock=1"), "cannot be written")):
            self.assertIn(says, self.refused(harness.USAGE, *words)["message"])

    def test_for_people_it_is_a_sentence(self):
        self.assertEqual(self.dynmon("set", "edge/PORTS", "9999", "WATCH").out,
                         'edge/PORTS 9999 is "WATCH"\n')
        self.assertEqual(self.dynmon("set", "edge/PORTS", "9999", "0").out,
                         'edge/PORTS 9999 is "IGNORE", was "WATCH"\n')
        self.assertEqual(self.dynmon("delete", "edge/PORTS", "9999").out,
                         'edge/PORTS has no 9999 any more, it was "IGNORE"\n')

    def test_what_does_not_fit_is_refused_and_says_what_would(self):
        self.load("fl", "flows")
        self.load("nets", "prefixes")
        for words, says in ((("edge/PORTS", "70000", "WATCH"), "70000"),
                            (("edge/PORTS", "http", "WATCH"), "http"),
                            (("edge/PORTS", "9999", "PERHAPS"), "PERHAPS"),
                            (("nets/NOTED_NETS", "fd00::/8", "packets=1"), "IPv4"),
                            (("nets/NOTED_NETS", "10.0.0.0/8", "pakets=1"), "packets"),
                            (("nets/NOTED_NETS", "10.0.0.0/8", "7"), "field=value"),
                            (("nets/NOTED_NETS", "10.0.0.0/8", ""), "field=value"),
                            (("nets/NOTED_NETS", "10.0.0.0/8", "packets=-1"), "-1"),
                            (("edge/PORT", "1", "WATCH"), "PORTS"), (("edge", "1", "1"), "MONITOR"),
                            (("edge/TRAFFIC", "DNS", "passed=1"), "percpu_hash"),
                            (("edge/EVENTS", "0", "1"), "ringbuf"),
                            (("fl/FLOWS_INGRESS", "0", "1"), "percpu_hash")):
            with self.subTest(words):
                error = self.refused(harness.USAGE, "set", *words)
                self.assertIn(says, error["message"] + error.get("hint", ""))
        for name in ("edge/PORTS", "nets/NOTED_NETS"):
            rows = json.loads(self.dynmon("dump", name, "--format", "json",
                                          "--value-only").out)
            self.assertEqual(rows, [])

    def test_a_map_that_is_swapped_is_left_to_the_programs(self):
        self.load("nets", "prefixes")
        error = self.refused(harness.USAGE, "set", "nets/SWAPPED_NETS", "10.0.0.0/8", "1")
        self.assertIn("is swapped when it is read", error["message"])
        self.assertEqual(self.set("nets/EMPTIED_NETS", "10.0.0.0/8", "1")["value"], 1)

    def test_a_full_map_says_so(self):
        self.load("nets", "prefixes")
        for i in range(64):
            self.set("nets/NOTED_NETS", f"10.{i}.0.0/16", "packets=1")
        error = self.refused(harness.FAILED, "set", "nets/NOTED_NETS", "10.64.0.0/16", "packets=1")
        self.assertIn("is full: it has room for 64 entries", error["message"])


if __name__ == "__main__":
    harness.main()
