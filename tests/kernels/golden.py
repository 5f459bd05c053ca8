# SPDX-License-Identifier: BSD-2-Clause
"""What a kernel is capable of, as dynmon finds out, held against what it found out before."""
import difflib
import json
import pathlib

FOLDER = pathlib.Path(__file__).resolve().parent / "golden"
STEP = "features"  # not "doctor": that is the test of that verb


def features(run):
    """What the guest's doctor said; None when it did not say any."""
    try:
        return json.loads(run.steps[STEP]["out"])["features"]
    except (ValueError, KeyError):
        return None


def compare(run, record=False, folder=FOLDER):
    """Adds a failure to the run when they differ; `record`: takes them for right instead."""
    found = features(run)
    if found is None:
        if STEP in [step["name"] for step in run.guest.steps]:
            run.failures.append(f"{STEP}: doctor was to run, and has not said any")
        return
    text = json.dumps(found, indent=1, sort_keys=True) + "\n"
    file = folder / f"{run.series}.json"
    if record:
        folder.mkdir(exist_ok=True)
        file.write_text(text)
    elif not file.exists():
        run.failures.append(f"there is no {file}: ci/kernels {run.series} --record makes it")
    elif (expected := file.read_text()) != text:
        diff = difflib.unified_diff(expected.splitlines(), text.splitlines(), str(file),
                                    run.release, lineterm="", n=1)
        run.failures.append("other features than expected:\n" + "\n".join(diff))
