#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Flows in Debian's nfcapd: nfdump prints what was sent."""
import collections
import csv
import datetime
import io
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

import frames
import harness
import wire
from exports import ExportCase, FLOWS, RED, SENT


class NfdumpTest(ExportCase):
    """Debian's nfcapd stores and nfdump prints the flows that were sent."""

    def nfcapd(self, address="127.0.0.1"):
        folder = self.folder / "captured"
        folder.mkdir()
        free = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET,
                             socket.SOCK_DGRAM)
        free.bind((address, 0))
        port = free.getsockname()[1]
        free.close()
        family = ["-6"] if ":" in address else []
        log = open(self.folder / "nfcapd.log", "w")
        self.addCleanup(log.close)
        process = subprocess.Popen([harness.tool("nfcapd", "nfdump"), "-w", folder, "-p", str(port),
                                    "-b", address, "-t", "3600", *family], stdout=log, stderr=log,
                                   env={"PATH": os.environ["PATH"], "TZ": "UTC"})
        self.processes.append(process)
        table = "/proc/net/udp6" if ":" in address else "/proc/net/udp"
        self.eventually(lambda: f":{port:04X} " in pathlib.Path(table).read_text(),
                        "nfcapd listens")
        return process, folder, port

    def printed(self, process, folder):
        """Flows of nfdump's JSON, after nfcapd has written them."""
        process.send_signal(signal.SIGTERM)
        process.wait(20 * wire.PATIENCE)
        self.assertIn("Sequence Errors: 0, Bad Packets: 0",
                      (self.folder / "nfcapd.log").read_text())
        return json.loads(self.nfdump(folder, "json"))

    @staticmethod
    def nfdump(folder, form):
        return subprocess.run(["nfdump", "-R", folder, "-o", form], capture_output=True, text=True,
                              env={"PATH": os.environ["PATH"], "TZ": "UTC"}, timeout=30,
                              check=True).stdout

    @staticmethod
    def flow_of(flow):
        if flow["proto"] in (1, 58):
            ports = (0, flow["icmp_type"] * 256 + flow["icmp_code"])
        else:
            ports = (flow["src_port"], flow["dst_port"])
        flags = sum(0x80 >> i for i, letter in enumerate(flow["tcp_flags"]) if letter != ".") \
            if "tcp_flags" in flow else 0
        return (flow.get("src4_addr") or flow["src6_addr"],
                flow.get("dst4_addr") or flow["dst6_addr"], *ports, flow["proto"],
                flow["in_packets"], flow["in_bytes"], flags, flow["src_tos"], flow["src_vlan"])

    def check_print(self, flows):
        self.assertEqual(sorted(map(self.flow_of, flows)), FLOWS)
        for flow in flows:
            first, last, received = (datetime.datetime.fromisoformat(flow[when]).replace(
                tzinfo=datetime.timezone.utc).timestamp() for when in ("first", "last", "received"))
            self.assertLessEqual(first, last)
            self.assertLess(abs(last - received), 20)
            self.assertLess(abs(last - time.time()), 60)
            self.assertEqual((flow["direction"], flow["input_snmp"], flow["output_snmp"]),
                             (0, self.blue.ifindex("blue0"), 0))
            self.assertEqual(flow["aggr_flows"], 1)

    def test_nfdump_prints_every_field_of_what_was_sent(self):
        for address in ("127.0.0.1", "::1"):
            process, folder, port = self.nfcapd(address)
            self.load("f", "flows")
            self.receive(*SENT)
            host = f"[{address}]" if ":" in address else address
            self.export(["--to", f"udp:{host}:{port}"], "--count", 1)
            self.wait_until_read(port, address)
            self.check_print(self.printed(process, folder))
            rows = list(csv.DictReader(io.StringIO(self.nfdump(folder, "csv"))))
            totals = collections.Counter()
            for row in rows:
                if row["sa"] in (RED, "fd00::1"):
                    totals.update(packets=int(row["ipkt"]), bytes=int(row["ibyt"]))
            self.assertEqual(totals, {"packets": sum(flow[5] for flow in FLOWS),
                                      "bytes": sum(flow[6] for flow in FLOWS)})
            shutil.rmtree(folder)
            self.dynmon("unload", "f")

    def test_nfdump_adds_up_many_windows_to_what_was_sent(self):
        process, folder, port = self.nfcapd()
        self.load("f", "flows")
        exporter = self.start_export(f"udp:127.0.0.1:{port}", "--idle", 0, "--mtu", 600)
        for _ in range(6):
            self.receive(*SENT)
            exporter.stdout.readline()
            exporter.stdout.readline()
        self.finish(exporter)
        self.wait_until_read(port)
        packets, octets = collections.Counter(), collections.Counter()
        for flow in map(self.flow_of, self.printed(process, folder)):
            packets[flow[:5]] += flow[5]
            octets[flow[:5]] += flow[6]
        self.assertEqual(packets, {flow[:5]: 6 * flow[5] for flow in FLOWS})
        self.assertEqual(octets, {flow[:5]: 6 * flow[6] for flow in FLOWS})

    def test_all_flows_of_a_flood_arrive_with_the_default_receive_buffer(self):
        """The tail of a burst is lost without a sequence error: counts are what tells."""
        process, folder, port = self.nfcapd()
        self.load("f", "flows", "--set", "max_flows=100k")
        self.receive(*[frames.ipv4(frames.udp(port, 53), frames.UDP) for port in range(1, 60001)])
        self.export(["--to", f"udp:127.0.0.1:{port}"], "--idle", 0, "--count", 1)
        self.wait_until_read(port)
        process.send_signal(signal.SIGTERM)
        process.wait(60 * wire.PATIENCE)
        self.assertIn("Flows: 60000, Packets: 60000, Bytes: 1680000, Sequence Errors: 0, "
                      "Bad Packets: 0", (self.folder / "nfcapd.log").read_text())

    def test_nfdump_prints_what_came_over_tcp(self):
        """nfcapd knows UDP only: what comes over TCP is handed on to it message by message."""
        process, folder, port = self.nfcapd()
        relay = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(relay.close)
        collector = self.collector("tcp")
        collector.on_message = lambda message: relay.sendto(message, ("127.0.0.1", port))
        self.load("f", "flows")
        self.receive(*SENT)
        self.export(["--to", collector.to], "--count", 1)
        self.eventually(lambda: len(collector.records()) == len(FLOWS), "all records are there")
        self.wait_until_read(port)
        self.check_print(self.printed(process, folder))

    def test_nfcapd_scales_a_sample_as_it_is_told(self):
        process, folder, port = self.nfcapd()
        relay = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(relay.close)
        collector = self.collector("udp")
        collector.on_message = lambda message: relay.sendto(message, ("127.0.0.1", port))
        self.load("f", "flows", "--set", "sample=10")
        self.receive(*[SENT[3]] * 2000)
        self.export(["--to", collector.to], "--count", 1)
        self.eventually(collector.records, "the record is there")
        self.wait_until_read(port)
        (record,) = collector.records()
        (flow,) = self.printed(process, folder)
        self.assertEqual((flow["in_packets"], flow["in_bytes"]),
                         (10 * record["packetDeltaCount"], 10 * record["octetDeltaCount"]))
        log = (self.folder / "nfcapd.log").read_text()
        self.assertNotIn("Zero sampling", log)
        self.assertEqual(log.count("Add new sampler"), 1, log)

    def wait_until_read(self, port, address="127.0.0.1"):
        """nfcapd has taken every datagram out of its socket."""
        table = pathlib.Path("/proc/net/udp6" if ":" in address else "/proc/net/udp")

        def is_empty():
            lines = [line.split() for line in table.read_text().splitlines()[1:]]
            return all(words[4].endswith(":00000000") for words in lines
                       if words[1].endswith(f":{port:04X}"))
        self.eventually(is_empty, "nfcapd has read everything")


if __name__ == "__main__":
    harness.main()
