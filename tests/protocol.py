#!/usr/bin/python3
"""Holds what the PROTOCOL.md files promise against the tests: every promise (**S-1** …, **H-1** …) is
quoted by a test, as `PROMISES: S-1, H-2` in a comment or docstring, and every quotation exists. What
is not promised (**N-1** …) need not be quoted."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
ID = r"[A-Z]-\d+"


def promises():
    """{id: where}, and what is wrong with the lines."""
    found, faults = {}, []
    for path in sorted(ROOT.glob("loader/*/PROTOCOL.md")):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            for name in re.findall(rf"^- \*\*({ID})\*\* \S", line):
                if name in found:
                    faults.append(f"{path}:{number}: {name} stands in {found[name]} already")
                found[name] = f"{path}:{number}"
    return found, faults


def quotations():
    """[(id, where)]"""
    for path in sorted(ROOT.glob("tests/**/*.py")) + sorted(ROOT.glob("tests/**/*.cpp")):
        if path == pathlib.Path(__file__).resolve():
            continue
        text = path.read_text()
        for match in re.finditer(rf"PROMISES:((?:\s|#|//|,|{ID})+)", text):
            line = text.count("\n", 0, match.start()) + 1
            for name in re.findall(ID, match.group(1)):
                yield name, f"{path}:{line}"


def main():
    promised, faults = promises()
    quoted = dict(quotations())
    faults += [f"{where}: no test quotes {name}" for name, where in promised.items()
               if name not in quoted and not name.startswith("N-")]
    faults += [f"{where}: no PROTOCOL.md has {name}" for name, where in quoted.items()
               if name not in promised]
    if not promised:
        faults.append("no promises found")
    print("\n".join(faults) or f"{len(promised)} lines, {len(quoted)} of them quoted by tests")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
