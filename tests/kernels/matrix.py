"""Boots kernels, runs the tests in them and says in a table what came of it. See ci/kernels."""
import argparse
import json
import os
import pathlib
import sys
import time

import image
import splats
from archive import NEWEST, Archive, NotToBeHad
from guests import GUESTS
from machine import Machine

BUILD = pathlib.Path(os.environ.get("DYNMON_BUILD", image.SOURCE / "build"))
WANTED = ["5.10", "5.15", "6.1", "6.6", "6.12", "6.16", "6.17", "6.18", "6.19", NEWEST]
QUICK = ["5.10", NEWEST]


class Run:
    """One guest on one kernel: its documents, and why it failed when it did."""

    def __init__(self, guest, kernel, about):
        self.guest, self.kernel, self.about = guest, kernel, about
        self.steps, self.failures, self.seconds = [], [], 0.0

    def boot(self, root, work):
        folder = work / f"{self.about['series']}-{self.guest.name}"
        machine = Machine(folder, self.kernel, root, cpus=self.guest.cpus,
                          append=self.guest.append)
        image.initramfs(self.kernel, self.about["release"],
                        json.dumps({"steps": self.guest.steps}), folder / "initrd")
        in_time, self.seconds = machine.run(self.guest.seconds)
        self._judge(machine, in_time)

    def _judge(self, machine, in_time):
        documents, console = machine.documents(), machine.console_text()
        self.steps = [document for document in documents if "code" in document]
        ended = [document for document in documents if "done" in document]
        for step in self.steps:
            if step["code"] != 0:
                self.failures.append(f"{step['name']}: exit code {step['code']}\n{step['out']}")
        for document in documents:
            if "broken" in document:
                self.failures.append(document["broken"])
        if not ended:
            begun = [document["begins"] for document in documents if "begins" in document]
            why = "ended by itself" if in_time else f"did not end within {self.guest.seconds} s"
            self.failures.append(f"the guest {why}, in {begun[-1] if begun else 'its boot'}; its "
                                 f"console:\n" + "\n".join(console.splitlines()[-60:]))
        try:
            found = splats.splats(ended[0]["log"] if ended else console)
        except splats.NoLog as error:
            self.failures.append(f"no scan of the kernel's log: {error}")
        else:
            if found:
                self.failures.append("the kernel's log has\n" + "\n".join(found))


def parse():
    parser = argparse.ArgumentParser(prog="ci/kernels")
    parser.add_argument("versions", nargs="*", metavar="VERSION")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", action="append", metavar="GUEST")
    parser.add_argument("--cache", default=os.environ.get(
        "DYNMON_KERNELS", pathlib.Path.home() / ".cache/dynmon/kernels"))
    return parser.parse_args()


def main():
    words = parse()
    archive = Archive(words.cache, "amd64")
    work = BUILD / "kernels"
    root = work / "root.img"
    start = time.monotonic()
    image.root_image(BUILD, root)
    print(f"ci/kernels: root image in {time.monotonic() - start:.0f} s", flush=True)
    versions = words.versions or (WANTED if words.all else QUICK)
    failed = False
    for series in versions:
        try:
            kernel = archive.kernel(series)
        except NotToBeHad as error:
            print(f"ci/kernels: {series}: {error}", file=sys.stderr)
            continue
        about = json.loads((kernel / "kernel.json").read_text())
        if not (kernel / "modules.img").exists():
            image.modules_image(kernel, kernel / "modules.img")
        for guest in GUESTS:
            if words.only and guest.name not in words.only:
                continue
            run = Run(guest, kernel, about)
            run.boot(root, work)
            for step in run.steps:
                print(f"  {step['name']:20} {step['code']:3} {step['tests']:4} tests "
                      f"{step['seconds']:6.1f} s {len(step['skipped'])} skipped", flush=True)
            (work / f"{about['series']}-{guest.name}" / "failures").write_text("\n".join(run.failures))
            for failure in run.failures:
                print(f"{about['release']}: {guest.name}: {failure}", file=sys.stderr)
                failed = True
            print(f"{about['release']} {guest.name} {run.seconds:.0f} s", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
