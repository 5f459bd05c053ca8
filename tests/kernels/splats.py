# SPDX-License-Identifier: BSD-2-Clause
"""Finds in a kernel's log what must not be there: warnings, oopses, reports of the sanitizers.

    splats.py FILE...     prints them; exit code 1 when there are any, 2 when a log cannot be judged
"""
import re
import sys

DENIED = re.compile(
    r"WARNING:|BUG:|\bOops\b|kernel BUG|KASAN|KFENCE|KCSAN|UBSAN|lockdep|"
    r"possible recursive locking|circular locking|inconsistent lock state|suspicious RCU|RCU.*stall|rcu.*detected stall|"
    r"hung task|blocked for more than|soft lockup|hard LOCKUP|general protection|"
    r"unable to handle|Call Trace:|refcount_t:|list_(add|del) corruption|scheduling while atomic|"
    r"sleeping function called|bad page state|double fault|Kernel panic|stack-protector|"
    r"use-after-free|divide error|invalid opcode|segfault at|"
    r"Internal error:|Out of memory:|unregister_netdevice: waiting|---\[ cut here|"
    r"workqueue:.*hogged CPU|page allocation failure")

# Exceptions that a log may have, each with the reason.
ALLOWED = [
    (re.compile(r"workqueue: \S+ hogged CPU"),
     "emulated CPUs are slow, and share one thread with each other"),
    (re.compile(r"\bdynmon-unit\[\d+\]:? (general protection|segfault|trap)"),
     "the unit tests let a trial crash, on purpose"),
    (re.compile(r"RCU CPU stall warnings timeout set to"), "the setting that machine.py gives it"),
]
# A log that lacks its first line has lost others too.
FIRST_LINE = re.compile(r"\bLinux version \d")


class NoLog(Exception):
    """The log cannot be judged; the text says why."""


def splats(log):
    """The lines of a whole kernel log that are denied and not allowed."""
    if not log or not log.strip():
        raise NoLog("the kernel's log is empty")
    if not FIRST_LINE.search(log):
        raise NoLog("the kernel's log does not begin with its first line")
    return denied_lines(log)


def denied_lines(text):
    return [line for line in text.splitlines() if DENIED.search(line) and
            not any(pattern.search(line) for pattern, _ in ALLOWED)]


def main():
    worst = 0
    for path in sys.argv[1:]:
        with open(path, errors="replace") as file:
            try:
                found = splats(file.read())
            except NoLog as error:
                print(f"{path}: {error}", file=sys.stderr)
                worst = 2
                continue
        for line in found:
            print(f"{path}: {line}")
        worst = max(worst, 1 if found else 0)
    sys.exit(worst)


if __name__ == "__main__":
    main()
