# SPDX-License-Identifier: BSD-2-Clause
"""Boots kernels, runs the tests in them and says in a table what came of it. See ci/kernels."""
import argparse
import concurrent.futures
import json
import os
import pathlib
import shutil
import sys
import time

import golden
import guests
import image
import table
import target
from archive import NEWEST, Archive, NoSecurityMirror, NotToBeHad
from run import Run

sys.path.insert(0, str(image.SOURCE / "tests" / "e2e"))
import documents  # noqa: E402

BUILD = pathlib.Path(os.environ.get("DYNMON_BUILD", image.SOURCE / "build"))
HERE = pathlib.Path(__file__).resolve().parent
# Every kernel that is wanted, had or not: what is missing is in the table with the reason.
WANTED = ["5.10", "5.15", "6.1", "6.6", "6.12", "6.16", "6.17", "6.18", "6.19", "7.0", "7.1", "7.2",
          NEWEST]
QUICK = ["5.10", NEWEST]
CORPUS_FOLDER = "DYNMON_IMPORTED"  # what tests/import/corpus.py --keep left
SKIPPED = 77  # something was left out, which ctest shows
OF_ARM64 = ["6.1", "6.12", NEWEST]


def parse():
    parser = argparse.ArgumentParser(
        prog="ci/kernels", description="Boots Debian's cloud kernels in QEMU and tests in them.")
    parser.add_argument("versions", nargs="*", metavar="VERSION",
                        help=f"such as 6.12, or {NEWEST} (default: {' '.join(QUICK)})")
    parser.add_argument("--all", action="store_true", help="every kernel and every guest")
    parser.add_argument("--quick", action="store_true", help="the short set of tests")
    parser.add_argument("--arch", action="append", choices=target.ARCHES,
                        help="guests of this architecture; may be given again (default: amd64)")
    parser.add_argument("--guest", action="append", metavar="NAME", choices=guests.NAMES,
                        help="only this guest; may be given again: " + " ".join(guests.NAMES))
    parser.add_argument("--record", action="store_true",
                        help="takes the features as they are for golden, and keeps the table")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="guests at once")
    parser.add_argument("--patience", type=float, default=1, metavar="FACTOR",
                        help="makes every deadline longer, on a machine that is busy")
    parser.add_argument("--cache", default=os.environ.get(
        "DYNMON_KERNELS", pathlib.Path.home() / ".cache/dynmon/kernels"))
    words = parser.parse_args()
    if words.all and words.versions:
        parser.error("--all and a VERSION: one of them")
    words.arch = words.arch or ["amd64"]
    if words.quick and words.arch != ["amd64"]:
        parser.error("the short set is of amd64 alone")
    if guests.CORPUS in (words.guest or []) and CORPUS_FOLDER not in os.environ:
        parser.error(f"the guest {guests.CORPUS} needs {CORPUS_FOLDER}, a folder of probes that "
                     "`tests/import/corpus.py --keep FOLDER DIR` made")
    return words


def had(archive, wanted):
    """(kernels in the cache by series, why the others are not there)."""
    kernels, missing = {}, {}
    for series in wanted:
        try:
            folder = archive.kernel(series)
        except NotToBeHad as error:
            missing[series] = error
            continue
        about = json.loads((folder / "kernel.json").read_text())
        kernels[about["series"]] = (folder, about)
        if not (folder / "modules.img").exists():
            image.modules_image(folder, folder / "modules.img")
    return kernels, missing


def wanted_of(words, arch):
    if arch == "arm64":
        return words.versions or OF_ARM64
    return WANTED if words.all else (words.versions or QUICK)


def is_failure(words, missing):
    """A kernel that the archive has lost is a row of the table; one that was asked for by name, or
    that the short set needs, has to be there, or a mirror of security updates is what lacks."""
    asked = QUICK if words.all else (words.versions or QUICK)
    return [series for (arch, series), why in missing.items()
            if (series in asked or arch != "amd64") and not isinstance(why, NoSecurityMirror)]


def left_out(missing):
    """The lines of the report of what a machine without security updates cannot test."""
    return [f"skipped: kernel {series} of {arch} ({why})" for (arch, series), why in missing.items()
            if isinstance(why, NoSecurityMirror)]


def runs_of(words, machine, kernels):
    order = sorted(kernels, key=table.order)
    return [Run(guest.with_patience(words.patience), *kernels[series], machine) for series in order
            for guest in guests.of(series in (order[0], order[-1]), words.quick, words.guest,
                                   machine.arch)]


def imported_for(runs):
    """{name: folder} of probes of documents, made by this machine's compilers, that guests load."""
    probes = {}
    if any(step["name"] == guests.IMPORTED for run in runs for step in run.guest.steps):
        probes["imported"] = BUILD / "kernels" / "imported"
        shutil.rmtree(probes["imported"], ignore_errors=True)
        documents.make(BUILD / "dynmon-load", probes["imported"])
    if any(run.guest.name == guests.CORPUS for run in runs):
        probes["corpus"] = pathlib.Path(os.environ[CORPUS_FOLDER])
    return probes


def boot_all(words, runs, roots):
    with concurrent.futures.ThreadPoolExecutor(words.jobs) as pool:
        waiting = [pool.submit(run.boot, roots[run.target.arch], BUILD / "kernels")
                   for run in runs]
        for done in concurrent.futures.as_completed(waiting):
            print(done.result().summary(), flush=True)


def main():
    words = parse()
    start = time.monotonic()
    runs, missing, roots = [], {}, {}
    for arch in words.arch:
        machine = target.make(arch, BUILD, words.cache)
        kernels, lacking = had(Archive(words.cache, arch), wanted_of(words, arch))
        missing.update({(arch, series): why for series, why in lacking.items()})
        roots[arch] = BUILD / "kernels" / f"root-{arch}.img"
        of_arch = runs_of(words, machine, kernels)
        image.root_image(machine.build, roots[arch], machine.userland, imported_for(of_arch))
        runs += of_arch
    for (arch, series), why in missing.items():
        print(f"ci/kernels: {series} of {arch}: {why}", file=sys.stderr)
    boot_all(words, runs, roots)
    for run in runs:
        golden.compare(run, record=words.record)
    text = table.table(runs, {series if arch == "amd64" else f"{series}-{arch}": str(why)
                              for (arch, series), why in missing.items()}, time.monotonic() - start)
    (BUILD / "kernels.md").write_text(text)
    if words.record and words.all:
        name = "kernels.md" if "amd64" in words.arch else f"kernels-{words.arch[0]}.md"
        (HERE / name).write_text(text)
    print(text)
    failed = [run for run in runs if run.failures]
    for run in failed:
        print(run.complaint(), file=sys.stderr)
    lost = is_failure(words, missing)
    skipped = left_out(missing)
    if failed or lost or not (runs or skipped):
        names = [f"{run.series} {run.guest.name}" for run in failed] + lost
        sys.exit(f"ci/kernels: failed: {', '.join(names) or 'there was nothing to run'}")
    if skipped:
        print("\n".join(skipped))
        sys.exit(SKIPPED)


if __name__ == "__main__":
    main()
