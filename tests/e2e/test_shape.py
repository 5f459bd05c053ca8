#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What is shown of the entries: --where, --sort, --top, --columns, --rate, and dump --follow."""
import datetime
import json
import os
import select
import signal
import struct
import time

import frames
import harness
import published
import wire
from frames import ACK, FIN, SYN
from harness import BPFFS, STORE


def octets(form, *values):
    """Words for bpftool."""
    return [str(byte) for byte in struct.pack(form, *values)]


def nanoseconds(text):
    """ISO 8601 with nine places → ns since the epoch, exactly."""
    whole, _, fraction = text.rstrip("Z").partition(".")
    stamp = datetime.datetime.fromisoformat(whole).replace(tzinfo=datetime.timezone.utc)
    return int(stamp.timestamp()) * 10**9 + int(fraction)


class MappedTest(harness.Case):
    def test_an_ipv4_mapped_address_of_an_ipv6_packet_is_no_ipv4_address(self):
        self.load("f", "flows")
        mapped = {"source": "::ffff:10.0.0.1", "to": "::ffff:10.0.0.2"}
        self.receive(frames.ipv4(frames.udp(1, 53), frames.UDP),
                     frames.ipv6(frames.udp(2, 53), frames.UDP, **mapped))

        def shown(*words):
            document = self.window("f", "flows", "--direction", "ingress", "--peek", *words)
            return {entry["key"]["sport"]: entry["key"]["saddr"]
                    for entry in self.value(document, "flows")}

        ipv4, ipv6 = {1: "10.0.0.1"}, {2: "::ffff:10.0.0.1"}
        self.assertEqual(shown(), {**ipv4, **ipv6})
        self.assertEqual(shown("--where", "saddr == 10.0.0.1"), ipv4)
        self.assertEqual(shown("--where", "saddr == ::ffff:10.0.0.1"), ipv6)
        self.assertEqual(shown("--where", "saddr in 10.0.0.0/8"), ipv4)
        self.assertEqual(shown("--where", "saddr in ::/0"), ipv6)


