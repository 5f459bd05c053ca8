#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Flows as files: tables with the columns of nfdump, each flow once, whatever the disk does."""
import collections
import csv
import datetime
import signal
import time

import frames
import harness
import wire
from exports import fill_disk
from frames import ACK, FIN, PSH, SYN

COLUMNS = ["First seen", "Duration", "Proto", "Src IP:Port", "Dst IP:Port", "Flags", "ToS",
           "Packets", "Bytes", "Flows", "Direction", "VLAN", "End"]
UDP = frames.ipv4(frames.udp(1234, 53, b"x" * 10), frames.UDP)
TCP = [frames.ipv4(frames.tcp(40000, 443, flags), frames.TCP, tos=0xb8)
       for flags in (SYN, PSH | ACK, FIN | ACK)]
PING6 = frames.ipv6(frames.icmp(128), frames.ICMPV6, vlan=7)


class NetflowCase(harness.Case):
    def setUp(self):
        super().setUp()
        self.out = self.folder / "out"

    def export(self, *options, code=harness.OK):
        return self.dynmon("export", "f", "--profile", "netflow", "--out", self.out,
                           "--interval", "50ms", *options, code=code)

    def start_export(self, *options):
        process = self.start("--json", "export", "f", "--profile", "netflow", "--out", self.out,
                             "--interval", "50ms", *options)
        self.assertIn('"sequence"', process.stdout.readline())
        return process

    def finish(self, process):
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30 * wire.PATIENCE)
        self.assertEqual(process.returncode, harness.OK, out + err)

    def rows(self):
        rows = []
        for path in sorted(self.out.glob("flows-iter*.csv")):
            with open(path, newline="") as file:
                reader = csv.DictReader(file)
                rows += reader
                self.assertEqual(reader.fieldnames, COLUMNS)
        return rows

    def packets(self):
        return sum(int(row["Packets"]) for row in self.rows())


class TableTest(NetflowCase):
    def test_every_column(self):
        self.load("f", "flows")
        before = time.time() - 0.02
        self.receive(UDP, UDP, *TCP, PING6)
        self.transmit(UDP)
        self.export("--count", 1)
        rows = self.rows()
        for row in rows:
            first = datetime.datetime.fromisoformat(row["First seen"][:26]).replace(
                tzinfo=datetime.timezone.utc).timestamp()
            self.assertTrue(before <= first <= time.time(), row)
            self.assertTrue(0 <= float(row["Duration"]) < 30, row)
        self.assertEqual(sorted(tuple(row.values())[2:] for row in rows), sorted([
            ("UDP", "10.0.0.1:1234", "10.0.0.2:53", "........", "0", "2", "76", "1", "ingress",
             "0", "forced"),
            ("TCP", "10.0.0.1:40000", "10.0.0.2:443", "...AP.SF", "184", "3", "120", "1",
             "ingress", "0", "end"),
            ("IPv6-ICMP", "[fd00::1]:0", "[fd00::2]:128.0", "........", "0", "1", "48", "1",
             "ingress", "7", "forced"),
            ("UDP", "10.0.0.1:1234", "10.0.0.2:53", "........", "0", "1", "38", "1", "egress",
             "0", "forced")]))

    def test_windows_without_time_outs_are_files_of_their_own_and_go_on_after_a_restart(self):
        self.load("f", "flows")
        for number in range(3):
            self.receive(*[UDP] * (number + 1))
            self.export("--idle", 0, "--count", 1)
            self.assertEqual(sorted(path.name for path in self.out.glob("*.csv")),
                             [f"flows-iter{i}.csv" for i in range(number + 1)])
        self.assertEqual([(row["Packets"], row["End"]) for row in self.rows()],
                         [("1", "active"), ("2", "active"), ("3", "active")])

    def test_a_window_is_called_by_the_number_of_its_file_in_every_run(self):
        self.load("f", "flows")
        for number in range(3):
            self.receive(UDP)
            said = self.export("--idle", 0, "--count", 1).err
            self.assertIn(f"(iteration {number}): 1 flow, 1 packet, 1 file", said)
            self.assertTrue((self.out / f"flows-iter{number}.csv").exists())

    def test_a_flow_over_several_windows_is_one_row(self):
        self.load("f", "flows")
        exporter = self.start_export("--idle", f"{1000 * wire.PATIENCE:.0f}ms", "--active", "1h")
        for _ in range(3):
            self.receive(UDP)
            exporter.stdout.readline()
            exporter.stdout.readline()
        self.eventually(self.rows, "the flow leaves")
        self.finish(exporter)
        (row,) = self.rows()
        self.assertEqual((row["Packets"], row["End"]), ("3", "idle"))


