#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Reads an exposition with the strict OpenMetrics parser and with promtool.

usage: openmetrics_strict_test.py BINARY   (BINARY prints the exposition)
"""
import shutil
import subprocess
import sys

from prometheus_client.openmetrics.parser import text_string_to_metric_families

SITE = 'café "x"\n\\ \ufffd'


def check(condition, what):
    if not condition:
        sys.exit(f"openmetrics_strict_test: {what}")


def samples(family):
    return {tuple(sorted(s.labels.items())): (s.name, s.value) for s in family.samples}


def check_families(text):
    families = {f.name: f for f in text_string_to_metric_families(text)}
    check(set(families) == {"flow_packets", "flow_bytes", "_9th_last", "flow_level", "packets",
                            "delay_seconds", "sizes"},
          f"families are {sorted(families)}")
    types = {name: family.type for name, family in families.items()}
    check(types == {"flow_packets": "counter", "flow_bytes": "counter", "_9th_last": "gauge",
                    "flow_level": "unknown", "packets": "counter",
                    "delay_seconds": "histogram", "sizes": "histogram"}, f"types are {types}")
    check(families["flow_bytes"].unit == "bytes", "the unit of flow_bytes is lost")
    check(families["flow_packets"].documentation ==
          "A 'quoted' help\nof two lines \\ with a backslash.", "help is not what was given")
    common = {"monitor": "web", "device": "eth0"}
    flow = tuple(sorted({**common, "src_addr": "10.0.0.1", "proto": "TCP", "site": SITE,
                         "direction": "ingress"}.items()))
    check(samples(families["flow_packets"])[flow] == ("flow_packets_total", 5),
          f"flow_packets is {samples(families['flow_packets'])}")
    check(samples(families["flow_bytes"])[flow] == ("flow_bytes_total", 500),
          f"flow_bytes is {samples(families['flow_bytes'])}")
    packets = samples(families["packets"])
    check(len(packets) == 4, f"packets has {len(packets)} samples")
    last = tuple(sorted({**common, "index": "1", "direction": "egress"}.items()))
    check(packets[last] == ("packets_total", 2**64 - 1), f"packets is {packets}")


def buckets(family, **labels):
    return [(s.labels["le"], s.value) for s in family.samples if s.name == family.name + "_bucket"
            and labels.items() <= s.labels.items()]


def check_histograms(text):
    families = {f.name: f for f in text_string_to_metric_families(text)}
    delay = families["delay_seconds"]
    check(delay.unit == "seconds", "the unit of delay_seconds is lost")
    for port, counts in (("53", [4] * 9 + [6] * 22 + [7]), ("443", [0] * 32)):
        found = buckets(delay, port=port)
        check([count for _, count in found] == counts, f"delay_seconds of {port} is {found}")
        check([float(le) for le, _ in found[:3]] == [1e-9, 3e-9, 7e-9] and found[-1][0] == "+Inf"
              and found[9][0] == "1.023e-06", f"bounds are {found}")
    rest = {(s.name, s.labels["port"]): s.value for s in delay.samples if "le" not in s.labels}
    check(rest == {("delay_seconds_count", "53"): 7, ("delay_seconds_sum", "53"): 5.000000123,
                   ("delay_seconds_count", "443"): 0, ("delay_seconds_sum", "443"): 0},
          f"delay_seconds ends with {rest}")
    check(buckets(families["sizes"]) == [("35.0", 7), ("135.0", 7), ("235.0", 12), ("+Inf", 13)],
          f"sizes is {buckets(families['sizes'])}")
    check(len(families["sizes"].samples) == 4, "sizes has a count or a sum that is not known")


def check_promtool(text):
    """promtool reads the older format: there the `_total` of a counter has no help of its own."""
    check(shutil.which("promtool"), "promtool is not installed (Debian package prometheus)")
    result = subprocess.run(["promtool", "check", "metrics"], input=text, text=True,
                            capture_output=True)
    complaints = [line for line in result.stderr.splitlines()
                  if not line.endswith("_total no help text")]
    check(result.returncode in (0, 3) and not complaints,
          f"promtool ({result.returncode}): {result.stderr}")


def main():
    text = subprocess.run([sys.argv[1]], check=True, capture_output=True).stdout.decode()
    check(text.endswith("# EOF\n"), "the last line is not # EOF")
    check_families(text)
    check_histograms(text)
    check_promtool(text)
    print(f"{len(text.splitlines())} lines read by both")


if __name__ == "__main__":
    main()