class ReadTest(harness.Case):
    # (frame, how many): three flows to 443 and 53 over IPv4, one over IPv6.
    SENT = [(frames.ipv4(frames.tcp(40000, 443, SYN), frames.TCP), 1),
            (frames.ipv4(frames.tcp(40001, 443, FIN | ACK, b"x" * 1000), frames.TCP), 3),
            (frames.ipv4(frames.udp(1234, 53, b"x" * 10), frames.UDP), 5),
            (frames.ipv6(frames.udp(5353, 5353, b"y" * 100), frames.UDP), 2)]

    def setUp(self):
        super().setUp()
        self.load("f", "flows")
        for frame, count in self.SENT:
            self.receive(*[frame] * count)

    def ports(self, *words):
        """The source ports of the flows that are shown, in their order."""
        document = self.window("f", "flows", "--direction", "ingress", *words)
        return [entry["key"]["sport"] for entry in self.value(document, "flows")]

    def where(self, condition):
        return sorted(self.ports("--peek", "--where", condition))

    def test_conditions_over_every_kind_of_field(self):
        cases = [("key.dport == 443 && value.bytes > 1KB", [40001]),
                 ("dport == 443", [40000, 40001]),
                 ("proto == UDP", [1234, 5353]),
                 ("proto in (TCP, UDP) && packets >= 3", [1234, 40001]),
                 ("tcp_flags & SYN", [40000]),
                 ("tcp_flags == FIN|ACK", [40001]),
                 ("saddr in 10.0.0.0/8 && !(dport == 443)", [1234]),
                 ("saddr in fd00::/8", [5353]),
                 ("saddr == fd00::1 || sport == 40000", [5353, 40000]),
                 ("last > now-5m && first <= now", [1234, 5353, 40000, 40001]),
                 ("last < 2020-01-01", []),
                 ("ip_version == 6", [5353]),
                 ("vlan", [])]
        for condition, expected in cases:
            with self.subTest(condition):
                self.assertEqual(self.where(condition), expected)

    def test_order_and_limit_in_every_format(self):
        self.assertEqual(self.ports("--peek", "--sort", "-packets"), [1234, 40001, 5353, 40000])
        self.assertEqual(self.ports("--peek", "--sort", "proto,-sport"), [40001, 40000, 5353, 1234])
        self.assertEqual(self.ports("--peek", "--sort", "-packets", "--top", "2"), [1234, 40001])
        words = ("read", "f", "flows", "--direction", "ingress", "--peek", "--where", "packets > 1",
                 "--sort", "-packets", "--top", "2", "--columns", "dport,packets,proto")
        self.assertEqual(self.dynmon(*words, "--format", "csv", "--no-origin").out.split("\r\n"),
                         ["direction,metric,sequence,key.dport,key.proto,value.packets",
                          "ingress,flows,1,53,UDP,5", "ingress,flows,1,443,TCP,3", ""])
        self.assertEqual(self.dynmon(*words).out.splitlines()[2:],
                         ["flows  ingress  FLOWS_INGRESS  percpu_hash  top 2 of 3 rows, 1 filtered "
                          "out", "dport  proto  packets", "   53  UDP          5",
                          "  443  TCP          3"])

    def test_what_is_filtered_out_leaves_with_its_window(self):
        self.assertEqual(self.ports("--where", "dport == 53"), [1234])
        self.assertEqual(self.ports(), [])

    def test_a_request_that_does_not_fit_takes_nothing(self):
        cases = [(("--where", "bytes > 1 &&"), "--where: column 13: expected a field"),
                 (("--where", "dprt == 443"), "no field 'dprt'"),
                 (("--where", "dport == 70000"), "'70000' is not a number from 0 to 65535"),
                 (("--where", "proto == TPC"), "'TPC' is not a protocol"),
                 (("--columns", "byte"), "--columns: no field 'byte'"),
                 (("--sort", "byte"), "--sort: no field 'byte'"),
                 (("--where", ""), "no condition")]
        for words, message in cases:
            with self.subTest(words):
                error = self.refused(harness.USAGE, "read", "f", "flows", *words)
                self.assertIn(message, error["message"])
        for words, message in ((("--where", "bytes", "--format", "openmetrics"),
                                "--where does not go with --format openmetrics"),
                               (("--rate", "--format", "dynmon"), "--rate does not go with")):
            result = self.dynmon("read", "f", "flows", *words, code=harness.USAGE)
            self.assertEqual(result.out, "")
            self.assertIn(message, result.err)
        error = self.refused(harness.USAGE, "read", "f", "--where", "dport == 443")
        self.assertIn("metric 'flows_missed': --where: column 1: no field 'dport'",
                      error["message"])
        self.assertEqual(len(self.ports()), 4)

    def test_an_option_without_effect_is_refused_and_takes_nothing(self):
        for words, message in (
                (("--top", "-1"), "--top"), (("--top", "0"), "--top"), (("--sort", ""), "--sort"),
                (("--interval", "1s", "--count", "-1"), "--count"),
                (("--value-only",), "--value-only is for json, jsonl and dynmon"),
                (("--value-only", "--format", "csv"), "--value-only is for json"),
                (("--u64", "string", "--format", "dynmon"), "--u64 string is for json and jsonl"),
                (("--raw", "--format", "openmetrics"), "--raw does not go with --format open")):
            with self.subTest(words):
                result = self.dynmon("read", "f", *words, code=harness.USAGE)
                self.assertEqual(result.out, "")
                self.assertIn(message, result.err)
        self.assertEqual(len(self.ports()), 4)

    def test_rates_are_counts_over_the_length_of_the_window(self):
        document = self.window("f", "flows", "--direction", "ingress", "--rate", "--columns",
                               "sport,packets,tcp_flags,bytes")
        window = document["window"]
        seconds = (nanoseconds(window["to"]) - nanoseconds(window["from"])) / 1e9
        rates = {entry["key"]["sport"]: entry["value"]
                 for entry in self.value(document, "flows")}
        self.assertEqual(set(rates), {40000, 40001, 1234, 5353})
        for sport, packets, size, flags in ((40000, 1, 40, "SYN"), (40001, 3, 1040, "FIN|ACK"),
                                            (1234, 5, 38, ""), (5353, 2, 148, "")):
            self.assertAlmostEqual(rates[sport]["packets"] * seconds / packets, 1, places=5)
            self.assertAlmostEqual(rates[sport]["bytes"] * seconds / (packets * size), 1, places=5)
            self.assertEqual(rates[sport]["tcp_flags"], flags)

    def test_what_a_replaced_probe_left_must_fit_too(self):
        self.replace("f", "packets")
        error = self.refused(harness.USAGE, "read", "f", "--where", "value > 1")
        self.assertIn("what generation 1 left, which was replaced", error["message"])
        self.assertEqual(len(self.read("f")), 2)


