#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""model check, set, list, clear: packets are judged by the model that was set last."""
import json

import frames
import harness

FEATURES = ["bytes", "dport", "protocol"]


def split(feature, threshold, below, above):
    """A tree of one split, with the values of its two leaves."""
    return {"left": [1, -1, -1], "right": [2, -1, -1], "feature": [FEATURES.index(feature), -2, -2],
            "threshold": [threshold, 0, 0], "value": [0, below, above]}


def forest(*trees, **changes):
    return {"dynmon-model": 1, "trainer": "a test", "comparison": "at-most", "features": FEATURES,
            "base": 0, "threshold": 0, "trees": list(trees), **changes}


LONG = forest(split("bytes", 500, -1, 1))
TO_53 = forest(split("dport", 52, -1, 1), split("dport", 53, 0, -2))


def udp(dport, size):
    return frames.ipv4(frames.udp(1000, dport, b"x" * size), frames.UDP)


class ModelCase(harness.Case):
    def write(self, document, name="model.json"):
        file = self.folder / name
        file.write_text(document if isinstance(document, str) else json.dumps(document))
        return file

    def set(self, slot, document):
        return self.dynmon("--json", "model", "set", "m", slot, self.write(document)).json()

    def models(self):
        """The active one and the shadow."""
        return self.dynmon("--json", "model", "list", "m").json()["models"]

    def give(self, *packets):
        """Whatever becomes of them."""
        self.receive(*packets, dropped=True)
        self.wire.settle(frames.plain(60))

    def judge(self, *packets, slot=0):
        """(judged, attacks, alone) that these packets add."""
        names = ("judged", "attacks", "alone")
        before = self.models()[slot]
        self.give(*packets)
        after = self.models()[slot]
        return tuple(after[name] - before[name] for name in names)


class SetTest(ModelCase):
    PACKETS = (udp(53, 10), udp(53, 600), udp(80, 600))

    def test_packets_are_judged_by_the_model_that_was_set_last(self):
        for hook in ("tc", "xdp"):
            with self.subTest(hook=hook):
                self.load("m", "judged", "--hook", hook)
                self.assertEqual(self.judge(*self.PACKETS), (0, 0, 0))
                done = self.set("active", LONG)
                self.assertEqual([done[name] for name in ("trees", "depth", "nodes", "room")],
                                 [1, 1, 4, 4096])
                self.assertEqual(self.judge(*self.PACKETS), (3, 2, 0))
                self.set("active", TO_53)
                self.assertEqual(self.judge(*self.PACKETS, udp(52, 9), udp(54, 9)), (5, 2, 0))
                self.dynmon("model", "clear", "m", "active")
                self.assertEqual(self.judge(*self.PACKETS), (0, 0, 0))
                self.assertIsNone(self.models()[0]["hash"])
                self.dynmon("unload", "m")

    def passed(self, *packets):
        """How many of them come to the probe behind; the one that settles is none of them."""
        before = self.packets("behind")
        self.give(*packets)
        return self.packets("behind") - before - 1

    def test_the_packet_that_is_judged_an_attack_is_dropped(self):
        self.load("m", "judged")
        self.load("behind", "packets")
        self.assertEqual(self.passed(*self.PACKETS), 3)
        self.set("active", LONG)
        self.assertEqual(self.passed(*self.PACKETS), 1)
        self.dynmon("model", "clear", "m", "active")
        self.assertEqual(self.passed(*self.PACKETS), 3)

    def test_the_shadow_judges_the_same_packets_and_drops_none(self):
        self.load("m", "judged")
        self.load("behind", "packets")
        self.set("shadow", LONG)
        self.assertEqual(self.passed(*self.PACKETS), 3)
        self.assertEqual(self.models()[1]["attacks"], 2)
        self.set("active", TO_53)
        # To port 53 long and short, and to another port long.
        self.assertEqual(self.judge(*self.PACKETS, slot=1), (3, 2, 1))
        self.assertEqual(self.judge(*self.PACKETS, slot=0), (3, 2, 1))
        self.assertEqual(self.passed(*self.PACKETS), 1)

    def test_a_refused_model_leaves_the_one_that_judges(self):
        self.load("m", "judged")
        hash_of_long = self.set("active", LONG)["sha256"][:16]
        for document, words in ((forest(split("bytes", 5, 1, 2), features=["octets", "dport", "protocol"]),
                                 "the feature 'octets' is not in the probe's struct"),
                                ("{", "no JSON"), ({"learner": {}}, "'gradient_booster' is missing")):
            with self.subTest(words):
                error = self.refused(harness.USAGE, "model", "set", "m", "active", self.write(document))
                self.assertIn(words, error["message"])
        self.assertEqual(self.models()[0]["hash"], hash_of_long)
        self.assertEqual(self.judge(*self.PACKETS), (3, 2, 0))

    def test_replace_keeps_models_with_keep_maps_only(self):
        self.load("m", "judged")
        self.set("active", LONG)
        self.replace("m", "judged", "--keep-maps")
        self.assertEqual(self.judge(*self.PACKETS), (3, 2, 0))
        self.replace("m", "judged")
        self.assertEqual([model["hash"] for model in self.models()], [None, None])

    def test_a_monitor_without_a_place_for_a_model_says_so(self):
        self.load("m", "packets")
        error = self.refused(harness.USAGE, "model", "set", "m", "active", self.write(LONG))
        self.assertIn("monitor 'm' has no place for a model", error["message"])
        error = self.refused(harness.FAILED, "model", "list", "none")
        self.assertIn("no monitor 'none'", error["message"])


