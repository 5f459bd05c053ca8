# SPDX-License-Identifier: BSD-2-Clause
"""The table: kernels across, features and tests down."""
import datetime

import golden


def feature_rows(runs, kernels):
    found = {run.series: features for run in runs if (features := golden.features(run))}
    names = sorted({name for features in found.values() for name in features})
    for name in names:
        yield name, [said(found.get(series, {}).get(name)) for series in kernels]


def said(value):
    return {None: "", True: "yes", False: "–"}.get(value, str(value)) \
        if not isinstance(value, (dict, list)) else str(len(value))


def test_rows(runs, kernels):
    by_place = {}
    for run in runs:
        for step in run.guest.steps:
            if step["name"] != golden.STEP:
                by_place.setdefault((run.guest.name, step["name"]), {})[run.series] = \
                    cell(run.steps.get(step["name"]))
        by_place.setdefault((run.guest.name, "whole guest"), {})[run.series] = \
            f"{'**failed**' if run.failures else 'ok'}, {run.seconds:.0f} s"
    for (guest, step), cells in by_place.items():
        yield f"{guest}: {step}", [cells.get(series, "") for series in kernels]


def cell(step):
    if step is None:
        return "**did not run**"
    skipped = f", {len(step['skipped'])} not there" if step["skipped"] else ""
    failed = "" if step["code"] == 0 else "**failed**, "
    return f"{failed}{step['tests'] - len(step['skipped'])}{skipped}, {step['seconds']:.0f} s"


def skip_notes(runs):
    notes = {}
    for run in runs:
        for step in run.steps.values():
            for test, reason in step["skipped"]:
                notes.setdefault((step["name"], test, reason), set()).add(run.series)
    for (step, test, reason), series in sorted(notes.items()):
        yield f"* {step}: `{test}` on {', '.join(sorted(series, key=order))}: {reason}"


def order(series):
    version, _, arch = series.partition("-")
    return arch, tuple(int(part) if part.isdigit() else 1 << 30 for part in version.split("."))


def markdown(head, rows):
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    for name, cells in rows:
        yield "| " + " | ".join([name, *cells]) + " |"


def table(runs, missing, seconds):
    kernels = sorted({run.series for run in runs}, key=order)
    releases = {run.series: run.release.replace("-cloud-amd64", "").replace("-cloud-", " ")
                for run in runs}
    today = datetime.date.today().isoformat()
    lines = [f"# Kernels, {today}", "",
             f"{len(kernels)} kernels, {len(runs)} guests, "
             f"{sum(step['tests'] for run in runs for step in run.steps.values())} tests, "
             f"{seconds:.0f} s. What the rows mean: README.md.", "", "## Features", ""]
    lines += markdown(["feature", *kernels], feature_rows(runs, kernels))
    lines += ["", "## Tests", "", "Tests that ran, and seconds.", ""]
    lines += markdown(["guest: test", *(releases[series] for series in kernels)],
                      test_rows(runs, kernels))
    lines += ["", "## Not tested, and why", ""]
    lines += [f"* {series}: {why}" for series, why in missing.items()]
    lines += list(skip_notes(runs))
    return "\n".join(lines) + "\n"
