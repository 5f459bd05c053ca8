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
FEATURES = ["packets", "bytes", "duration_us", "syns"]


def samples(seed, count=2000, largest=2**32 - 1):
    """Features of every size, and a label that depends on them, with noise."""
    random = numpy.random.default_rng(seed)
    size = random.uniform(0, numpy.log2(largest), (count, len(FEATURES)))
    rows = numpy.minimum(numpy.exp2(size), largest).astype(numpy.uint64)
    sum_of_sizes = size[:, 0] + size[:, 1] - size[:, 2]
    return rows, (sum_of_sizes + random.normal(0, 3, count) > 8).astype(int)


def beside(thresholds, seed, largest=2**32 - 1):
    """For each (feature, threshold) the integers on both sides of it, in rows that are random else."""
    random = numpy.random.default_rng(seed)
    rows = []
    for feature, threshold in thresholds:
        for offset in (-1, 0, 1, 2):
            row = random.integers(0, largest, len(FEATURES), dtype=numpy.uint64, endpoint=True)
            row[feature] = min(max(int(numpy.floor(threshold)) + offset, 0), largest)
            rows.append(row)
    return numpy.array(rows, dtype=numpy.uint64)


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.model = self.folder / "model.json"

    def judged(self, rows, bits="32"):
        """[(is attack, score, how far the score may be off)]"""
        file = self.folder / "rows"
        file.write_bytes(rows.tobytes())
        done = subprocess.run([JUDGE, self.model, bits, file], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        found = [line.split() for line in done.stdout.splitlines()]
        self.assertEqual(len(found), len(rows))
        return [(int(attack), float(score), float(error)) for attack, score, error in found]

    def assert_same(self, judged, verdicts, scores, off=0.0, limit=0.0):
        """A verdict may differ only where the exact score is nearer to `limit` than it may be off."""
        for row, ((attack, score, error), verdict, wanted) in enumerate(zip(judged, verdicts, scores)):
            self.assertLessEqual(abs(score - wanted), error + off, f"row {row}")
            if abs(wanted - limit) > error + off:
                self.assertEqual(attack, int(verdict), f"row {row}: {score} for {wanted}")


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

    def check(self, classifier, seed):
        rows, labels = samples(seed)
        classifier.fit(rows, labels)
        export_sklearn.export(classifier, FEATURES, self.model)
        thresholds = [(feature, threshold)
                      for each in getattr(classifier, "estimators_", [classifier])
                      for feature, threshold in zip(each.tree_.feature, each.tree_.threshold)
                      if feature >= 0]
        self.assertGreater(len(thresholds), 5)
        on = beside(thresholds, seed + 1)
        judged = self.judged(on)
        self.assert_same(judged, classifier.predict(on), self.shares(classifier, on))
        self.assertGreater(sum(attack for attack, _, _ in judged), 0)
        self.assertLess(sum(attack for attack, _, _ in judged), len(on))

    def test_a_tree(self):
        for depth in (1, 4, 12):
            with self.subTest(depth=depth):
                self.check(sklearn.tree.DecisionTreeClassifier(max_depth=depth, random_state=depth)
                           if depth > 1 else
                           sklearn.tree.DecisionTreeClassifier(max_depth=3, random_state=1), depth)

    def test_a_forest(self):
        for trees, depth in ((2, 3), (9, 8), (30, 6)):
            with self.subTest(trees=trees, depth=depth):
                self.check(sklearn.ensemble.RandomForestClassifier(
                    n_estimators=trees, max_depth=depth, random_state=trees), trees)

    def test_of_an_even_vote_the_first_class_wins(self):
        rows = numpy.array([[0, 0, 0, 0], [9, 9, 9, 9]], dtype=numpy.uint64)
        for attack in (0, 1):
            with self.subTest(attack=attack):
                even = sklearn.tree.DecisionTreeClassifier().fit(numpy.zeros((2, 4)), [0, 1])
                export_sklearn.export(even, FEATURES, self.model, attack=attack)
                self.assertEqual({judged[0] for judged in self.judged(rows)}, {int(attack == 0)})
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
                done = subprocess.run([JUDGE, self.model, "32", "/dev/null"], capture_output=True,
                                      text=True)
                self.assertEqual(done.returncode, 1)
                self.assertIn(reason, done.stderr)
                self.assertRegex(done.stderr, r"model\.json:\d+:\d+: ")


if __name__ == "__main__":
    JUDGE = sys.argv.pop(1)
    unittest.main()
