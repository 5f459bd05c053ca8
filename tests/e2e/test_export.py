#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Windows as files: what the profiles of `export` make of the packets that were sent."""
import csv
import json
import os
import re
import signal

import exported
import frames
import harness
from exported import back, tcp, udp
from frames import ACK, SYN


SEVEN = ["Seconds", "Ns", "IPv4 flags", "TCP flags", "TCP Win", "UDP len", "ICMP type"]
TEN = SEVEN[:2] + ["Length", "IPv4 flags", "TCP len", "TCP ACK"] + SEVEN[3:]


class DdosTest(exported.ExportCase):
    def test_each_session_is_a_file_of_seven_rows_client_first(self):
        self.load("d", "ddos")
        self.receive(tcp(5000, 80, SYN, window=100), tcp(5000, 80, ACK, b"abc", window=200))
        self.transmit(tcp(80, 5000, SYN | ACK, window=300, **back()))
        self.receive(udp(6000, 53, bytes(300)))
        self.export("d", "ddos")
        self.assertEqual(self.files(), ["10.0.0.1-5000___10.0.0.2-80___TCP-iter0.csv",
                                        "10.0.0.1-6000___10.0.0.2-53___UDP-iter0.csv"])
        rows = self.rows(self.files()[0])
        self.assertEqual(list(rows), SEVEN)
        self.assertEqual([rows[label] for label in SEVEN[2:]],
                         [["0"] * 3, ["2", "16", "18"], ["100", "200", "300"], ["0"] * 3,
                          ["0"] * 3])
        self.assertEqual(self.rows(self.files()[1])["UDP len"], ["300"])
        for seconds, ns in zip(rows["Seconds"], rows["Ns"]):
            self.assertRegex(ns, r"^\d{9}$")
            self.assertLess(abs(int(seconds) - os.stat(self.out).st_mtime), 60)

    def test_ten_rows_have_length_and_acknowledgement(self):
        self.load("d", "ddos")
        self.receive(tcp(5000, 80, ACK, b"abc", ack=3_000_000_000))
        self.export("d", "ddos", "--rows", "10")
        rows = self.rows(self.files()[0])
        self.assertEqual(list(rows), TEN)
        self.assertEqual([rows[label] for label in ("Length", "TCP len", "TCP ACK")],
                         [["43"], ["3"], ["3000000000"]])

    def test_json_has_the_same_in_a_list_a_packet_with_whole_nanoseconds(self):
        self.load("d", "ddos")
        self.transmit(tcp(443, 5000, ACK, window=9, **back()))
        self.receive(frames.ipv4(frames.icmp(8), frames.ICMP))
        self.export("d", "ddos", "--format", "json")
        self.assertEqual(self.files(), ["result_0.json"])
        found = {tuple(session["id"]): session["packets"] for session in self.result(0)}
        self.assertEqual(set(found), {("10.0.0.1", 5000, "10.0.0.2", 443, "TCP"),
                                      ("10.0.0.1", 0, "10.0.0.2", 0, "ICMP")})
        packet, = found["10.0.0.1", 5000, "10.0.0.2", 443, "TCP"]
        self.assertRegex(packet[0], r"^\d{10}\.\d{9}$")
        self.assertEqual(packet[1:], [0, 16, 9, 0, 0])
        self.assertEqual(found["10.0.0.1", 0, "10.0.0.2", 0, "ICMP"][0][1:], [0, 0, 0, 0, 8])

    def test_ipv6_addresses_and_vlans_in_names_can_be_read_back(self):
        self.load("d", "ddos")
        self.receive(udp(7, 53, source="fd00::1", to="::2"), udp(8, 53, vlan=12))
        self.export("d", "ddos")
        self.assertEqual(self.files(), ["10.0.0.1-8___10.0.0.2-53___UDP-vlan12-iter0.csv",
                                        "fd00--1-7___--2-53___UDP-iter0.csv"])
        client, server, _ = self.files()[1].split("___")
        ends = [end.rsplit("-", 1) for end in (client, server)]
        self.assertEqual([(ip.replace("-", ":"), int(port)) for ip, port in ends],
                         [("fd00::1", 7), ("::2", 53)])

    def test_iterations_count_windows_and_go_on_after_a_restart(self):
        self.load("d", "ddos")
        for number in range(3):
            self.receive(udp(1000 + number, 53))
            report, = self.reports("d", "ddos")
            self.assertEqual((report["iteration"], report["sessions"], report["packets"]),
                             (number, 1, 1))
            self.assertEqual(report["files"],
                             [f"10.0.0.1-{1000 + number}___10.0.0.2-53___UDP-iter{number}.csv"])
        self.assertEqual(len(self.files()), 3)

    def test_a_folder_without_our_state_goes_on_behind_its_files(self):
        self.load("d", "ddos")
        self.out.mkdir()
        (self.out / "10.0.0.1-1___10.0.0.2-2___TCP-iter6.csv").write_text("old")
        (self.out / "result_4.json").write_text("[]")
        self.receive(udp(1, 53))
        report, = self.reports("d", "ddos")
        self.assertEqual(report["iteration"], 7)
        self.assertEqual((self.out / "10.0.0.1-1___10.0.0.2-2___TCP-iter6.csv").read_text(), "old")

    def test_a_window_with_nothing_leaves_no_file_and_takes_a_number(self):
        self.load("d", "ddos")
        reports = self.reports("d", "ddos", "--format", "json", count=2)
        self.assertEqual([(r["iteration"], r["sessions"], r["files"]) for r in reports],
                         [(0, 0, []), (1, 0, [])])
        self.assertEqual(self.files(), [])

    def test_what_was_not_captured_is_said(self):
        self.load("d", "ddos", "--set", "n_packet_per_session=2")
        self.receive(*[udp(1, 53)] * 5, frames.plain(60))
        report, = self.reports("d", "ddos")
        self.assertEqual(report["missed"], {"not_ip": 1, "limit": 3})
        self.receive(*[udp(1, 53)] * 3)
        text = self.export("d", "ddos").err
        self.assertIn("1 session, 2 packets, 1 file", text)
        self.assertIn("not captured: limit 1", text)

    def test_the_window_of_both_directions_is_there_once(self):
        self.load("d", "ddos")
        self.receive(*[udp(1, 53)] * 20)
        self.transmit(*[udp(53, 1, **back())] * 30)
        report, = self.reports("d", "ddos", "--format", "json")
        self.assertEqual(report["packets"], 50)
        session, = self.result(0)
        self.assertEqual(len(session["packets"]), 50)