class CheckTest(ModelCase):
    """Needs neither a monitor nor root."""

    def check(self, document):
        return self.dynmon("--json", "model", "check", self.write(document), "--probe", "judged").json()

    def refuse(self, document):
        return self.refused(harness.USAGE, "model", "check", self.write(document), "--probe", "judged")

    def test_it_says_how_large_and_how_exact_a_model_is(self):
        found = self.check(forest(*[split("bytes", 100 * i, -0.1, 0.1) for i in range(9)]))
        self.assertEqual([found[name] for name in ("trees", "depth", "nodes", "dead-splits")],
                         [9, 1, 28, 0])
        self.assertLess(found["most-error"], 1e-8)

    def test_splits_that_no_packet_divides_are_left_out(self):
        found = self.check(forest(split("protocol", 255, -1, 1), split("dport", -0.5, -1, 1)))
        self.assertEqual([found[name] for name in ("dead-splits", "depth", "nodes")], [2, 0, 3])

    def test_what_is_wrong_is_said_with_its_place(self):
        good = split("bytes", 5, 0, 1)
        for changed, words in (({"right": [1, -1, -1]}, "node 1 is the child of two others"),
                               ({"left": [7, -1, -1]}, "there is no node 7 to be a child"),
                               ({"value": [0, 1]}, "2 entries, for 3 nodes"),
                               ({"feature": [9, 0, 0]}, "there is no feature 9"),
                               ({"threshold": ["x", 0, 0]}, "not a number")):
            with self.subTest(words):
                error = self.refuse(forest({**good, **changed}))
                self.assertIn(words, error["message"])
                self.assertRegex(error["message"], r"model\.json:1:\d+: ")

    def test_what_has_no_room_is_refused(self):
        # Node 2 l splits, node 2 l + 1 is its leaf.
        levels = range(17)
        deep = {"left": [child for level in levels for child in (2 * level + 1, -1)] + [-1],
                "right": [child for level in levels for child in (2 * level + 2, -1)] + [-1],
                "threshold": [number for level in levels for number in (1000 - level, 0)] + [0],
                "feature": [0] * 35, "value": [1] * 35}
        self.assertIn("more than 16 levels", self.refuse(forest(deep))["message"])
        self.assertIn("more than 120 trees",
                      self.refuse(forest(*[split("bytes", 5, 0, 1)] * 121))["message"])


if __name__ == "__main__":
    harness.main()
