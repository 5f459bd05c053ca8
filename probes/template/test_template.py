#!/usr/bin/python3
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
"""Builds the probe, loads it onto a veth pair in a network namespace of its own, sends packets and
looks at what was counted. Needs root, clang and make; nothing is left when it ends."""
import json
import os
import pathlib
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

FOLDER = pathlib.Path(__file__).resolve().parent
MAKEFILE = os.environ.get("DYNMON_MAKEFILE", "Makefile.bpf")
DYNMON = os.environ.get("DYNMON_LOAD", "dynmon-load")
INSIDE = "PROBE_TEST_INSIDE"
IPV4, UDP, TCP = 0x0800, 17, 6
CLIENT, SERVER = "10.0.0.1", "10.0.0.2"


def run(*words):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, words))}\n{done.stdout}{done.stderr}")
    return done.stdout


def frame(protocol, segment, source=CLIENT, to=SERVER):
    """Ethernet to a station that does not exist: no host answers."""
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(segment), 0, 0, 64, protocol, 0,
                         socket.inet_aton(source), socket.inet_aton(to))
    return bytes.fromhex("020000000099" "020000000001") + struct.pack("!H", IPV4) + header + segment


def udp(sport, dport, data=b""):
    return struct.pack("!HHHH", sport, dport, 8 + len(data), 0) + data


def tcp(sport, dport, flags):
    return struct.pack("!HHIIBBHHH", sport, dport, 1, 0, 5 << 4, flags, 1024, 0, 0)


class ProbeTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.work.cleanup)
        run("make", "-s", "-f", MAKEFILE, f"PROBES={FOLDER.parent}", f"BUILD={cls.work.name}/build",
            f"{cls.work.name}/build/probes/template/template.bpf.o",
            f"{cls.work.name}/build/probes/template/probe.yaml")
        cls.probe = f"{cls.work.name}/build/probes/template"
        cls.bpffs = f"{cls.work.name}/bpf"
        os.mkdir(cls.bpffs)
        run("mount", "-t", "bpf", "bpf", cls.bpffs)
        cls.addClassCleanup(run, "umount", cls.bpffs)
        pathlib.Path("/proc/sys/net/ipv6/conf/default/disable_ipv6").write_text("1")
        run("ip", "link", "add", "here0", "type", "veth", "peer", "name", "there0")
        for device in ("here0", "there0"):
            run("ip", "link", "set", device, "up")

    def dynmon(self, *words):
        return run(DYNMON, "--bpffs", self.bpffs, *words)

    def load(self, *options):
        self.dynmon("load", "t", self.probe, "--dev", "here0", *options)
        self.addCleanup(self.dynmon, "unload", "t")

    def send(self, device, *sent):
        """there0: here0 receives them; here0: it sends them."""
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as out:
            out.bind((device, 0))
            for each in sent:
                out.send(each)

    def read(self, metric, packets, *options):
        """The rows of a metric, as soon as there are so many packets in it."""
        deadline = time.monotonic() + 10
        while True:
            document = json.loads(self.dynmon("read", "t", metric, "--peek", "--format", "json"))
            rows = document["ingress-metrics"][0]["value"]
            seen = sum(row["value"]["packets"] + row["value"].get("packets_reverse", 0)
                       for row in rows)
            if seen >= packets:
                self.assertEqual(seen, packets)
                return {tuple(row["key"][name] for name in options): row["value"] for row in rows}
            self.assertLess(time.monotonic(), deadline, f"{metric}: {rows}")
            time.sleep(0.01)

    def test_the_probe_is_good_and_the_kernel_takes_it(self):
        for hook in ("tc", "xdp"):
            self.assertIn("good", self.dynmon("check", "--kernel", "--hook", hook, self.probe))

    def test_frames_and_packets_are_counted_layer_by_layer_in_both_directions(self):
        self.load()
        self.send("there0", *[frame(UDP, udp(40000, 53, b"question"))] * 3,
                  frame(TCP, tcp(40000, 443, 2)))
        self.send("here0", frame(UDP, udp(53, 40000, b"answer")))
        got, sent = "DYNMON_DIRECTION_INGRESS", "DYNMON_DIRECTION_EGRESS"
        rows = self.read("link", 5, "direction", "ethertype", "vlan")
        self.assertEqual(rows, {(got, "IPv4", 0): {"packets": 4, "bytes": 3 * 50 + 54},
                                (sent, "IPv4", 0): {"packets": 1, "bytes": 48}})
        rows = self.read("network", 5, "direction", "ip_version", "protocol")
        self.assertEqual(rows, {(got, 4, "UDP"): {"packets": 3, "bytes": 3 * 36},
                                (got, 4, "TCP"): {"packets": 1, "bytes": 40},
                                (sent, 4, "UDP"): {"packets": 1, "bytes": 34}})
        rows = self.read("transport", 5, "direction", "protocol", "port", "tcp_flags")
        self.assertEqual({key: row["packets"] for key, row in rows.items()},
                         {(got, "UDP", 53, ""): 3, (got, "TCP", 443, "SYN"): 1,
                          (sent, "UDP", 53, ""): 1})

    def test_a_session_has_both_ways_in_one_entry(self):
        self.load("--set", "per_session=1")
        self.send("there0", *[frame(UDP, udp(40000, 53, b"question"))] * 2,
                  frame(UDP, udp(53, 40000, b"answer"), SERVER, CLIENT))
        rows = self.read("sessions", 3, "saddr", "sport", "daddr", "dport", "proto")
        self.assertEqual(list(rows), [(CLIENT, 40000, SERVER, 53, "UDP")])
        row, = rows.values()
        self.assertEqual((row["packets"], row["bytes"], row["packets_reverse"],
                          row["bytes_reverse"]), (2, 2 * 36, 1, 34))
        self.assertLessEqual(row["first"], row["last"])

    def test_events_tell_of_every_packet_and_its_payload(self):
        self.load("--set", "per_packet=1", "--set", "payload=1", "--set", "network=0")
        self.send("there0", frame(UDP, udp(40000, 53, b"question and more")),
                  frame(UDP, udp(40000, 53, b"short")))
        lines = self.dynmon("stream", "t/PACKETS", "--count", "2", "--timeout", "10s").splitlines()
        first, second = (json.loads(line)["event"] for line in lines)
        self.assertEqual((first["saddr"], first["ip_version"], first["dport"], first["protocol"],
                          first["bytes"]), (CLIENT, 4, 53, "UDP", 45))
        self.assertEqual(first["start"], b"question".hex())
        self.assertEqual(second["start_size"], 0)
        self.read("network", 0)  # switched off


if __name__ == "__main__":
    if os.geteuid() != 0:
        sys.exit(f"{sys.argv[0]}: run as root: it makes a network namespace and loads a probe")
    if INSIDE not in os.environ:  # once more, in namespaces that go with this process
        os.environ[INSIDE] = "1"
        os.execvp("unshare", ["unshare", "--net", "--mount", sys.executable, *sys.argv])
    unittest.main(verbosity=2)