class KilledTest(NetflowCase):
    """A number says at which call it is killed."""
    PLACES = [*[("renameat", n) for n in range(1, 6)], *[("renameat2", n) for n in range(1, 3)],
              *[("fsync", n) for n in range(1, 14)], ("unlinkat", 1), ("unlinkat", 2),
              *[("bpf", n) for n in range(230, 300, 5)]]

    def check(self, *options):
        self.load("f", "flows")
        for call, number in self.PLACES:
            self.receive(UDP, PING6)
            inject = f"inject={call}:signal=KILL:when={number}"
            exporter = self.start("export", "f", "--profile", "netflow", "--out", self.out,
                                  "--interval", "20ms", "--count", 5, *options, before=(
                                      "strace", "-f", "-qq", "-o", "/dev/null", "-e",
                                      f"trace={call}", "-e", inject))
            exporter.wait(30 * wire.PATIENCE)
            self.assertIn(exporter.returncode, (-signal.SIGKILL, harness.OK))
        self.export(*options, "--count", 1)
        counts = collections.Counter()
        for row in self.rows():
            counts[row["Proto"]] += int(row["Packets"])
        sent = len(self.PLACES)
        self.assertEqual(counts, {"UDP": sent, "IPv6-ICMP": sent})

    def test_without_time_outs_every_packet_is_in_one_row_wherever_it_is_killed(self):
        self.check("--idle", 0)

    def test_with_a_state_every_packet_is_in_one_row_wherever_it_is_killed(self):
        self.check("--idle", "1ms", "--state", self.folder / "state")


class DiskTest(NetflowCase):
    def small_disk(self):
        self.out.mkdir()
        wire.command("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(self.out))
        self.addCleanup(wire.command, "umount", str(self.out))

    def test_a_full_disk_leaves_the_window_in_the_kernel(self):
        self.small_disk()
        self.load("f", "flows")
        filler = fill_disk(self.out)
        self.receive(UDP, UDP)
        result = self.export("--idle", 0, "--count", 2, code=harness.FAILED)
        self.assertIn("ENOSPC", result.err)
        self.assertIn("make room", result.err)
        filler.unlink()
        self.receive(UDP)
        self.export("--idle", 0, "--count", 1)
        self.assertEqual(self.packets(), 3)

    def test_flows_that_the_last_file_has_no_room_for_are_lost_or_in_the_state(self):
        self.small_disk()
        self.load("f", "flows")
        state = self.folder / "state"
        for options in ((), ("--state", state)):
            filler = fill_disk(self.out)
            self.receive(UDP, UDP, PING6)
            said = self.export(*options, "--count", 1, code=harness.FAILED).err
            filler.unlink()
            words = ("2 flows lost: ", "make room first")
            if options:
                words = "write the last 2 flows: ", f"they are in {state}, and go with the next"
            for text in words:
                self.assertIn(text, said)
            self.export(*options, "--count", 1)
            self.assertEqual(self.packets(), 3 if options else 0)

    def test_flows_wait_for_room_on_a_full_disk(self):
        self.small_disk()
        self.load("f", "flows")
        filler = fill_disk(self.out)
        exporter = self.start_export("--idle", "100ms")
        self.receive(UDP, UDP)
        heard = []
        self.eventually(lambda: heard.append(exporter.stderr.readline())
                        or "ENOSPC" in heard[-1], "it says so")
        self.receive(PING6)
        filler.unlink()
        self.eventually(lambda: self.packets() == 3, "all flows are written", 20)
        self.finish(exporter)
        self.assertEqual(self.packets(), 3)


if __name__ == "__main__":
    harness.main()
