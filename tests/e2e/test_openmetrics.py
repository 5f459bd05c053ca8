#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""OpenMetrics: valid for the strict parser, and counters that never go back, whatever happens to
the maps behind them."""
import json
import shutil
import subprocess
import sys
import time

import frames
import harness

try:
    from prometheus_client import parser as classic_parser
    from prometheus_client.openmetrics.parser import text_string_to_metric_families
except ImportError:
    sys.exit(f"{sys.argv[0]}: no prometheus_client for {sys.executable}: "
             "apt-get install python3-prometheus-client")


def udp(dport=2):
    return frames.ipv4(frames.udp(1, dport, b"z" * 72), frames.UDP)  # 100 bytes of IP


class OpenMetricsCase(harness.Case):
    def families(self, *words):
        text = self.dynmon("read", *words, "--format", "openmetrics").out
        self.assertTrue(text.endswith("# EOF\n"))
        return {family.name: family for family in text_string_to_metric_families(text)}

    def samples(self, *words):
        """{(name, labels…): value} of one exposition."""
        found = {}
        for family in self.families(*words).values():
            for sample in family.samples:
                key = (sample.name, *sorted(sample.labels.items()))
                self.assertNotIn(key, found)
                found[key] = sample.value
        return found

    def flow_packets(self, *words, protocol="UDP", direction="ingress"):
        """The total of IPv4 packets of a monitor `f` that runs the probe flows."""
        return self.samples("f", *words).get(
            ("dynmon_flows_packets_total", ("device", "blue0"), ("direction", direction),
             ("ip_version", "4"), ("monitor", "f"), ("protocol", protocol)))


class ExpositionTest(OpenMetricsCase):
    def test_a_family_has_type_unit_help_and_one_sample_a_set_of_labels(self):
        self.load("f", "flows")
        self.receive(*[udp(dport) for dport in range(10)])  # ten flows, one set of labels
        self.receive(frames.ipv6(frames.tcp(1, 2, frames.SYN), frames.TCP))
        self.transmit(udp())
        families = self.families("f")
        by = families["dynmon_flows_bytes"]
        self.assertEqual((by.type, by.unit), ("counter", "bytes"))
        self.assertIn("Bytes of IP", by.documentation)
        self.assertEqual({(sample.labels["direction"], sample.labels["ip_version"],
                           sample.labels["protocol"]): sample.value for sample in by.samples},
                         {("ingress", "4", "UDP"): 1000, ("ingress", "6", "TCP"): 60,
                          ("egress", "4", "UDP"): 100})
        self.assertEqual(by.samples[0].labels["monitor"], "f")
        self.assertEqual(by.samples[0].labels["device"], "blue0")

    def test_the_name_of_a_series_is_that_of_a_scalar_metric(self):
        self.load("p", "packets")
        self.receive(*[frames.plain(60)] * 6)
        family = self.families("p")["dynmon_packets"]
        self.assertEqual({sample.labels["direction"]: sample.value for sample in family.samples},
                         {"ingress": 6, "egress": 0})
        self.assertEqual({sample.name for sample in family.samples}, {"dynmon_packets_total"})

    def test_it_says_how_full_maps_are_how_old_the_window_is_and_who_prints_it(self):
        self.load("f", "flows", "--set", "max_flows=1024")
        self.receive(udp(), frames.plain(60))
        before = time.time()
        families = self.families("f", "--peek")
        version, = families["dynmon_build_info"].samples
        self.assertEqual(version.name, "dynmon_build_info")
        self.assertIn(version.labels["version"],
                      self.dynmon("--version").out)
        self.assertEqual(version.labels["monitor"], "f")
        age, = families["dynmon_window_age_seconds"].samples
        self.assertGreater(age.value, 0)
        self.assertLess(age.value, time.time() - before + 60)
        fill, room = ({(sample.labels["direction"], sample.labels["metric"]): sample.value
                       for sample in families[f"dynmon_map_{name}"].samples}
                      for name in ("entries", "max_entries"))
        self.assertEqual(fill[("ingress", "flows")], 1)
        self.assertEqual(fill[("egress", "flows")], 0)
        self.assertEqual(room[("ingress", "flows")], 1024)

    def test_promtool_can_read_it(self):
        self.load("f", "flows")
        self.receive(udp(), frames.plain(60))
        text = self.dynmon("read", "f", "--format", "openmetrics").out
        # It reads the older format, where a counter's help has the name of its samples.
        remarks = [line for line in self.promtool(text).splitlines()
                   if not line.endswith("_total no help text")]
        self.assertEqual(remarks, [])


    def test_readers_of_the_classic_text_know_counters_and_their_help(self):
        self.load("f", "flows")
        self.receive(udp(), frames.plain(60))
        text = self.dynmon("read", "f", "--format", "prometheus").out
        self.assertIn("# TYPE dynmon_flows_bytes_total counter\n"
                      "# HELP dynmon_flows_bytes_total Bytes of IP, as on the wire.\n", text)
        self.assertNotIn("# UNIT", text)
        self.assertNotIn("# EOF", text)
        families = {family.name: family
                    for family in classic_parser.text_string_to_metric_families(text)}
        family = families["dynmon_flows_bytes"]
        self.assertEqual((family.type, family.documentation),
                         ("counter", "Bytes of IP, as on the wire."))
        self.assertEqual(families["dynmon_hook_attached"].type, "gauge")
        self.assertEqual(self.promtool(text, remarks=(0,)), "")


class TotalsTest(OpenMetricsCase):
    def test_counters_go_on_over_reads_that_empty_the_maps(self):
        self.load("f", "flows")
        total = 0
        for count in (3, 0, 7, 1):
            self.receive(*[udp()] * count)
            total += count
            self.assertEqual(self.flow_packets(), total)

    def test_readers_of_json_and_of_openmetrics_take_nothing_from_each_other(self):
        self.load("f", "flows")
        total = 0
        for count, reader in ((3, "json"), (4, "openmetrics"), (5, "json"), (6, "jsonl"),
                              (0, "openmetrics"), (2, "table"), (1, "openmetrics")):
            self.receive(*[udp()] * count)
            total += count
            if reader == "openmetrics":
                self.assertEqual(self.flow_packets(), total)
            else:
                self.dynmon("read", "f", "--format", reader)
        self.assertEqual(self.flow_packets(), total)

    def test_an_exposition_leaves_each_window_to_a_reader_that_takes_it(self):
        self.load("f", "flows")
        self.receive(*[udp()] * 3)
        for _ in range(2):
            self.assertEqual(self.flow_packets(), 3)
        self.assertEqual(self.status("f")["monitors"][0]["windows"], 0)
        window = self.window("f")
        self.assertEqual([entry["value"]["packets"] for entry in self.value(window, "flows")], [3])
        self.assertEqual(window["window"]["sequence"], 1)
        self.assertEqual(self.flow_packets(), 3)

    def test_an_export_loses_no_packet_to_expositions_beside_it(self):
        self.load("f", "flows")
        out = self.folder / "out"
        export = self.start("--json", "export", "f", "--profile", "netflow", "--out", str(out),
                            "--idle", "0", "--interval", "100ms", "--count", "20",
                            stdout=subprocess.PIPE)
        total = 0
        while export.poll() is None and total < 200:
            self.receive(*[udp()] * 5)
            total += 5
            self.assertEqual(self.flow_packets(), total)
        reports = [json.loads(line) for line in export.communicate(timeout=60)[0].splitlines()]
        self.assertEqual(export.returncode, 0)
        left = sum(entry["value"]["packets"] for document in self.read("f")
                   for entry in self.value(document, "flows"))
        self.assertEqual(sum(report["packets"] for report in reports) + left, total)
        self.assertGreater(sum(report["packets"] for report in reports), 0)

    def test_peek_shows_totals_and_the_open_window_and_changes_neither(self):
        self.load("f", "flows")
        self.receive(*[udp()] * 3)
        for _ in range(3):
            self.assertEqual(self.flow_packets("--peek"), 3)
        self.assertEqual(self.flow_packets(), 3)
        self.receive(*[udp()] * 4)
        for _ in range(2):
            self.assertEqual(self.flow_packets("--peek"), 7)
        window = self.window("f")
        self.assertEqual([entry["value"]["packets"] for entry in self.value(window, "flows")], [7])
        self.assertEqual(self.flow_packets("--peek"), 7)
        self.assertEqual(self.flow_packets(), 7)

    def test_counters_go_on_over_replaces_with_and_without_the_maps(self):
        self.load("f", "flows")
        total = 0
        for options in ((), ("--keep-maps",), (), ("--keep-matching-maps",)):
            for read_between in (True, False):
                self.receive(*[udp()] * 5)
                total += 5
                if read_between:
                    self.dynmon("read", "f", "--format", "json")
                    self.assertEqual(self.flow_packets(), total)
                self.replace("f", "flows", *options)
                self.receive(*[udp()] * 2)
                total += 2
                self.assertEqual(self.flow_packets("--peek"), total)
        self.assertEqual(self.flow_packets(), total)

    def test_a_replaced_generation_that_nobody_read_is_in_the_totals_too(self):
        self.load("f", "flows")
        for _ in range(3):
            self.receive(*[udp()] * 4)
            self.replace("f", "flows")
        self.assertEqual(self.status("f")["monitors"][0]["unread-generations"], 3)
        self.assertEqual(self.flow_packets(), 12)
        self.assertEqual(self.status("f")["monitors"][0]["unread-generations"], 3)
        self.assertEqual(len(self.read("f")), 4)
        self.assertEqual(self.status("f")["monitors"][0]["unread-generations"], 0)
        self.assertEqual(self.flow_packets(), 12)

    def test_a_counter_whose_map_is_not_emptied_goes_on_over_a_replace_of_fresh_maps(self):
        self.load("p", "packets")
        self.receive(*[frames.plain(60)] * 6)
        self.assertEqual(self.samples("p")[self.packets_key()], 6)
        self.replace("p", "packets")
        self.receive(*[frames.plain(60)] * 4)
        self.assertEqual(self.samples("p", "--peek")[self.packets_key()], 10)
        self.assertEqual(self.samples("p")[self.packets_key()], 10)
        self.receive(frames.plain(60))
        self.assertEqual(self.samples("p")[self.packets_key()], 11)

    @staticmethod
    def packets_key():
        return ("dynmon_packets_total", ("device", "blue0"), ("direction", "ingress"), ("monitor", "p"))

    def test_reading_one_metric_or_one_path_shows_the_totals_of_that(self):
        self.load("f", "flows")
        self.receive(*[udp()] * 3)
        self.transmit(*[udp()] * 2)
        self.assertEqual(self.flow_packets("--direction", "egress", direction="egress"), 2)
        names = {key[0] for key in self.samples("f", "flows_missed")}
        self.assertEqual(names, {"dynmon_hook_attached", "dynmon_build_info",
                                 "dynmon_window_age_seconds", "dynmon_map_entries",
                                 "dynmon_map_max_entries",
                                 "dynmon_flows_estimated_total",
                                 "dynmon_flows_missed_malformed_total",
                                 "dynmon_flows_missed_not_ip_total",
                                 "dynmon_flows_missed_table_full_total"})
        self.assertEqual(self.flow_packets(), 3)


class BoundTest(OpenMetricsCase):
    """A monitor `f` of flows by port, with places for three series of each direction."""

    PLACES, IDLE = 3, 20

    def setUp(self):
        super().setUp()
        folder = self.folder / "few"
        shutil.copytree(harness.probe("flows"), folder)
        manifest = (folder / "probe.yaml").read_text()
        manifest = manifest.replace("- name: protocol\n            field: key.proto",
                                    "- name: port\n            field: key.dport")
        manifest = manifest.replace("max-series: 512", f"max-series: {self.PLACES}")
        (folder / "probe.yaml").write_text(manifest)
        self.load("f", folder)
        self.sent = 0
        self.before = {}

    def send(self, **ports):
        """`p9=2`: two packets to port 9."""
        frames_ = [udp(int(port[1:])) for port, count in ports.items() for _ in range(count)]
        self.receive(*frames_)
        self.sent += len(frames_)

    def counts(self, *options):
        """{port, or what dynmon_series says: packets}. Whatever happened, the sum is exact and no
        series has gone back."""
        counts = {}
        for name, *labels in (samples := self.samples("f", *options)):
            found = dict(labels)
            if name == "dynmon_flows_packets_total" and found["direction"] == "ingress":
                key = int(found["port"]) if "port" in found else found["dynmon_series"]
                counts[key] = samples[name, *labels]
        self.assertEqual(sum(counts.values()), self.sent, counts)
        self.assertLessEqual(len([key for key in counts if isinstance(key, int)]), self.PLACES)
        for key, count in counts.items():
            self.assertGreaterEqual(count, self.before.get(key, 0), key)
        self.before = counts
        return counts

    def let_windows_pass(self, count, **each):
        for _ in range(count if each else 0):
            self.send(**each)
            self.dynmon("read", "f", "--format", "json")
        if not each:
            self.dynmon("read", "f", "--format", "json", "--interval", "1ms", "--count", count)

    def test_what_is_beyond_the_bound_is_summed_up_in_one_series(self):
        self.send(p1=1, p2=2, p3=3, p4=4, p5=5)
        self.assertEqual(self.counts("--peek"), {1: 1, 2: 2, 3: 3, "other": 9})
        self.let_windows_pass(1)
        self.assertEqual(self.counts(), {1: 1, 2: 2, 3: 3, "other": 9})
        self.send(p0=1, p2=1, p6=1)  # a smaller number takes no place that is taken
        self.assertEqual(self.counts("--peek"), {1: 1, 2: 3, 3: 3, "other": 11})
        warning = self.dynmon("read", "f", "--format", "json").err
        self.assertIn("metric 'flows' has more series than its max-series, 3", warning)
        self.assertEqual(self.counts(), {1: 1, 2: 3, 3: 3, "other": 11})

    def test_made_up_series_blind_a_metric_for_some_windows_and_not_for_ever(self):
        self.let_windows_pass(1, p1=1, p2=1, p3=1)
        self.let_windows_pass(self.IDLE - 1, p3=1, p80=1)
        self.assertEqual(self.counts(), {1: 1, 2: 1, 3: 20, "other": 19})
        self.let_windows_pass(2, p3=1, p80=1)
        self.assertEqual(self.counts(), {2: 1, 3: 22, 80: 1, "other": 20, "ended": 1})
        for _ in range(2):  # comes again, and begins with 0 once there is a place
            self.send(p1=5, p80=1)
            self.assertIn("other", self.counts())
            self.let_windows_pass(1)
        self.assertEqual(self.counts(), {1: 5, 3: 22, 80: 3, "other": 25, "ended": 2})

    def test_a_flood_of_new_series_each_window_takes_no_place_from_those_that_count(self):
        self.let_windows_pass(1, p7=1, p8=1, p9=1)
        for window in range(self.IDLE + 5):
            made_up = {f"p{1000 + 10 * window + i}": 1 for i in range(9)}
            self.send(p7=1, p8=1, p9=1, **made_up)
            counts = self.counts()
            self.assertEqual([counts[port] for port in (7, 8, 9)], [window + 2] * 3)
            self.let_windows_pass(1)

    def test_a_kill_while_series_change_places_counts_nothing_twice_and_loses_nothing(self):
        for step in (1, 2, 3, 5):
            ports = range(100 * step, 100 * step + 8)
            self.let_windows_pass(self.IDLE)
            self.send(**{f"p{port}": 2 for port in ports})
            killed, number = 0, 1
            while self.killed_read(number):
                killed += 1
                number += step
                self.before = {}
                self.counts()  # of what was added to the totals in part, the rest
            self.assertGreater(killed, 10)
            self.send(**{f"p{port}": 2 for port in ports})  # those before have given theirs up
            counts = self.counts()
            self.assertEqual([port for port in counts if isinstance(port, int)],
                             list(ports[:self.PLACES]))
            self.let_windows_pass(1)
            self.before = {key: counts[key] for key in counts if not isinstance(key, int)}

    def killed_read(self, number):
        """Whether a read that is killed on entering a bpf call of that number has come so far."""
        reading = self.start("read", "f", "--format", "json", before=(
            "strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=bpf", "-e",
            f"inject=bpf:signal=KILL:when={number}"))
        reading.communicate(timeout=30)
        return reading.returncode != harness.OK


if __name__ == "__main__":
    harness.main()
