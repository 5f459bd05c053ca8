#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Holds what docs/dev/protocol and SECURITY.md promise against the tests: every promise (**S-1** …,
**P-1** …) is quoted by a test, in a docstring or comment, with the words that it begins with,

    PROMISES:
    S-1 Traffic is never stopped

so that a change of a promise leads to the tests that prove it, and every quotation is of a promise.
What is not promised (**N-1** …) need not be quoted."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROMISE = re.compile(r"- \*\*([A-Z]-\d+)\*\* (\S.*)")
QUOTATION = re.compile(r"\s*(?:#|//)?\s*([A-Z]-\d+)\b\s*(.*)")
FEWEST_WORDS = 3


def promises():
    """{id: (where, text)}, and what is wrong with the lines."""
    found, faults = {}, []
    for path in sorted([ROOT / "SECURITY.md", *ROOT.glob("docs/dev/protocol/*.md")]):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if match := PROMISE.fullmatch(line):
                name, text = match.groups()
                if name in found:
                    faults.append(f"{path}:{number}: {name} stands in {found[name][0]} already")
                found[name] = f"{path}:{number}", text
    return found, faults


def quotations(path):
    """(where, id, text) of the lines that follow each PROMISES: in the file, until one is none."""
    lines = path.read_text().splitlines()
    for begin, line in enumerate(lines):
        if not re.search(r"PROMISES:", line):
            continue
        for number, quoted in enumerate(lines[begin + 1:], begin + 2):
            match = QUOTATION.fullmatch(quoted)
            if not match:
                if number == begin + 2:
                    yield f"{path}:{begin + 1}", "", ""
                break
            yield f"{path}:{number}", match[1], re.sub(r'\s*"""$', "", match[2])


def fault_of(name, text, promised):
    """What is wrong with one quotation; "" when nothing is."""
    if not name:
        return "PROMISES: without a promise in the next line"
    if name not in promised:
        return f"nothing promises {name}"
    if len(text.split()) < FEWEST_WORDS or not promised[name][1].startswith(text):
        return f"{name} begins otherwise: {promised[name][1]}"
    return ""


def main():
    promised, faults = promises()
    quoted = set()
    here = pathlib.Path(__file__).resolve()
    for path in sorted(each for suffix in ("py", "cpp", "sh") for each in ROOT.glob(f"tests/**/*.{suffix}")):
        for where, name, text in quotations(path) if path != here else ():
            quoted.add(name)
            if fault := fault_of(name, text, promised):
                faults.append(f"{where}: {fault}")
    faults += [f"{where}: no test quotes {name}" for name, (where, _) in promised.items()
               if name not in quoted and not name.startswith("N-")]
    if not promised:
        faults.append("no promises found")
    print("\n".join(faults) or f"{len(promised)} lines, {len(quoted)} of them quoted by tests")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