class CryptoTest(exported.ExportCase):
    PROFILE = "crypto"
    HEADER = ("Timestamp (Unix ns), IP Client, IP Server, Port Client, Port Server, Protocol, "
              "Server Method, Packets_server, Packets_client, Bits_ server, Bits_ client, "
              "Duration (ns), Packets_server / Seconds, Packets_client / Seconds, "
              "Bits_server / Seconds, Bits_client / Seconds, Bits_server / Packets_server, "
              "Bits_client / Packets_client, Packets_server / Packets_client, "
              "Bits_server / Bits_client")

    def table(self):
        lines = (self.out / "results.csv").read_text().splitlines()
        self.assertEqual(lines[0], self.HEADER)
        return [row for row in csv.reader(lines[1:], skipinitialspace=True)]

    def test_each_session_is_a_line_with_its_ratios(self):
        self.load("c", "crypto")
        self.receive(tcp(5000, 443, SYN), tcp(5000, 443, ACK, bytes(60)))
        self.transmit(*[tcp(443, 5000, ACK, bytes(100), **back())] * 4)
        self.export("c", "crypto")
        row, = self.table()
        self.assertEqual(row[1:11], ["10.0.0.1", "10.0.0.2", "5000", "443", "TCP", "1", "4", "2",
                                     str(4 * 140 * 8), str((40 + 100) * 8)])
        alive, seconds = int(row[0]), int(row[11]) / 1e9
        self.assertLess(abs(alive / 1e9 - os.stat(self.out).st_mtime), 60)
        self.assertGreater(seconds, 0)
        expected = [4 / seconds, 2 / seconds, 4480 / seconds, 1120 / seconds, 4480 / 4, 1120 / 2,
                    4 / 2, 4480 / 1120]
        self.assertEqual([float(cell) for cell in row[12:]], expected)
        self.assertEqual(row[16:], ["1120.0", "560.0", "2.0", "4.0"])

    def test_a_division_by_nothing_is_a_dash(self):
        self.load("c", "crypto")
        self.receive(udp(5000, 53))
        self.export("c", "crypto")
        row, = self.table()
        self.assertEqual(row[6:12], ["2", "0", "1", "0", "224", "0"])
        self.assertEqual(row[12:], ["-"] * 5 + ["224.0", "0.0", "0.0"])

    def test_json_has_the_addresses_first(self):
        self.load("c", "crypto")
        self.transmit(udp(53, 5000, b"xy", **back()))
        self.export("c", "crypto", "--format", "json")
        session, = self.result(0)
        self.assertEqual(session["id"], ["10.0.0.1", "10.0.0.2", 5000, 53, "UDP"])
        self.assertEqual(len(session["value"]), 15)
        self.assertEqual(session["value"][1:7], [2, 1, 0, 240, 0, 0])
        self.assertEqual(session["value"][7:], ["-"] * 4 + ["240.0"] + ["-"] * 3)

    def test_windows_are_appended_also_after_a_restart(self):
        self.load("c", "crypto")
        for port in (1, 2, 3):
            self.receive(udp(5000 + port, 53))
            self.export("c", "crypto", count=2)
        self.assertEqual([row[3] for row in self.table()], ["5001", "5002", "5003"])

    def test_client_and_server_keep_their_columns_from_window_to_window(self):
        self.load("c", "crypto")
        udp_peers = {"source": "10.0.0.2", "to": "10.0.0.1"}
        self.receive(tcp(3333, 40000, SYN), udp(5353, 5353))
        self.export("c", "crypto")
        self.transmit(tcp(40000, 3333, ACK, **back()), udp(5353, 5353, **udp_peers))
        self.export("c", "crypto")
        self.receive(tcp(3333, 40000, ACK))
        self.export("c", "crypto")
        rows = sorted(row[1:7] for row in self.table())
        self.assertEqual(rows, [["10.0.0.1", "10.0.0.2", "3333", "40000", "TCP", "1"]] * 3 +
                         [["10.0.0.1", "10.0.0.2", "5353", "5353", "UDP", "3"]] * 2)

    def test_a_results_file_of_somebody_else_is_not_touched(self):
        self.load("c", "crypto")
        self.out.mkdir()
        (self.out / "results.csv").write_text("a, b\n1, 2\n")
        self.receive(udp(5000, 53))
        error = self.refused(harness.USAGE, "export", "c", "--profile", "crypto", "--out", self.out,
                             "--interval", "10ms", "--count", "1")
        self.assertIn("results.csv has other columns", error["message"])
        self.assertEqual((self.out / "results.csv").read_text(), "a, b\n1, 2\n")
        self.assertEqual(self.leftovers(), [])
        (self.out / "results.csv").unlink()
        self.export("c", "crypto")
        self.assertEqual([row[3] for row in self.table()], ["5000"])

    def test_a_results_file_that_was_moved_away_begins_anew(self):
        self.load("c", "crypto")
        self.receive(udp(5001, 53))
        self.export("c", "crypto")
        (self.out / "results.csv").rename(self.out / "results.1.csv")
        self.receive(udp(5002, 53))
        self.export("c", "crypto")
        self.assertEqual([row[3] for row in self.table()], ["5002"])


