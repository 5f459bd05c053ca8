#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Manifest parser and JSON Schema accept and reject the same samples.

usage: schema_agrees.py DIAGNOSE SCHEMA SAMPLES

DIAGNOSE prints one line a file: its path, a tab, and "ok" or the first fault. samples/good is taken
by both, samples/bad by neither; samples/beyond-schema holds what only the parser can refuse.
Then the same for documents made by small random changes to the good ones.
"""
import copy
import json
import pathlib
import random
import re
import subprocess
import sys
import tempfile

import jsonschema
import yaml

MUTANTS = 1500
# What the parser alone can refuse in a document without syntax faults.
BEYOND_SCHEMA = re.compile(r"a second (metric|parameter|label|series) |the unit '|'[^']*' cannot name "
                           r"a series|the series '[^']*' has another type|map '[^']*' is swapped by|"
                           r"a histogram needs 'buckets'|'buckets' are for a histogram|"
                           r"the label '[^']*' is the number of the bucket|'imported' has |'may' contradicts")
EXPECTED = {"good": (True, True), "bad": (False, False), "beyond-schema": (False, True)}


class CoreLoader(yaml.SafeLoader):
    """YAML 1.2's core schema, as the parser and every editor have it: "yes" is a text."""


CoreLoader.yaml_implicit_resolvers = {}
for tag, pattern, first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)"
              r"|\.(nan|NaN|NAN)", "-+0123456789."),
):
    CoreLoader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"^(?:{pattern})$"),
                                     list(first))


def construct_int(loader, node):
    text = node.value
    return int(text, 8 if text.startswith("0o") else 16 if text.startswith("0x") else 10)


CoreLoader.add_constructor("tag:yaml.org,2002:int", construct_int)
CoreLoader.add_constructor("tag:yaml.org,2002:float",
                           lambda loader, node: float(node.value.lower().replace(".inf", "inf")
                                                      .replace(".nan", "nan")))


def load(path):
    data = path.read_bytes()
    if path.suffix == ".json":
        return json.loads(data.decode("utf-8"))
    return yaml.load(data, CoreLoader)


def schema_takes(validator, path):
    try:
        document = load(path)
    except (yaml.YAMLError, ValueError):
        return False, "not a document"
    errors = sorted(validator.iter_errors(document), key=str)
    return not errors, errors[0].message if errors else ""


def diagnose_all(diagnose, paths):
    output = subprocess.run([diagnose, *map(str, paths)], check=True, capture_output=True)
    return dict(line.split("\t", 1) for line in output.stdout.decode("utf-8").splitlines())


def count_wrong_samples(diagnose, validator, samples):
    paths = [path for folder in EXPECTED for path in sorted(pathlib.Path(samples, folder).iterdir())
             if path.suffix in (".yaml", ".json")]
    verdicts = diagnose_all(diagnose, paths)
    wrong = 0
    for path in paths:
        schema_ok, reason = schema_takes(validator, path)
        if (verdicts[str(path)] == "ok", schema_ok) != EXPECTED[path.parent.name]:
            wrong += 1
            print(f"{path.parent.name}/{path.name}: parser: {verdicts[str(path)]}; schema: {reason}")
    counts = {folder: sum(path.parent.name == folder for path in paths) for folder in EXPECTED}
    print(f"{len(paths)} samples {counts}, {wrong} wrong")
    return wrong if counts["bad"] >= 40 and all(counts.values()) else wrong + 1


def containers(document):
    yield document
    for value in document.values() if isinstance(document, dict) else document:
        if isinstance(value, (dict, list)):
            yield from containers(value)


def mutate(document, rng):
    """One change: a key dropped, renamed or added, a value of another kind, an item twice."""
    document = copy.deepcopy(document)
    values = [None, True, 0, -1, 7, 1.5, "", "x", "a-b", "sum", "none", "key.x", "value.x", [], {},
              ["x"], {"name": "x"}, "bytes", "drop", "__x", "9", "x" * 70, "x" * 200, "a/b", "é", "x_total"]
    keys = ["name", "map-name", "help", "merge", "value", "field", "unit", "hook", "nmae", "type",
            "buckets", "key", "count", "min", "width", "sum"]
    target = rng.choice([c for c in containers(document) if c])
    if isinstance(target, list):
        index = rng.randrange(len(target))
        if rng.random() < 0.5:
            target.append(copy.deepcopy(target[index]))
        else:
            target[index] = rng.choice(values)
        return document
    key = rng.choice(list(target))
    choice = rng.randrange(4)
    if choice == 0:
        del target[key]
    elif choice == 1:
        target[rng.choice(keys)] = target.pop(key)
    elif choice == 2:
        target[rng.choice(keys)] = rng.choice(values)
    else:
        target[key] = rng.choice(values)
    return document


def count_wrong_mutants(diagnose, validator, samples):
    rng = random.Random(20250101)
    seeds = [load(path) for path in sorted(pathlib.Path(samples, "good").iterdir())]
    seeds += [max(seeds, key=lambda document: len(json.dumps(document)))] * len(seeds)
    wrong = refused = 0
    with tempfile.TemporaryDirectory() as folder:
        paths = [pathlib.Path(folder, f"{i}.json") for i in range(MUTANTS)]
        for path in paths:
            document = rng.choice(seeds)
            for _ in range(rng.randint(1, 2)):
                document = mutate(document, rng)
            path.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
        verdicts = diagnose_all(diagnose, paths)
        for path in paths:
            verdict = verdicts[str(path)]
            schema_ok, reason = schema_takes(validator, path)
            refused += not schema_ok
            place_and_message = verdict.split(" ", 1)
            beyond = verdict != "ok" and BEYOND_SCHEMA.match(place_and_message[1])
            if (verdict == "ok") != schema_ok and not (schema_ok and beyond):
                wrong += 1
                print(f"{path.read_text(encoding='utf-8')}: parser: {verdict}; schema: {reason}")
    print(f"{MUTANTS} mutants, {refused} refused by the schema, {wrong} wrong")
    return wrong if refused > MUTANTS // 4 else wrong + 1


def main(diagnose, schema_path, samples):
    schema = json.loads(pathlib.Path(schema_path).read_text(encoding="utf-8"))
    validator_class = jsonschema.validators.validator_for(schema)
    validator_class.check_schema(schema)
    validator = validator_class(schema)
    wrong = count_wrong_samples(diagnose, validator, samples)
    wrong += count_wrong_mutants(diagnose, validator, samples)
    return 0 if wrong == 0 else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
