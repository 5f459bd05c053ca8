#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The kernel's verdict on a model is the trainer's own, on and beside every threshold of it: scikit-learn
and XGBoost are the oracles. Seeds are fixed."""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

try:
    import numpy
    import sklearn.ensemble
    import sklearn.tree
except ImportError as error:
    print(f"skipped: models of scikit-learn: {error} (python3-sklearn)")
    sys.exit(77)
try:
    import xgboost
except ImportError:
    xgboost = None

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "loader" / "model"))
import export_sklearn  # noqa: E402

JUDGE = None
# struct features of the test probe `forest`.
ROW = numpy.dtype([("packets", "<u8"), ("bytes", "<u8"), ("duration_us", "<u4"), ("syns", "<u4"),
                   ("balance", "<i4"), ("port", ">u2"), ("flags", "u1"), ("proto_phase", "u1")])
# The integers that a feature can be. Those of 64 bits have no thresholds beyond 32.
RANGES = {"packets": (0, 2**31), "bytes": (0, 2**31), "duration_us": (0, 2**32 - 1),
          "syns": (0, 2**32 - 1), "balance": (-2**31, 2**31 - 1), "port": (0, 65535),
          "flags": (0, 255), "proto": (0, 7), "phase": (0, 31)}
FEATURES = list(RANGES)
LOWEST, LARGEST = numpy.array(list(RANGES.values())).T


def packed(rows):
    """Rows of features, in the order of FEATURES, as the probe's struct."""
    table = numpy.zeros(len(rows), ROW)
    for column, name in enumerate(FEATURES[:7]):
        table[name] = rows[:, column]
    table["proto_phase"] = rows[:, 7] | rows[:, 8] << 3
    return table.tobytes()


def samples(seed, count=2000):
    """Features of every size, and a label that depends on them, with noise."""
    random = numpy.random.default_rng(seed)
    share = random.uniform(0, 1, (count, len(FEATURES)))
    rows = (LOWEST + numpy.exp2(share * numpy.log2(LARGEST - LOWEST))).astype(numpy.int64)
    rows = numpy.clip(rows, LOWEST, LARGEST)
    return rows, (share.sum(axis=1) + random.normal(0, 0.5, count) > 4.8).astype(int)


