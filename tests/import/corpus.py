#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Imports every document of some folders and says what became of each: whether it was imported,
whether this kernel's verifier takes it under TC and XDP (root), or why it was refused.

usage: corpus.py [--clang FILE] [--no-kernel] [--load DYNMON_LOAD] [--keep FOLDER] DIR…

Documents are *.json; *.c are sources of an ingress path, or of an egress path where their name says
so. Exit code: 0; what is refused is no fault of the importer.

--keep leaves each probe in a folder of FOLDER, for other kernels: the guest `corpus` of ci/kernels asks
the verifier of its kernel about each,

    sudo DYNMON_IMPORTED=FOLDER ci/kernels 5.10 6.1 newest --guest corpus
"""
import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

BUILD = pathlib.Path(__file__).resolve().parent.parent.parent / "build"


def run(*words):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=300)
    return done.returncode, done.stdout, done.stderr


def error_of(text):
    """The message of a command with --json."""
    lines = [line for line in text.splitlines() if line.startswith("{")]
    try:
        return json.loads(lines[-1])["error"]["message"]
    except (IndexError, KeyError, ValueError):
        return text.strip().splitlines()[-1] if text.strip() else "no message"


def verdict(load, folder, hook):
    """Whether the kernel takes it: yes, or why not."""
    code, out, err = run(load, "--json", "check", "--kernel", "--hook", hook, folder)
    if code == 0:
        return "yes"
    try:
        problems = json.loads(out)["problems"]
        return problems[0]["message"] if problems else error_of(err)
    except (ValueError, KeyError):
        return error_of(err)


def look_at(path, target, options):
    """(imported, tc, xdp, reason)"""
    words = [options.load, "--json", "import", path, "--out", target, "--allow-drop"]
    if options.clang:
        words += ["--clang", options.clang]
    code, out, err = run(*words)
    if code:
        return "no", "", "", error_of(err)
    made = json.loads(out)
    (target.parent / "import.json").write_text(out)
    if options.no_kernel:
        return "yes", "", "yes" if made["xdp"] else "no", ""
    tc = verdict(options.load, target, "tc")
    xdp = verdict(options.load, target, "xdp") if made["xdp"] else "no"
    reasons = [reason for reason in (tc, xdp) if reason not in ("yes", "no")]
    if not made["xdp"] and made.get("ingress"):
        reasons += [remark for remark in made["remarks"] if "TC only" in remark]
    return "yes", "yes" if tc == "yes" else "NO", xdp if xdp in ("yes", "no") else "NO", \
        "; ".join(reasons)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=pathlib.Path, metavar="DIR")
    parser.add_argument("--clang", default="", help="the compiler")
    parser.add_argument("--load", default=BUILD / "dynmon-load", help="dynmon-load")
    parser.add_argument("--no-kernel", action="store_true", help="do not ask the verifier")
    parser.add_argument("--keep", type=pathlib.Path, metavar="FOLDER", help="leave the probes here")
    options = parser.parse_args()
    if options.keep:
        options.keep.mkdir()  # an older one would be mixed in
    counts, number = {}, 0
    for folder in options.folders:
        for path in sorted([*folder.rglob("*.json"), *folder.rglob("*.c")]):
            number += 1
            with tempfile.TemporaryDirectory() as scratch:
                row = look_at(path, pathlib.Path(scratch) / "probe", options)
                if options.keep and row[0] == "yes":
                    shutil.copytree(scratch, options.keep / f"{number:03}-{path.name}")
            print("\t".join([str(path.relative_to(folder)), *row]), flush=True)
            kind = path.suffix.lstrip(".")
            for key in (f"{kind} files", f"{kind} imported" if row[0] == "yes" else f"{kind} refused",
                        f"{kind} good under TC" if row[1] == "yes" else "",
                        f"{kind} good under XDP" if row[2] == "yes" else ""):
                counts[key] = counts.get(key, 0) + 1
    counts.pop("", None)
    print("\n".join(f"{key}: {count}" for key, count in sorted(counts.items())))


if __name__ == "__main__":
    sys.exit(main())