class DumpTest(harness.Case):
    def map(self, kind, entries):
        """A hash map that dynmon did not make, of u32 and u64."""
        path = BPFFS / f"shape_{kind}"
        wire.command("bpftool", "map", "create", str(path), "type", kind, "key", "4", "value", "8",
                     "entries", "64", "name", f"shape_{kind}")
        self.at_end.append(path.unlink)
        for key, value in entries.items():
            self.update(path, key, value)
        return path

    def update(self, path, key, value):
        wire.command("bpftool", "map", "update", "pinned", str(path), "key", *octets("<I", key),
                     "value", *octets("<Q", value))

    def delete(self, path, key):
        wire.command("bpftool", "map", "delete", "pinned", str(path), "key", *octets("<I", key))

    def dump(self, path, *words):
        return self.dynmon("dump", path, "--format", "json", "--value-only", *words).json()

    def test_conditions_orders_and_limits_on_any_map(self):
        top = 2**64 - 1
        path = self.map("hash", {1: 10, 2: top, 3: top - 1, 4: 0})
        pairs = lambda *words: [(e["key"], e["value"]) for e in self.dump(path, *words)]
        self.assertEqual(pairs("--sort", "-value"), [(2, top), (3, top - 1), (1, 10), (4, 0)])
        self.assertEqual(pairs("--where", f"value >= {top - 1}", "--sort", "key"),
                         [(2, top), (3, top - 1)])
        self.assertEqual(pairs("--where", f"value == {top}"), [(2, top)])
        self.assertEqual(pairs("--where", "!value || key in (1, 9)", "--sort", "key"),
                         [(1, 10), (4, 0)])
        self.assertEqual(self.dump(path, "--columns", "value", "--sort", "value", "--top", "2"),
                         [0, 10])

    def test_an_array_that_is_filtered_is_shown_with_its_index(self):
        path = self.map("array", {7: 70, 9: 90})
        self.assertEqual(self.dump(path, "--where", "value > 0"),
                         [{"key": 7, "value": 70}, {"key": 9, "value": 90}])

    def follow(self, path, touch, touched, *words):
        """A follower that is known to have taken its first look, what it printed since, and how to
        wait for a line. touch(n) changes the map so that touched(line) becomes n."""
        process = self.start("dump", path, "--follow", "--interval", "10ms", *words)
        lines = []
        left = [b""]  # of a line that has not come whole

        def read_until(found):
            while True:
                while b"\n" not in left[0]:
                    self.assertTrue(select.select([process.stdout], [], [], 10)[0], lines)
                    part = os.read(process.stdout.fileno(), 65536)
                    self.assertTrue(part, lines)
                    left[0] += part
                line, _, left[0] = left[0].partition(b"\n")
                kind = published.require_one(self, "follow-line", line)
                lines.append(json.loads(line))
                self.assertEqual(kind, "follow-" + lines[-1]["change"])
                if found(lines[-1]):
                    return

        count = 0
        while not select.select([process.stdout], [], [], 0.02)[0]:
            self.assertIsNone(process.poll())
            count += 1
            touch(count)
        read_until(lambda line: touched(line) == count)
        lines.clear()
        return process, lines, read_until

    def test_follow_prints_what_changes_and_nothing_else(self):
        path = self.map("hash", {1: 10, 2: 20, 3: 30})
        process, lines, read_until = self.follow(
            path, lambda count: self.update(path, 60, count % 99), lambda line: line["value"],
            "--where", "value < 100")
        self.update(path, 4, 40)
        read_until(lambda line: line["key"] == 4)
        self.update(path, 1, 11)
        read_until(lambda line: line["key"] == 1)
        self.delete(path, 2)
        read_until(lambda line: line["key"] == 2)
        self.update(path, 3, 300)  # no longer meets the condition
        read_until(lambda line: line["key"] == 3)
        self.update(path, 3, 33)
        read_until(lambda line: line["key"] == 3)
        process.send_signal(signal.SIGINT)
        self.assertEqual((process.wait(10), process.stdout.read()), (0, ""))
        times = [line.pop("time") for line in lines]
        self.assertEqual(times, sorted(times))
        self.assertEqual(lines, [{"change": "added", "key": 4, "value": 40},
                                 {"change": "changed", "key": 1, "value": 11, "was": 10},
                                 {"change": "removed", "key": 2, "was": 20},
                                 {"change": "removed", "key": 3, "was": 30},
                                 {"change": "added", "key": 3, "value": 33}])

    def test_follow_ends_by_itself_after_count_looks(self):
        path = self.map("hash", {1: 10})
        started = time.monotonic()
        result = self.dynmon("dump", path, "--follow", "--interval", "20ms", "--count", "5")
        self.assertEqual(result.out, "")
        self.assertGreaterEqual(time.monotonic() - started, 0.1)

    def test_follow_merges_cpus_and_shows_the_columns_that_are_asked_for(self):
        self.load("f", "flows")
        path = STORE / "monitors" / "f" / "g1" / "FLOWS_INGRESS-a"
        frame = lambda port: frames.ipv4(frames.udp(port, 53), frames.UDP)
        _, lines, read_until = self.follow(
            path, lambda _: self.receive(frame(9)), lambda line: line["value"]["packets"],
            "--columns", "sport,packets")
        self.receive(frame(1234))
        read_until(lambda line: line["change"] == "added")
        self.receive(frame(1234))
        read_until(lambda line: line["change"] == "changed")
        for line in lines:
            line.pop("time")
        self.assertEqual(lines, [{"change": "added", "key": {"sport": 1234},
                                  "value": {"packets": 1}},
                                 {"change": "changed", "key": {"sport": 1234},
                                  "value": {"packets": 2}, "was": {"packets": 1}}])

    def test_follow_raw_gives_times_as_numbers_and_columns_may_leave_out_the_key(self):
        path = self.map("hash", {1: 10})
        _, lines, read_until = self.follow(path, lambda count: self.update(path, 60, count % 99),
                                           lambda line: line["value"], "--raw", "--columns", "value")
        self.update(path, 1, 11)
        read_until(lambda line: line.get("was") == 10)
        self.delete(path, 1)
        read_until(lambda line: line["change"] == "removed")
        times = [line.pop("time") for line in lines]
        self.assertTrue(all(0 <= time.time_ns() - at < 60 * 10**9 for at in times), times)
        self.assertEqual(lines, [{"change": "changed", "value": 11, "was": 10},
                                 {"change": "removed", "was": 11}])

    def test_follow_gives_wide_integers_as_text(self):
        path = self.map("hash", {1: 10})
        _, lines, read_until = self.follow(path, lambda count: self.update(path, 60, count % 99),
                                           lambda line: int(line["value"]), "--u64", "string")
        self.update(path, 1, 2**64 - 1)
        read_until(lambda line: line["key"] == 1)
        self.delete(path, 1)
        read_until(lambda line: line["change"] == "removed")
        shown = [(line.get("value"), line["was"]) for line in lines]
        self.assertEqual(shown, [("18446744073709551615", "10"), (None, "18446744073709551615")])

    def test_follow_lists_the_cpus_that_are_kept_apart(self):
        self.load("k", "kinds")
        path = STORE / "monitors" / "k" / "g1" / "KIND_CPU_HASH"
        _, lines, read_until = self.follow(path, lambda _: self.receive(frames.plain(70)),
                                           lambda line: sum(line["value"]), "--merge", "none",
                                           "--where", "key in (60, 70)")
        self.receive(frames.plain(60), frames.plain(80))
        read_until(lambda line: line["key"] == 60)
        self.assertEqual((len(lines), lines[0]["change"], sum(lines[0]["value"]),
                          len(lines[0]["value"])), (1, "added", 1, os.cpu_count()))

    def test_what_cannot_be_followed_is_refused(self):
        path = self.map("hash", {})
        self.load("k", "kinds")
        queue = STORE / "monitors" / "k" / "g1" / "KIND_QUEUE"
        cases = [((queue, "--follow"), "a queue cannot be followed"),
                 ((path, "--follow", "--sort", "value"), "do not go with --follow"),
                 ((path, "--follow", "--where", "valu"), "no field 'valu'"),
                 ((path, "--follow", "--value-only"), "--value-only does not go with --follow"),
                 ((path, "--follow", "--format", "csv"), "--follow prints JSON lines only"),
                 ((path, "--follow", "--interval", "0"), "--interval must be longer than 0"),
                 ((path, "--count", "3"), "--count requires --follow")]
        for words, message in cases:
            with self.subTest(words):
                self.assertIn(message, self.refused(harness.USAGE, "dump", *words)["message"])
        result = self.dynmon("dump", path, "--follow", "--format", "csv", code=harness.USAGE)
        self.assertIn("--follow prints JSON lines only", result.err)


if __name__ == "__main__":
    harness.main()
