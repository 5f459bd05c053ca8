#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The checker of exactness: what is not exact must not pass."""
import copy
import unittest

import ledger

KEY = {"saddr": "10.0.0.1", "daddr": "10.0.0.2", "sport": 1, "dport": 2, "proto": "UDP",
       "ip_version": 4, "vlan": 0}
OTHER = {**KEY, "sport": 3, "proto": "TCP"}
REPORT = {"lanes": [
    {"from": "red0", "to": "blue0", "flows": [{"key": KEY, "packets": 30, "bytes": 3000}]},
    {"from": "blue0", "to": "red0", "flows": [{"key": OTHER, "packets": 3, "bytes": 120}]}]}


def entry(key, packets, size):
    return {"key": dict(key), "value": {"packets": packets, "wire_packets": packets, "bytes": size}}


def window(sequence, ingress, egress):
    def metrics(entries):
        nothing = {"table_full": 0, "not_ip": 0, "malformed": 0}
        return [{"name": "flows", "value": entries}, {"name": "flows_missed", "value": [nothing]}]
    return {"window": {"sequence": sequence, "from": f"t{sequence}", "to": f"t{sequence + 1}"},
            "ingress-metrics": metrics(ingress), "egress-metrics": metrics(egress)}


class LedgerTest(unittest.TestCase):
    def setUp(self):
        self.windows = [window(1, [entry(KEY, 10, 1000)], [entry(OTHER, 3, 120)]),
                        window(2, [entry(KEY, 19, 1900)], []),
                        window(3, [entry(KEY, 1, 100)], [])]
        self.expected = ledger.sent_by(REPORT, "blue0")

    def faults(self):
        return ledger.ledger_of(self.windows).faults(self.expected)

    def test_windows_that_add_up_have_no_faults(self):
        self.assertEqual(self.faults(), [])
        self.assertEqual(ledger.ledger_of(self.windows).gaps(), [])

    def test_any_window_that_is_left_out_is_a_fault_and_a_gap(self):
        for left_out in range(3):
            kept = [each for at, each in enumerate(self.windows) if at != left_out]
            self.assertNotEqual(ledger.ledger_of(kept).faults(self.expected), [], left_out)
        middle_out = ledger.ledger_of([self.windows[0], self.windows[2]])
        self.assertEqual(len(middle_out.gaps()), 2)

    def test_a_window_that_is_delivered_twice_is_a_fault_and_a_gap(self):
        self.windows.insert(1, copy.deepcopy(self.windows[0]))
        self.assertNotEqual(self.faults(), [])
        self.assertNotEqual(ledger.ledger_of(self.windows).gaps(), [])

    def test_one_packet_or_byte_too_many_or_too_few_is_a_fault(self):
        for field in ("packets", "wire_packets", "bytes"):
            for change in (1, -1):
                value = self.windows[1]["ingress-metrics"][0]["value"][0]["value"]
                value[field] += change
                self.assertEqual(len(self.faults()), 1, field)
                value[field] -= change

    def test_a_packet_in_the_wrong_flow_or_direction_is_a_fault(self):
        self.windows[0]["ingress-metrics"][0]["value"][0]["key"]["vlan"] = 7
        self.assertEqual(len(self.faults()), 2)
        self.windows[0]["ingress-metrics"][0]["value"][0]["key"]["vlan"] = 0
        moved = self.windows[0]["egress-metrics"][0]["value"].pop()
        self.windows[0]["ingress-metrics"][0]["value"].append(moved)
        self.assertEqual(len(self.faults()), 2)

    def test_a_missed_packet_is_a_fault(self):
        self.windows[2]["egress-metrics"][1]["value"][0]["table_full"] = 1
        self.assertEqual(len(self.faults()), 1)

    def test_a_window_that_does_not_begin_where_the_last_ended_is_a_gap(self):
        self.windows[2]["window"]["from"] = "t2"
        self.assertEqual(len(ledger.ledger_of(self.windows).gaps()), 1)

    def test_totals_are_read_per_direction_version_and_protocol(self):
        text = ('# TYPE dynmon_flows_packets counter\n'
                'dynmon_flows_packets_total{monitor="f",ip_version="4",protocol="UDP",'
                'direction="ingress"} 30\n'
                'dynmon_flows_packets_total{monitor="f",ip_version="4",protocol="TCP",'
                'direction="egress"} 3\n# EOF\n')
        self.assertEqual(ledger.totals_of(text, "dynmon_flows_packets"),
                         ledger.expected_totals(self.expected, 0))
        self.assertNotEqual(ledger.totals_of(text, "dynmon_flows_packets"),
                            ledger.expected_totals(self.expected, 1))


if __name__ == "__main__":
    unittest.main()