def beside(thresholds, seed, most=1500):
    """For each (feature, threshold), or `most` of them, the integers on both sides of it, in rows that
    are random else."""
    random = numpy.random.default_rng(seed)
    if len(thresholds) > most:
        thresholds = [thresholds[i] for i in random.choice(len(thresholds), most, replace=False)]
    rows = random.integers(LOWEST, LARGEST, (4 * len(thresholds), len(FEATURES)), endpoint=True)
    for number, (feature, threshold) in enumerate(thresholds):
        near = int(numpy.floor(threshold)) + numpy.array([-1, 0, 1, 2])
        rows[4 * number:4 * number + 4, feature] = numpy.clip(near, LOWEST[feature], LARGEST[feature])
    return rows


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.model = self.folder / "model.json"

    def judged(self, rows):
        """Whether each row is an attack, its score, and how far a score may be off."""
        file = self.folder / "rows"
        file.write_bytes(packed(rows))
        done = subprocess.run([JUDGE, self.model, file], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        found = numpy.fromstring(done.stdout, sep=" ").reshape(-1, 3)
        self.assertEqual(len(found), len(rows))
        return found[:, 0].astype(bool), found[:, 1], found[0, 2]

    def assert_same(self, judged, verdicts, scores, off=0.0, limit=0.0):
        """A verdict may differ only where the exact score is nearer to `limit` than it may be off."""
        attacks, found, error = judged
        self.assertLessEqual(numpy.abs(found - scores).max(), error + off)
        clear = numpy.abs(scores - limit) > error + off
        self.assertGreater(clear.mean(), 0.9)
        wrong = numpy.flatnonzero(clear & (attacks != numpy.asarray(verdicts, bool)))
        self.assertEqual(list(wrong), [])


class SklearnTest(Case):
    def shares(self, classifier, rows):
        """What the leaves add up to, by the trainer's own apply()."""
        total = numpy.zeros(len(rows))
        for each in getattr(classifier, "estimators_", [classifier]):
            counts = each.tree_.value[:, 0, :]
            shares = counts / counts.sum(axis=1, keepdims=True)
            leaves = each.apply(rows.astype(numpy.float32))
            total += shares[leaves, 1] - shares[leaves, 0]
        return total

    def check(self, classifier, seed, verdicts=frozenset({False, True})):
        rows, labels = samples(seed)
        classifier.fit(rows, labels)
        export_sklearn.export(classifier, FEATURES, self.model)
        thresholds = [(feature, threshold)
                      for each in getattr(classifier, "estimators_", [classifier])
                      for feature, threshold in zip(each.tree_.feature, each.tree_.threshold)
                      if feature >= 0]
        on = beside(thresholds, seed + 1)
        judged = self.judged(on)
        self.assert_same(judged, classifier.predict(on), self.shares(classifier, on))
        self.assertLessEqual(verdicts, set(judged[0]))
        return thresholds

    def test_a_tree(self):
        for depth in (3, 8, 14):
            with self.subTest(depth=depth):
                self.check(sklearn.tree.DecisionTreeClassifier(max_depth=depth, random_state=depth),
                           depth)

    def test_a_forest(self):
        for trees, depth in ((2, 3), (9, 8), (30, 6)):
            with self.subTest(trees=trees, depth=depth):
                self.check(sklearn.ensemble.RandomForestClassifier(
                    n_estimators=trees, max_depth=depth, random_state=trees), trees)

    def test_the_rows_tell_a_rounded_threshold_from_the_right_one(self):
        """That of a mutant: x <= floor(threshold)."""
        thresholds = self.check(sklearn.ensemble.RandomForestClassifier(
            n_estimators=30, max_depth=10, random_state=5), 5, frozenset())
        differ = sum(
            (value <= numpy.floor(threshold)) != (float(numpy.float32(value)) <= threshold)
            for feature, threshold in thresholds
            for value in (min(max(int(numpy.floor(threshold)) + offset, LOWEST[feature]), LARGEST[feature])
                          for offset in (-1, 0, 1, 2)))
        self.assertGreater(differ, 50)

    def test_a_count_beyond_32_bits_is_larger_than_every_threshold(self):
        rows, labels = samples(7)
        tree = sklearn.tree.DecisionTreeClassifier(max_depth=8, random_state=7).fit(rows, labels)
        export_sklearn.export(tree, FEATURES, self.model)
        rows[:, :2] += 2**40
        self.assert_same(self.judged(rows), tree.predict(rows), self.shares(tree, rows))

    def test_a_threshold_beyond_32_bits_is_refused_with_its_place(self):
        rows, labels = samples(8)
        rows[:, 0] = numpy.where(labels, 2**40, 2**39)
        tree = sklearn.tree.DecisionTreeClassifier(max_depth=1).fit(rows, labels)
        export_sklearn.export(tree, FEATURES, self.model)
        done = subprocess.run([JUDGE, self.model, "/dev/null"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"model\.json:1:\d+: the threshold \d+.* of 'packets' is beyond")

    def test_a_feature_that_the_probe_has_not_is_named(self):
        rows, labels = samples(9)
        tree = sklearn.tree.DecisionTreeClassifier(max_depth=1).fit(rows, labels)
        export_sklearn.export(tree, ["packet", *FEATURES[1:]], self.model)
        done = subprocess.run([JUDGE, self.model, "/dev/null"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("the feature 'packet' is not in the probe's struct", done.stderr)

    def test_of_an_even_vote_the_first_class_wins(self):
        rows = numpy.array([LOWEST, LARGEST])
        for attack in (0, 1):
            with self.subTest(attack=attack):
                even = sklearn.tree.DecisionTreeClassifier().fit(numpy.zeros((2, len(FEATURES))), [0, 1])
                export_sklearn.export(even, FEATURES, self.model, attack=attack)
                self.assertEqual(set(self.judged(rows)[0]), {attack == 0})
                self.assertEqual(set(even.predict(rows)), {0})


@unittest.skipIf(xgboost is None, "no python3-xgboost")
class XgboostTest(Case):
    def check(self, seed, **options):
        rows, labels = samples(seed)
        classifier = xgboost.XGBClassifier(random_state=seed, n_jobs=1, **options)
        classifier.fit(rows, labels)
        booster = classifier.get_booster()
        booster.feature_names = FEATURES
        booster.save_model(self.model)
        trees = json.loads(self.model.read_text())["learner"]["gradient_booster"]["model"]["trees"]
        splits = [(feature, threshold) for tree in trees
                  for feature, threshold, left in zip(tree["split_indices"], tree["split_conditions"],
                                                      tree["left_children"]) if left >= 0]
        on = beside(splits, seed + 1)
        data = xgboost.DMatrix(on, feature_names=FEATURES)
        margins = booster.predict(data, output_margin=True).astype(float)
        # XGBoost adds up in float32, which is off by more than the integers are.
        off = 1e-6 * (1 + numpy.abs(margins).max())
        self.assert_same(self.judged(on), booster.predict(data) > 0.5, margins, off)
        return len(splits)

    def test_boosted_trees(self):
        self.assertGreater(self.check(1, n_estimators=50, max_depth=6), 500)

    def test_a_base_score_is_a_probability(self):
        self.check(2, n_estimators=10, max_depth=4, base_score=0.2)

    def test_what_the_engine_has_not_is_refused_by_name(self):
        rows, labels = samples(3, 200)
        for options, reason in (({"booster": "gblinear"}, "the booster is 'gblinear'"),
                                ({"booster": "dart"}, "the booster is 'dart'"),
                                ({"objective": "binary:hinge"}, "the objective is 'binary:hinge'")):
            with self.subTest(reason):
                classifier = xgboost.XGBClassifier(n_estimators=2, **options).fit(rows, labels)
                classifier.get_booster().feature_names = FEATURES
                classifier.save_model(self.model)
                done = subprocess.run([JUDGE, self.model, "/dev/null"], capture_output=True,
                                      text=True)
                self.assertEqual(done.returncode, 1)
                self.assertIn(reason, done.stderr)
                self.assertRegex(done.stderr, r"model\.json:\d+:\d+: ")


if __name__ == "__main__":
    JUDGE = sys.argv.pop(1)
    unittest.main()
