#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What the tests of a run of ctest left out, and why: a line each.

    skips.py build/Testing/Temporary/LastTest.log
"""
import re
import sys

TEST = re.compile(r"^\d+/\d+ Testing: (\S+)$")
# The lines of unittest, where a test with a docstring has it on the line after its name; of doctest;
# of ci/kernels.
REASONS = (re.compile(r"^(?P<case>\w+) \(.*\)(?: \(.*\))? \.\.\. skipped (?P<quote>['\"])(?P<why>.*)(?P=quote)$"),
           re.compile(r"^(?P<case>.*) \.\.\. skipped (?P<quote>['\"])(?P<why>.*)(?P=quote)$"),
           re.compile(r"^skipped: (?P<case>.*) \((?P<why>\S+:\d+)\)$"),
           re.compile(r"^skipped: (?P<case>.*?) \((?P<why>.*)\)$"))


def skips(log):
    """(test of ctest, case, reason) in the order of the log."""
    test = None
    for line in log:
        line = line.rstrip("\n")
        if found := TEST.match(line):
            test = found[1]
            continue
        if found := next(filter(None, (reason.match(line) for reason in REASONS)), None):
            yield test, found["case"].strip(), found["why"]


def main():
    with open(sys.argv[1], errors="replace") as log:
        found = list(dict.fromkeys(skips(log)))  # a part of a case may be left out often
    for test, case, why in found:
        print(f"skipped: {test}: {case}: {why}")
    print(f"{len(found)} skipped" if found else "nothing was skipped")


if __name__ == "__main__":
    main()
