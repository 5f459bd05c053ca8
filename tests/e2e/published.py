# SPDX-License-Identifier: BSD-2-Clause
"""The published JSON Schema of what dynmon-load prints, and documents that are held against it."""
import functools
import json

import jsonschema

import harness

SCHEMA = json.loads((harness.SOURCE / "schemas" / "output.schema.json").read_text())
# Any value of a field is valid in these.
FIELDS = ("key", "value", "was", "event")


def unique(pairs):
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError(f"a name stands twice in {pairs}")
    return members


def no_constant(name):
    raise ValueError(f"{name} is no JSON")


def strict(text):
    return json.loads(text, object_pairs_hook=unique, parse_constant=no_constant)


@functools.cache
def validator(kind):
    kind_class = jsonschema.validators.validator_for(SCHEMA)
    kind_class.check_schema(SCHEMA)
    return kind_class({"$schema": SCHEMA["$schema"], "$ref": f"#/$defs/{kind}",
                       "$defs": SCHEMA["$defs"]})


def require(case, kind, text):
    """The document `text`, which follows the definition `kind`."""
    document = strict(text)
    of_kind = validator(kind)
    case.assertEqual([error.message for error in of_kind.iter_errors(document)], [], (kind, text))
    case.assertTrue(jsonschema.validators.validator_for(SCHEMA)(SCHEMA).is_valid(document))
    if isinstance(document, dict):
        control(case, of_kind, kind, document)
    return document


def require_one(case, family, text):
    """Likewise of a family such as "stream-line": exactly one of its definitions fits. Its name."""
    kinds = [choice["$ref"].rpartition("/")[2] for choice in SCHEMA["$defs"][family]["anyOf"]]
    fitting = [kind for kind in kinds if validator(kind).is_valid(strict(text))]
    case.assertEqual(len(fitting), 1, (family, text))
    case.assertTrue(validator(family).is_valid(strict(text)))
    require(case, fitting[0], text)
    return fitting[0]


def control(case, of_kind, kind, document):
    """A check that cannot fail says nothing: a wrong document must not follow."""
    case.assertFalse(of_kind.is_valid({**document, "no-such-member": 1}), kind)
    for name, value in document.items():
        wrong = {} if not isinstance(value, dict) else []
        if name not in FIELDS:
            case.assertFalse(of_kind.is_valid({**document, name: wrong}), (kind, name))
        if name in SCHEMA["$defs"][kind]["required"]:
            less = {other: document[other] for other in document if other != name}
            case.assertFalse(of_kind.is_valid(less), (kind, name))
