#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A tree or forest of scikit-learn as JSON for `dynmon-load model`. Run it where you train:

    from export_sklearn import export
    export(classifier, ["packets", "bytes"], "model.json", attack=1)

`classifier` is a fitted DecisionTreeClassifier, RandomForestClassifier or ExtraTreesClassifier of two
classes, and `attack` the class that a verdict is about. `probability` is what predict_proba() has to
be above; 0.5 is what predict() takes."""
import json
import math

import sklearn


def tree_arrays(tree, attack):
    """A leaf adds the share of `attack` less that of the other class: an even vote adds up to 0."""
    counts = tree.value[:, 0, :]
    shares = counts / counts.sum(axis=1, keepdims=True)
    return {"left": tree.children_left.tolist(), "right": tree.children_right.tolist(),
            "feature": tree.feature.tolist(), "threshold": tree.threshold.tolist(),
            "value": (shares[:, attack] - shares[:, 1 - attack]).tolist()}


def document(classifier, features, attack=1, probability=0.5):
    classes = list(classifier.classes_)
    if len(classes) != 2:
        raise ValueError(f"two classes, and not {len(classes)}: {classes}")
    if len(features) != classifier.n_features_in_:
        raise ValueError(f"{classifier.n_features_in_} names of features, and not {len(features)}")
    estimators = getattr(classifier, "estimators_", [classifier])
    threshold = (2 * probability - 1) * len(estimators)
    if classes[0] == attack:  # predict() takes the first class where both are even
        threshold = math.nextafter(threshold, -math.inf)
    return {"dynmon-model": 1, "trainer": f"scikit-learn {sklearn.__version__}",
            "comparison": "float-at-most", "features": list(features), "base": 0,
            "threshold": threshold,
            "trees": [tree_arrays(each.tree_, classes.index(attack)) for each in estimators]}


def export(classifier, features, path, attack=1, probability=0.5):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(document(classifier, features, attack, probability), file)