class VerbTest(exported.ExportCase):
    def test_a_monitor_that_lacks_the_metric_is_refused_before_anything_is_read(self):
        self.load("p", "packets")
        error = self.refused(harness.USAGE, "export", "p", "--profile", "ddos", "--out", self.out,
                             "--interval", "1h")
        self.assertIn("no metric 'packets_buffer_ddos', which profile 'ddos' needs",
                      error["message"])
        self.load("c", "crypto")
        self.receive(udp(1, 53))
        self.refused(harness.USAGE, "export", "c", "--profile", "ddos", "--out", self.out)
        report, = self.reports("c", "crypto")
        self.assertEqual((report["sessions"], report["packets"]), (1, 1))

    def test_options_of_other_profiles_are_refused(self):
        self.load("c", "crypto")
        error = self.refused(harness.USAGE, "export", "c", "--profile", "crypto", "--out", self.out,
                             "--rows", "10")
        self.assertIn("--rows is not for profile 'crypto'", error["message"])
        error = self.refused(harness.USAGE, "export", "c", "--profile", "crypto")
        self.assertIn("profile 'crypto' needs --out", error["message"])
        error = self.refused(harness.USAGE, "export", "c", "--profile", "cyrpto", "--out", self.out)
        self.assertIn("cyrpto", error["message"])

    def test_a_monitor_that_is_not_there_is_named(self):
        self.load("web", "crypto")
        error = self.refused(harness.FAILED, "export", "wbe", "--profile", "crypto", "--out",
                             self.out)
        self.assertIn("no monitor 'wbe'", error["message"])
        self.assertEqual(error["hint"], "did you mean 'web'?")

    def test_counts_begin_with_one(self):
        self.load("c", "crypto")
        for count in ("0", "-1", "x", ""):
            error = self.refused(harness.USAGE, "export", "c", "--profile", "crypto", "--out",
                                 self.out, "--count", count)
            self.assertIn(f"'{count}' is not a number from 1", error["message"])

    def test_a_folder_that_cannot_be_is_refused_with_what_to_do(self):
        self.load("c", "crypto")
        (self.folder / "file").write_text("")
        for out, hint in (("file", "has to be a folder"), ("no/such", "mkdir -p")):
            error = self.refused(harness.FAILED, "export", "c", "--profile", "crypto", "--out",
                                 self.folder / out)
            self.assertIn(hint, error["hint"])

    def test_two_exports_do_not_write_to_one_folder(self):
        self.load("c", "crypto")
        self.load("d", "ddos")
        first = self.start("export", "c", "--profile", "crypto", "--out", self.out, "--interval",
                           "10ms", "--json")
        first.stdout.readline()
        error = self.refused(harness.BUSY, "export", "d", "--profile", "ddos", "--out", self.out)
        self.assertIn("another export writes to", error["message"])
        first.send_signal(signal.SIGINT)
        self.assertEqual(first.wait(10), 0)

    def test_ctrl_c_ends_behind_a_whole_window(self):
        self.load("d", "ddos")
        run = self.start("--quiet", "--json", "export", "d", "--profile", "ddos", "--out", self.out,
                         "--interval", "10ms", "--format", "json")
        reports = []
        for _ in range(5):
            self.receive(*[udp(1, 53)] * 10)
            reports.append(json.loads(run.stdout.readline()))
        run.send_signal(signal.SIGINT)
        rest, error = run.communicate(timeout=10)
        self.assertEqual((run.returncode, error), (0, ""))
        reports += [json.loads(line) for line in rest.splitlines()]
        self.assertEqual([report["sequence"] for report in reports],
                         list(range(1, len(reports) + 1)))
        self.assertEqual([report["iteration"] for report in reports], list(range(len(reports))))
        last, = self.reports("d", "ddos", "--format", "json")
        self.assertEqual(sum(report["packets"] for report in reports) + last["packets"], 50)
        written = sum(len(session["packets"]) for name in self.files()
                      for session in json.loads((self.out / name).read_text()))
        self.assertEqual(written, 50)
        self.assertEqual(self.leftovers(), [])

    def test_metrics_that_nobody_uses_are_named(self):
        self.load("d", "flows")
        self.receive(udp(1, 53))
        self.replace("d", "ddos")
        self.assertIn("metric 'flows' is not written: profile 'ddos' has no use for it",
                      self.export("d", "ddos").err)

    def test_a_replaced_probe_hands_out_its_last_window_too(self):
        self.load("d", "ddos")
        self.receive(udp(1, 53))
        self.replace("d", "ddos")
        self.receive(udp(2, 53))
        reports = self.reports("d", "ddos")
        self.assertEqual([report["packets"] for report in reports], [1, 1])
        self.assertEqual([re.search(r"-(\d)___", name)[1] for name in self.files()], ["1", "2"])


if __name__ == "__main__":
    harness.main()
