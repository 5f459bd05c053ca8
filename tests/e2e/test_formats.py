#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What a read prints in each format: the exact document, not just something that parses."""
import csv
import io
import json
import os
import re
import time

import frames
import harness
import kernel
import published
import wire

RED, BLUE = "10.0.0.1", "10.0.0.2"


def udp(dport, size=0):
    return frames.ipv4(frames.udp(1000, dport, bytes(size)), frames.UDP)


class FormatCase(harness.Case):
    def setUp(self):
        super().setUp()
        self.enterContext(wire.on_cpu(0))  # so that per-CPU values are known too

    def text(self, *words):
        return self.dynmon("read", *words).out


class JsonTest(FormatCase):
    def test_json_says_which_build_prints_how_the_hooks_are_and_how_large_maps_are(self):
        self.load("f", "flows", "--set", "max_flows=1024")
        document = published.require(self, "read", self.dynmon("read", "f", "--format", "json").out)
        self.assertEqual("dynmon-load " + document["dynmon"], self.dynmon("--version").out.strip())
        self.assertEqual(document["health"], {"tc-ingress": "attached", "tc-egress": "attached"})
        metric = next(metric for metric in document["ingress-metrics"] if metric["name"] == "flows")
        self.assertEqual(metric["max-entries"], 1024)

    def test_the_document_has_its_fields_in_order(self):
        self.load("p", "packets")
        self.receive(*[frames.plain(60)] * 5)
        text = self.text("p", "--format", "json")
        self.assertRegex(text, re.compile(
            r'\{"dynmon":"[^"]+","monitor":"p","generation":1,'
            r'"window":\{"sequence":1,"from":"(TIME)","to":"(TIME)"\},'
            r'"attached":\{"ingress":true,"egress":true\},'
            r'"health":\{"tc-ingress":"attached","tc-egress":"attached"\},'
            r'"ingress-metrics":\[\{"name":"packets_total","map":"PKT_COUNTER","type":"array",'
            r'"max-entries":1,"value":\[5\],"timestamp":\d{16}\}\],'
            r'"egress-metrics":\[\{"name":"packets_total","map":"PKT_COUNTER_EGRESS",'
            r'"type":"array","max-entries":1,"value":\[0\],"timestamp":\d{16}\}\]\}\n'
            .replace("TIME", r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z") + r"\Z"))

    def test_global_json_is_the_same_as_format_json(self):
        self.load("p", "packets")
        first = self.dynmon("--json", "read", "p").json()
        second = json.loads(self.text("p", "--format", "json"))
        self.assertEqual([metric["map"] for metric in first["egress-metrics"]],
                         [metric["map"] for metric in second["egress-metrics"]])

    def test_raw_shows_what_is_stored(self):
        self.load("f", "flows")
        before = time.time_ns()
        self.receive(frames.ipv4(frames.tcp(0x1234, 443, frames.SYN), frames.TCP))
        document = self.window("f", "flows", "--direction", "ingress", "--raw")
        entry = self.value(document, "flows")[0]
        self.assertEqual(entry["key"], {
            "saddr": {"bytes": [0] * 10 + [255, 255, 10, 0, 0, 1]},
            "daddr": {"bytes": [0] * 10 + [255, 255, 10, 0, 0, 2]},
            "sport": 0x3412, "dport": 0xbb01, "proto": 6, "ip_version": 4, "vlan": 0})
        value = entry["value"]
        self.assertEqual(value["tcp_flags"], 2)
        self.assertTrue(before <= value["first"] == value["last"] <= time.time_ns(), value)
        window = document["window"]
        self.assertTrue(window["from"] < value["first"] < window["to"], document)

    def test_value_only_of_one_metric_is_the_bare_value(self):
        self.load("m", "mixed")
        self.receive(*[frames.plain(60)] * 3)
        self.assertEqual(self.text("m", "kept", "--value-only", "--format", "json"), "[3]\n")
        self.assertEqual(self.text("m", "one", "--value-only", "--format", "dynmon"), "[3]\n")

    def test_value_only_of_several_metrics_is_one_object_by_direction_and_name(self):
        self.load("p", "packets")
        self.receive(*[frames.plain(60)] * 3)
        self.transmit(frames.plain(60))
        self.assertEqual(self.text("p", "--value-only", "--format", "json"),
                         '{"ingress-metrics":{"packets_total":[3]},'
                         '"egress-metrics":{"packets_total":[1]}}\n')


class ColumnsTest(harness.Case):
    """`columns` of a manifest, for consumers of `dynmon` that take fields by their position."""

    def probe_with(self, columns):
        return harness.changed_probe(self.folder / "some", "flows", "some", {
            "    - name: flows\n": f"    - name: flows\n      columns: {columns}\n"})

    def test_only_they_are_printed_in_the_order_of_the_struct(self):
        self.load("f", self.probe_with("[value.bytes, value.packets, key.dport]"))
        self.receive(frames.ipv4(frames.udp(1234, 53, b"x"), frames.UDP))
        document = self.dynmon("read", "f", "flows", "--format", "dynmon", "--peek").json()
        (entry,), = [metric["value"] for metric in document["ingress-metrics"]]
        self.assertEqual(list(entry["key"]), ["dport"])
        self.assertEqual(sorted(entry["value"][0] if isinstance(entry["value"], list)
                                else entry["value"]), ["bytes", "packets"])
        whole = self.window("f", "flows", "--direction", "ingress")  # the other formats print all
        self.assertIn("saddr", self.value(whole, "flows")[0]["key"])

    def test_one_that_is_not_there_is_named_with_its_place(self):
        problem, *_ = self.dynmon("--json", "check", self.probe_with("[value.packet]"),
                                  code=harness.USAGE).json()["problems"]
        self.assertRegex(problem["message"], r"^column 'value.packet': map '\w+' has no such field$")
        self.assertIn("value.packets", problem["hint"])
        self.assertGreater(problem["line"], 1)


class DynmonTest(FormatCase):
    def document(self, text):
        """`text` with its timestamps, which must be µs of now, replaced by 0."""
        now = time.time_ns() // 1000
        for stamp in re.findall(r'"timestamp":(\d+)', text):
            self.assertTrue(now - 60_000_000 < int(stamp) <= now, stamp)
        return re.sub(r'"timestamp":\d+', '"timestamp":0', text)

    def test_counters_byte_for_byte(self):
        self.load("p", "packets")
        self.receive(*[frames.plain(60)] * 5)
        self.transmit(*[frames.plain(60)] * 2)
        self.assertEqual(
            self.document(self.text("p", "--format", "dynmon")),
            '{"ingress-metrics":[{"name":"packets_total","value":[5],"timestamp":0}],'
            '"egress-metrics":[{"name":"packets_total","value":[2],"timestamp":0}]}\n')

    def test_every_kind_of_map_byte_for_byte(self):
        self.load("k", "kinds")
        self.receive(frames.plain(60), frames.plain(60))
        rest = kernel.possible_cpus() - 1
        cpus = lambda value: json.dumps([value] + [0] * rest, separators=(",", ":"))
        element = lambda index, value: f'{{"key":{index},"value":{cpus(value)}}}'
        both = '[{"length":60,"marker":43981},{"length":60,"marker":43981}]'
        values = {
            "hash": '[{"key":60,"value":2}]',
            "lru": '[{"key":60,"value":2}]',
            "cpu_hash": f"[{element(60, 2)}]",
            "cpu_lru": f"[{element(60, 2)}]",
            "array": "[0,2,0,120]",
            "cpu_array": f"[{element(0, 0)},{element(1, 2)},{element(2, 0)},{element(3, 120)}]",
            "queue": both,
            "stack": both,
        }
        self.assertEqual(self.document(self.text("k", "--format", "dynmon")), self.kinds(values))
        # What is empty: null for what has entries, zeroes for what has elements.
        values.update(dict.fromkeys(("lru", "cpu_hash", "cpu_lru", "queue", "stack"), "null"))
        values["array"] = "[0,0,0,0]"
        values["cpu_array"] = "[" + ",".join(element(index, 0) for index in range(4)) + "]"
        self.assertEqual(self.document(self.text("k", "--format", "dynmon")), self.kinds(values))

    @staticmethod
    def kinds(values):
        metrics = ",".join(f'{{"name":"{name}","value":{value},"timestamp":0}}'
                           for name, value in values.items())
        return f'{{"ingress-metrics":[{metrics}],"egress-metrics":[]}}\n'

    def test_structs_are_objects_of_raw_integers_in_declaration_order(self):
        self.load("f", "flows")
        self.receive(udp(0x0102))
        text = self.text("f", "flows", "--direction", "ingress", "--format", "dynmon", "--value-only")
        entry = json.loads(text)[0]
        self.assertEqual(list(entry["key"]), ["saddr", "daddr", "sport", "dport", "proto",
                                              "ip_version", "vlan"])
        self.assertEqual(list(entry["value"][0]), ["first", "last", "packets", "wire_packets",
                                                   "bytes", "tcp_flags", "tos", "closed", "flows"])
        self.assertEqual((entry["key"]["dport"], entry["key"]["proto"]), (0x0201, 17))
        self.assertEqual([value["packets"] for value in entry["value"]],
                         [1] + [0] * (kernel.possible_cpus() - 1))


ORIGIN = ["host", "monitor", "device", "namespace"]
TIME = r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z"


class CsvTest(FormatCase):
    def rows(self, text):
        """The rows of the one table that the text has to be."""
        self.assertEqual(text.count("\n"), text.count("\r\n"))
        self.assertNotIn("\r\n\r\n", text)
        rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
        self.assertFalse([row for row in rows if None in row or None in row.values()], text)
        return rows

    def csv(self, *words):
        return self.rows(self.text(*words, "--format", "csv"))

    def test_one_row_an_entry_with_flat_columns(self):
        self.load("f", "flows")
        for dport, count in ((53, 3), (443, 5)):
            self.receive(*[udp(dport, 10)] * count)
        rows = self.csv("f", "flows", "--direction", "ingress")
        self.assertEqual(list(rows[0]), [
            *ORIGIN, "direction", "metric", "sequence", "from", "to", "key.saddr", "key.daddr",
            "key.sport", "key.dport", "key.proto", "key.ip_version", "key.vlan", "value.first",
            "value.last", "value.packets", "value.wire_packets", "value.bytes", "value.tcp_flags",
            "value.tos", "value.closed", "value.flows"])
        self.assertEqual({(row["key.saddr"], row["key.dport"], row["value.packets"],
                           row["value.bytes"], row["sequence"], row["direction"]) for row in rows},
                         {(RED, "53", "3", "114", "1", "ingress"),
                          (RED, "443", "5", "190", "1", "ingress")})

    def test_a_row_says_which_host_monitor_device_namespace_and_window_it_is_of(self):
        self.load("f", "flows")
        self.receive(udp(1))
        row, = self.csv("f", "flows", "--direction", "ingress", "--peek")
        self.assertEqual([row[name] for name in ORIGIN], [os.uname().nodename, "f", "blue0", "blue"])
        window = self.window("f", "flows", "--direction", "ingress")["window"]
        self.assertEqual((row["sequence"], row["from"]), (str(window["sequence"]), window["from"]))
        self.assertRegex(row["to"], rf"\A{TIME}\Z")
        self.assertTrue(row["from"] < row["value.first"] < row["to"] < window["to"], row)

    def test_without_its_origin_a_row_has_the_columns_of_the_metric(self):
        self.load("p", "packets")
        self.receive(*[frames.plain(60)] * 2)
        self.assertEqual(self.text("p", "--direction", "ingress", "--format", "csv", "--no-origin"),
                         "direction,metric,sequence,key,value\r\ningress,packets_total,1,0,2\r\n")

    def test_chosen_columns_leave_the_origin_and_what_was_added(self):
        self.load("f", "flows")
        self.receive(udp(53))
        words = ("f", "flows", "--direction", "ingress", "--peek", "--columns", "packets")
        row, = self.csv(*words, "--add", "site=lab")
        self.assertEqual(list(row), [*ORIGIN, "direction", "metric", "sequence", "from", "to", "site",
                                     "value.packets"])
        self.assertEqual((row["host"], row["site"], row["value.packets"]),
                         (os.uname().nodename, "lab", "1"))
        row, = self.csv(*words, "--no-origin")
        self.assertEqual(list(row), ["direction", "metric", "sequence", "value.packets"])

    def test_what_is_added_is_a_column_of_each_row(self):
        self.load("p", "packets")
        rows = self.csv("p", "--add", 'site=lab, "east"', "--add", "rack=a=b", "--add", "empty=")
        self.assertEqual([(row["site"], row["rack"], row["empty"]) for row in rows],
                         [('lab, "east"', "a=b", "")] * 2)
        self.assertEqual(list(rows[0])[9:], ["site", "rack", "empty", "key", "value"])

    def test_both_directions_of_a_metric_and_metrics_of_the_same_columns_are_one_table(self):
        self.load("p", "packets")
        self.receive(*[frames.plain(60)] * 4)
        self.assertEqual([(row["direction"], row["metric"], row["key"], row["value"])
                          for row in self.csv("p")],
                         [("ingress", "packets_total", "0", "4"),
                          ("egress", "packets_total", "0", "0")])
        self.load("f", "flows")
        self.receive(udp(1))
        self.transmit(udp(2))
        self.assertEqual([(row["direction"], row["key.dport"]) for row in self.csv("f", "flows")],
                         [("ingress", "1"), ("egress", "2")])

    def test_metrics_of_other_columns_are_refused_and_nothing_is_taken(self):
        self.load("f", "flows")
        self.receive(frames.plain(60), udp(1))
        result = self.dynmon("read", "f", "--format", "csv", code=harness.USAGE)
        self.assertEqual(result.out, "")
        self.assertIn("csv is one table, and these are metrics with columns of their own: 'flows', "
                      "'flows_missed'", result.err)
        self.assertIn("name one of them behind the monitor, or use --format jsonl", result.err)
        row, = self.csv("f", "flows", "--direction", "ingress")
        self.assertEqual((row["sequence"], row["value.packets"]), ("1", "1"))
        first, *_ = self.csv("f", "flows_missed", "--direction", "ingress")
        self.assertEqual((first["sequence"], first["value.not_ip"]), ("1", "1"))

    def test_windows_that_follow_each_other_have_one_header(self):
        self.load("p", "packets")
        self.receive(*[frames.plain(60)] * 2)
        rows = self.csv("p", "--direction", "ingress", "--interval", "20ms", "--count", "3")
        self.assertEqual([(row["sequence"], row["value"]) for row in rows],
                         [("1", "2"), ("2", "2"), ("3", "2")])  # nothing empties its map
        self.assertEqual(sorted({row["to"] for row in rows}), [row["to"] for row in rows])

    def test_what_a_replaced_probe_left_is_of_the_same_table_or_ends_the_file(self):
        words = ("p", "packets_total", "--direction", "ingress")
        self.load("p", "packets")
        self.receive(*[frames.plain(60)] * 2)
        self.replace("p", "packets")
        self.assertEqual([(row["sequence"], row["value"]) for row in self.csv(*words)],
                         [("1", "2"), ("2", "0")])
        self.receive(frames.plain(60))
        self.replace("p", harness.changed_probe(self.folder / "wide", "flows", "wide", {
            "    - name: flows\n": "    - name: packets_total\n"}))
        self.receive(udp(53))
        result = self.dynmon("read", *words, "--format", "csv", code=harness.USAGE)
        self.assertEqual([row["value"] for row in self.rows(result.out)], ["1"])
        self.assertIn("metric 'packets_total' has other columns than the rows before it", result.err)
        self.assertIn("read again into another file", result.err)
        row, = self.csv(*words)
        self.assertEqual((row["key.dport"], row["value.packets"]), ("53", "1"))


class JsonLinesTest(FormatCase):
    def lines(self, *words):
        return [published.require(self, "read-line", line)
                for line in self.text(*words, "--format", "jsonl").splitlines()]

    def test_a_line_says_which_host_monitor_device_namespace_and_window_it_is_of(self):
        self.load("p", "packets")
        self.receive(*[frames.plain(60)] * 5)
        line, = self.lines("p", "--direction", "ingress", "--peek")
        window = self.window("p")["window"]
        self.assertRegex(line.pop("to"), rf"\A{TIME}\Z")
        self.assertEqual(list(line.items()), [
            ("host", os.uname().nodename), ("monitor", "p"), ("device", "blue0"),
            ("namespace", "blue"), ("metric", "packets_total"), ("direction", "ingress"),
            ("sequence", 1), ("from", window["from"]), ("key", 0), ("value", 5)])

    def test_raw_times_are_numbers_and_wide_ones_text_where_that_is_asked_for(self):
        self.load("p", "packets")
        before = time.time_ns()
        for options, kind in (((), int), (("--u64", "string"), str)):
            for line in self.lines("p", "--raw", *options):
                self.assertEqual((type(line["from"]), type(line["to"])), (kind, kind))
                self.assertTrue(int(line["from"]) < int(line["to"]) < time.time_ns())
                self.assertLess(before, int(line["to"]))

    def test_without_its_origin_a_line_has_metric_direction_and_sequence(self):
        self.load("p", "packets")
        self.assertEqual(self.text("p", "--direction", "ingress", "--format", "jsonl", "--no-origin"),
                         '{"metric":"packets_total","direction":"ingress","sequence":1,"key":0,'
                         '"value":0}\n')

    def test_what_is_added_is_in_each_line_and_once_in_a_document(self):
        self.load("p", "packets")
        added = ("--add", 'site=l"b', "--add", "rack=7")
        for line in self.lines("p", *added, "--columns", "value"):
            self.assertEqual((list(line)[-3:], line["site"], line["rack"]),
                             (["site", "rack", "value"], 'l"b', "7"))
        document = published.require(self, "read", self.text("p", "--format", "json", *added))
        self.assertEqual(document["added"], {"site": 'l"b', "rack": "7"})


class AddTest(FormatCase):
    def refuse(self, words, message):
        with self.subTest(words):
            result = self.dynmon("read", "f", "flows", *words, code=harness.USAGE)
            self.assertEqual(result.out, "")
            self.assertIn(message, result.err)

    def test_what_has_no_place_or_no_free_name_is_refused_and_nothing_is_taken(self):
        self.load("f", "flows")
        self.receive(udp(1))
        for output in ("table", "dynmon", "openmetrics", "prometheus", "npz", "npy"):
            self.refuse(("--format", output, "--add", "a=1"), "--add is for json, jsonl, csv and tsv")
            self.refuse(("--format", output, "--no-origin"), "--no-origin is for jsonl, csv and tsv")
        self.refuse(("--format", "json", "--no-origin"), "--no-origin is for jsonl, csv and tsv")
        for option in (("--add", "a=1"), ("--no-origin",)):
            self.refuse(("--format", "jsonl", "--value-only", *option),
                        f"{option[0]} does not go with --value-only")
        for text, message in (
                ("site", "--add 'site' is not KEY=VALUE"), ("=1", "--add '' is not a valid name"),
                ("a.b=1", "--add 'a.b' is not a valid name"),
                ("host=1", "--add: 'host' is the name of a column already"),
                ("saddr=1", "--add: 'saddr' is the name of field 'key.saddr' of metric 'flows'"),
                ("bytes=1", "--add: 'bytes' is the name of field 'value.bytes' of metric 'flows'")):
            for output in ("csv", "tsv", "jsonl"):
                self.refuse(("--format", output, "--add", text), message)
        self.refuse(("--format", "csv", "--add", "a=1", "--add", "a=2"), "--add: 'a' is there twice")
        self.assertEqual(self.window("f")["window"]["sequence"], 1)


class TableTest(FormatCase):
    def setUp(self):
        super().setUp()
        self.load("f", "flows")

    def send(self):
        for dport, count in ((10, 3), (20, 9), (30, 1), (40, 20), (50, 5)):
            self.receive(*[udp(dport)] * count)

    def rows(self, *options):
        """(lines of the title, rows as dictionaries) of the ingress flows."""
        lines = self.text("f", "flows", "--direction", "ingress", *options).splitlines()
        title = lines.index(next(line for line in lines if line.startswith("flows  ingress")))
        # Columns are at least two spaces apart; an empty cell would shift: none is used here.
        header = lines[title + 1].split()
        return lines[:title + 1], [dict(zip(header, line.split())) for line in lines[title + 2:]]

    def test_columns_are_aligned_and_titled(self):
        self.send()
        title, rows = self.rows()
        self.assertRegex(title[0], r"^f  window 1  20\d\d-\S+Z  0\.\d+s$")
        self.assertEqual(title[-1], "flows  ingress  FLOWS_INGRESS  percpu_hash  5 rows")
        self.assertEqual({(row["saddr"], row["dport"], row["proto"], row["packets"])
                          for row in rows},
                         {(RED, "10", "UDP", "3"), (RED, "20", "UDP", "9"), (RED, "30", "UDP", "1"),
                          (RED, "40", "UDP", "20"), (RED, "50", "UDP", "5")})

    def test_all_lines_of_a_table_have_their_columns_at_the_same_place(self):
        self.send()
        lines = self.text("f", "flows", "--direction", "ingress").splitlines()[3:]
        end = lines[0].index(" packets ") + len(" packets")
        for line in lines[1:]:
            self.assertTrue(line[end - 1].isdigit() and line[end] == " ", line)

    def test_sorted_by_a_column_numbers_count_as_numbers(self):
        self.send()
        _, rows = self.rows("--sort", "packets")
        self.assertEqual([row["packets"] for row in rows], ["1", "3", "5", "9", "20"])
        self.send()
        _, rows = self.rows("--sort", "-value.packets")
        self.assertEqual([row["dport"] for row in rows], ["40", "20", "50", "10", "30"])

    def test_top_shows_the_first_of_the_order_and_says_how_many_there_are(self):
        self.send()
        title, rows = self.rows("--sort", "-bytes", "--top", "2")
        self.assertEqual(title[-1], "flows  ingress  FLOWS_INGRESS  percpu_hash  top 2 of 5 rows")
        self.assertEqual([(row["dport"], row["bytes"]) for row in rows],
                         [("40", "560"), ("20", "252")])

    def test_an_unknown_column_is_refused_before_anything_is_taken(self):
        self.send()
        result = self.dynmon("read", "f", "flows", "--sort", "-packet", code=harness.USAGE)
        self.assertEqual(result.out, "")
        self.assertIn("--sort: no field 'packet'", result.err)
        self.assertIn("did you mean 'packets'?", result.err)
        document = self.window("f")
        self.assertEqual(document["window"]["sequence"], 1)
        self.assertEqual(sum(entry["value"]["packets"] for entry in self.value(document, "flows")),
                         38)


if __name__ == "__main__":
    harness.main()
