#!/usr/bin/python3
"""What a read prints in each format: the exact document, not just something that parses."""
import csv
import io
import json
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
        document = self.window("f", "flows", "--path", "ingress", "--raw")
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
        whole = self.window("f", "flows", "--path", "ingress")  # the other formats print all
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
        text = self.text("f", "flows", "--path", "ingress", "--format", "dynmon", "--value-only")
        entry = json.loads(text)[0]
        self.assertEqual(list(entry["key"]), ["saddr", "daddr", "sport", "dport", "proto",
                                              "ip_version", "vlan"])
        self.assertEqual(list(entry["value"][0]), ["first", "last", "packets", "wire_packets",
                                                   "bytes", "tcp_flags", "tos", "closed", "flows"])
        self.assertEqual((entry["key"]["dport"], entry["key"]["proto"]), (0x0201, 17))
        self.assertEqual([value["packets"] for value in entry["value"]],
                         [1] + [0] * (kernel.possible_cpus() - 1))


class CsvTest(FormatCase):
    def tables(self, text):
        """The tables of a document, which an empty line separates, as lists of rows."""
        self.assertEqual(text.count("\n"), text.count("\r\n"))
        return [list(csv.DictReader(io.StringIO(part, newline=""), strict=True))
                for part in text.split("\r\n\r\n")]

    def test_one_row_an_entry_with_flat_columns(self):
        self.load("f", "flows")
        for dport, count in ((53, 3), (443, 5)):
            self.receive(*[udp(dport, 10)] * count)
        rows, = self.tables(self.text("f", "flows", "--path", "ingress", "--format", "csv"))
        self.assertEqual(list(rows[0]), [
            "direction", "metric", "sequence", "key.saddr", "key.daddr", "key.sport", "key.dport",
            "key.proto", "key.ip_version", "key.vlan", "value.first", "value.last", "value.packets",
            "value.wire_packets", "value.bytes", "value.tcp_flags", "value.tos", "value.closed",
            "value.flows"])
        self.assertEqual({(row["key.saddr"], row["key.dport"], row["value.packets"],
                           row["value.bytes"], row["sequence"], row["direction"]) for row in rows},
                         {(RED, "53", "3", "114", "1", "ingress"),
                          (RED, "443", "5", "190", "1", "ingress")})

    def test_metrics_of_the_same_columns_share_a_table(self):
        self.load("p", "packets")
        self.receive(*[frames.plain(60)] * 4)
        rows, = self.tables(self.text("p", "--format", "csv"))
        self.assertEqual([(row["direction"], row["metric"], row["key"], row["value"])
                          for row in rows],
                         [("ingress", "packets_total", "0", "4"),
                          ("egress", "packets_total", "0", "0")])

    def test_metrics_of_other_columns_have_a_table_of_their_own(self):
        self.load("f", "flows")
        self.receive(frames.plain(60), udp(1))
        flows, missed = self.tables(self.text("f", "--path", "ingress", "--format", "csv"))
        self.assertEqual([row["value.packets"] for row in flows], ["1"])
        self.assertEqual([row["value.not_ip"] for row in missed], ["1"])


class TableTest(FormatCase):
    def setUp(self):
        super().setUp()
        self.load("f", "flows")

    def send(self):
        for dport, count in ((10, 3), (20, 9), (30, 1), (40, 20), (50, 5)):
            self.receive(*[udp(dport)] * count)

    def rows(self, *options):
        """(lines of the title, rows as dictionaries) of the ingress flows."""
        lines = self.text("f", "flows", "--path", "ingress", *options).splitlines()
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
        lines = self.text("f", "flows", "--path", "ingress").splitlines()[3:]
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
