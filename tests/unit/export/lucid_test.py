#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Holds the samples of lucid_sample.cpp against another implementation of LUCID's preprocessing:
every number the same, bit for bit."""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

import numpy

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent / "e2e"))

import lucid

APPS = ["", "data", "dns", "ftp", "http", "ssdp", "tls", "telnet", "ftp-data", "mdns",
        "", "", "ftp-data:data-text-lines",  # enum dynmon_app; those of ICMP left out
        "data:http", "http:data", "http:data-text-lines", "http:json", "http:xml",
        "http:urlencoded-form", "http:data:mime_multipart", "http:media", "http:png",
        "http:image-gif", "http:image-jfif"]
TRANSPORTS = {1: "icmp", 6: "tcp", 17: "udp"}


def packet(line):
    """(time, id, ten features) of what the sample says of a packet."""
    time, ends, app, length, flags, *tcp, udp_size, icmp_type = line
    transport = TRANSPORTS[ends[4]]
    icmp_type = 0 if icmp_type == 255 else icmp_type  # not seen: as tshark has none
    layers = APPS[app].split(":")
    highest = layers[-1] if layers[-1] and transport != "icmp" else transport
    return (time, ends, [length, lucid.layer_number(highest.upper()), flags,
                         lucid.protocol_number(["ip", transport, *layers]), *tcp,
                         udp_size + 8 if transport == "udp" else 0, icmp_type])


class LucidTest(unittest.TestCase):
    def test_samples_are_those_of_the_other_implementation(self):
        for seed in range(20):
            with tempfile.TemporaryDirectory() as folder:
                done = subprocess.run([SAMPLE, folder, str(seed)], capture_output=True, check=True)
                lines = [json.loads(line) for line in done.stdout.splitlines()]
                ids, expected = lucid.samples([packet(line) for line in lines
                                               if ":" not in line[1][0]], 10, 12.5)
                stem = pathlib.Path(folder, "12.5t-10n-web-iter0")
                found = numpy.load(stem.with_name(stem.name + ".npy"))
                beside = json.loads(stem.with_name(stem.name + ".json").read_text())
            self.assertEqual((found.shape, found.dtype), (expected.shape, numpy.float64))
            self.assertEqual(found.tobytes(), expected.tobytes())
            names = {1: "ICMP", 6: "TCP", 17: "UDP"}
            self.assertEqual([flow["id"] for flow in beside["flows"]],
                             [[*flow[:4], names[flow[4]]] for flow in ids])


if __name__ == "__main__":
    SAMPLE = sys.argv.pop(1)
    unittest.main()
