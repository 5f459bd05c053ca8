#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The probe `detect`: what it knows of a session, when a model judges it, and what follows."""
import json

import frames
import harness
from test_model import ModelCase

SYN, ACK, FIN, RST = 2, 16, 1, 4


def forest(feature, threshold, below, above):
    """One split by one feature of a session."""
    tree = {"left": [1, -1, -1], "right": [2, -1, -1], "feature": [0, -2, -2],
            "threshold": [threshold, 0, 0], "value": [0, below, above]}
    return {"dynmon-model": 1, "trainer": "a test", "comparison": "at-most", "features": [feature],
            "base": 0, "threshold": 0, "trees": [tree]}


# More than one SYN is an attack.
FLOOD = forest("syns", 1, -1, 1)


def tcp(flags, size=0, source="10.0.0.1", to="10.0.0.2", sport=4000, dport=80):
    return frames.ipv4(frames.tcp(sport, dport, flags, b"x" * size), frames.TCP,
                       source=source, to=to)


class DetectCase(ModelCase):
    HOOK = ("--hook", "tc")

    def detect(self, *options):
        self.load("m", "detect", *self.HOOK, *options)

    def sessions(self):
        """{port of the side that began: value}"""
        rows = self.value(self.window("m"), "sessions")
        return {row["key"]["sport"] if not row["value"]["reversed"] else row["key"]["dport"]: row["value"]
                for row in rows}

    def detected(self):
        (found,) = self.value(self.window("m"), "detected")
        return {name: number for name, number in found.items() if number}


class SessionTest(DetectCase):
    def test_features_are_those_of_both_directions(self):
        self.detect()
        self.receive(tcp(SYN), tcp(ACK, 100), tcp(ACK | FIN, 7))
        self.transmit(tcp(SYN | ACK, source="10.0.0.2", to="10.0.0.1", sport=80, dport=4000))
        (session,) = self.sessions().values()
        found = session["features"]
        self.assertGreater(found["duration_us"], 0)
        self.assertGreater(found["gap_us"], 0)
        self.assertGreaterEqual(found["duration_us"], found["gap_us"])
        self.assertEqual({name: value for name, value in found.items() if not name.endswith("_us")},
                         {"bytes": 4 * 40 + 107, "bytes_back": 40, "payload": 107, "packets": 4,
                          "packets_back": 1, "syns": 2, "acks": 3, "fins": 1, "resets": 0,
                          "longest": 140, "shortest": 40, "port": 80, "protocol": "TCP",
                          "tcp_flags": "FIN|SYN|ACK"})

    def test_what_is_in_no_session_is_counted(self):
        self.detect()
        self.receive(frames.plain(60))
        self.assertEqual(self.detected(), {"not_judged": 1})
        self.assertEqual(self.sessions(), {})


class VerdictTest(DetectCase):
    def test_a_session_is_judged_at_its_packets_2_4_8(self):
        self.detect()
        self.set("active", FLOOD)
        verdicts = []
        for _ in range(9):
            self.receive(tcp(ACK))
            verdicts.append(self.models()[0]["judged"])
        self.assertEqual(verdicts, [0, 1, 1, 2, 2, 2, 2, 3, 3])
        self.assertEqual(self.detected(), {"judged": 3})

    def test_without_a_model_nothing_is_judged(self):
        self.detect("--set", "enforce=true")
        self.receive(*[tcp(SYN)] * 3)
        self.assertEqual(self.detected(), {"no_model": 2})
        self.assertFalse(self.sessions()[4000]["attack"])

    def test_a_dry_run_counts_what_it_would_drop(self):
        self.detect()
        self.set("active", FLOOD)
        self.receive(*[tcp(SYN)] * 5, *[tcp(ACK, sport=5000)] * 2)
        self.assertEqual(self.detected(), {"judged": 2, "attacks": 1, "would_drop": 4, "events": 1})
        found = self.sessions()
        self.assertEqual([(port, found[port]["attack"]) for port in sorted(found)],
                         [(4000, True), (5000, False)])

    def test_the_packet_of_the_verdict_and_all_after_it_are_dropped(self):
        self.detect("--set", "enforce=true")
        self.load("behind", "packets")
        done = self.set("active", FLOOD)
        self.give(*[tcp(SYN)] * 5, *[tcp(ACK, sport=5000)] * 3)
        self.assertEqual(self.packets("behind"), 1 + 3 + 1)  # and the one that settles
        self.assertEqual(self.detected(), {"judged": 2, "attacks": 1, "dropped": 4, "not_judged": 1,
                                           "events": 1})
        session = self.sessions()[4000]
        self.assertEqual((session["dropped"], session["model"], session["verdicts"]),
                         (4, done["sha256"][:16], 1))
        self.dynmon("model", "clear", "m", "active")
        self.give(tcp(ACK))  # the session stays what it is
        self.assertEqual(self.detected()["dropped"], 5)

    def test_each_attack_is_told_once_with_its_evidence(self):
        self.detect()
        done = self.set("active", FLOOD)
        self.receive(*[tcp(SYN, sport=4000)] * 5, *[tcp(SYN, sport=4001)] * 3, *[tcp(ACK, sport=4002)] * 3)
        out = self.dynmon("stream", "m/ATTACKS", "--count", 2, "--timeout", "5s").out
        events = [json.loads(line)["event"] for line in out.splitlines()]
        self.assertEqual([event["session"]["sport"] for event in events], [4000, 4001])
        for event in events:
            self.assertEqual(event["model"], done["sha256"][:16])
            self.assertGreater(event["score"], 0)
            self.assertEqual((event["features"]["syns"], event["features"]["packets"],
                              event["session"]["saddr"], event["session"]["dport"]),
                             (2, 2, "10.0.0.1", 80))

    def test_attacks_beyond_the_budget_are_counted(self):
        self.detect("--set", "events_per_second=3")
        self.set("active", FLOOD)
        self.receive(*[tcp(SYN, sport=port) for port in range(5000, 5020) for _ in range(2)])
        found = self.detected()
        self.assertEqual(found["attacks"], 20)
        self.assertEqual(found["events"] + found["events_suppressed"], 20)
        self.assertLessEqual(found["events"], 6)  # of two seconds, if one ended meanwhile

    def test_a_new_model_judges_at_the_next_packet_that_is_due(self):
        self.detect()
        self.set("active", forest("syns", 100, -1, 1))
        self.receive(*[tcp(SYN)] * 3)
        self.set("active", FLOOD)
        self.assertFalse(self.sessions()[4000]["attack"])
        self.receive(tcp(SYN))
        self.assertTrue(self.sessions()[4000]["attack"])


class XdpTest(VerdictTest):
    HOOK = ("--hook", "xdp")


if __name__ == "__main__":
    harness.main()
