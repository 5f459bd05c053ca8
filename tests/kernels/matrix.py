"""Boots kernels, runs the tests in them and says in a table what came of it. See ci/kernels."""
import argparse
import concurrent.futures
import json
import os
import pathlib
import sys
import time

import golden
import guests
import image
import table
from archive import NEWEST, Archive, NotToBeHad
from run import Run

BUILD = pathlib.Path(os.environ.get("DYNMON_BUILD", image.SOURCE / "build"))
HERE = pathlib.Path(__file__).resolve().parent
# Every kernel that is wanted, had or not: what is missing is in the table with the reason.
WANTED = ["5.10", "5.15", "6.1", "6.6", "6.12", "6.16", "6.17", "6.18", "6.19", "7.0", "7.1", "7.2",
          NEWEST]
QUICK = ["5.10", NEWEST]


def parse():
    parser = argparse.ArgumentParser(
        prog="ci/kernels", description="Boots Debian's cloud kernels in QEMU and tests in them.")
    parser.add_argument("versions", nargs="*", metavar="VERSION",
                        help=f"such as 6.12, or {NEWEST} (default: {' '.join(QUICK)})")
    parser.add_argument("--all", action="store_true", help="every kernel and every guest")
    parser.add_argument("--quick", action="store_true", help="the short set of tests")
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
    return words


def had(archive, wanted):
    """(kernels in the cache by series, why the others are not there)."""
    kernels, missing = {}, {}
    for series in wanted:
        try:
            folder = archive.kernel(series)
        except NotToBeHad as error:
            missing[series] = str(error)
            continue
        about = json.loads((folder / "kernel.json").read_text())
        kernels[about["series"]] = (folder, about)
        if not (folder / "modules.img").exists():
            image.modules_image(folder, folder / "modules.img")
    return kernels, missing


def is_failure(words, missing):
    """A kernel that the archive has lost is a row of the table; one that was asked for by name, or
    that the short set needs, has to be there."""
    asked = QUICK if words.all else (words.versions or QUICK)
    return [series for series in asked if series in missing]


def boot_all(words, kernels, root):
    order = sorted(kernels, key=table.order)
    runs = [Run(guest.with_patience(words.patience), *kernels[series]) for series in order
            for guest in guests.of(series in (order[0], order[-1]), words.quick, words.guest)]
    with concurrent.futures.ThreadPoolExecutor(words.jobs) as pool:
        waiting = [pool.submit(run.boot, root, BUILD / "kernels") for run in runs]
        for done in concurrent.futures.as_completed(waiting):
            print(done.result().summary(), flush=True)
    return runs


def main():
    words = parse()
    start = time.monotonic()
    wanted = WANTED if words.all else (words.versions or QUICK)
    kernels, missing = had(Archive(words.cache, "amd64"), wanted)
    for series, why in missing.items():
        print(f"ci/kernels: {series}: {why}", file=sys.stderr)
    root = BUILD / "kernels" / "root.img"
    image.root_image(BUILD, root)
    runs = boot_all(words, kernels, root)
    for run in runs:
        golden.compare(run, record=words.record)
    text = table.table(runs, missing, time.monotonic() - start)
    (BUILD / "kernels.md").write_text(text)
    if words.record and words.all:
        (HERE / "kernels.md").write_text(text)
    print(text)
    failed = [run for run in runs if run.failures]
    for run in failed:
        print(run.complaint(), file=sys.stderr)
    lost = is_failure(words, missing)
    if failed or lost or not runs:
        names = [f"{run.series} {run.guest.name}" for run in failed] + lost
        sys.exit(f"ci/kernels: failed: {', '.join(names) or 'there was nothing to run'}")


if __name__ == "__main__":
    main()
