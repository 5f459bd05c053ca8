# SPDX-License-Identifier: BSD-2-Clause
"""One guest on one kernel: what it said, and why it failed when it did."""
import json

import golden
import image
import splats
from target import Target
from machine import Machine

TAIL = 60  # lines of a console or of a test that are shown


def tail(text):
    return "\n".join(text.splitlines()[-TAIL:])


class Run:
    def __init__(self, guest, kernel, about, target=Target("amd64", None)):
        self.guest, self.kernel, self.about, self.target = guest, kernel, about, target
        self.series, self.release = target.named(about["series"]), about["release"]
        self.steps, self.failures, self.seconds = {}, [], 0.0

    def boot(self, root, work):
        self.folder = work / f"{self.series}-{self.guest.name}"
        arch = self.target.arch
        machine = Machine(self.folder, self.kernel, root, arch=arch, cpus=self.guest.cpus,
                          append=self.guest.append)
        plan = {"steps": self.guest.steps, "report": Machine.ARCHES[arch]["report"]}
        image.initramfs(self.kernel, self.release, json.dumps(plan), self.folder / "initrd",
                        self.target.busybox())
        in_time, self.seconds = machine.run(self.guest.seconds)
        self.judge(machine.documents(), machine.console_text(), in_time)
        return self

    def judge(self, documents, console, in_time):
        self.steps = {said["name"]: said for said in documents if "code" in said}
        for step in self.steps.values():
            (self.folder / f"{step['name']}.log").write_text(step["out"])
            if step["code"] != 0:
                self.failures.append(f"{step['name']}: exit code {step['code']}\n{tail(step['out'])}")
            elif step["tests"] == 0 and step["name"] != golden.STEP:
                self.failures.append(f"{step['name']}: ran no test")
        self.failures += [said["broken"] for said in documents if "broken" in said]
        ended = [said for said in documents if "done" in said]
        if ended:
            self.failures += [f"{step['name']}: did not run" for step in self.guest.steps
                              if step["name"] not in self.steps]
            self._scan(ended[0]["log"], "kernel's log")
        else:
            begun = [said["begins"] for said in documents if "begins" in said]
            why = "ended by itself" if in_time else f"did not end within {self.guest.seconds:.0f} s"
            self.failures.append(f"the guest {why}, in {begun[-1] if begun else 'its boot'}; its "
                                 f"console:\n{tail(console)}")
        for line in splats.denied_lines(console):  # what a dying guest can still say
            self.failures.append(f"on the console: {line}")

    def _scan(self, log, what):
        (self.folder / "dmesg").write_text(log or "")
        try:
            found = splats.splats(log)
        except splats.NoLog as error:
            self.failures.append(f"no scan of the {what}: {error}")
        else:
            if found:
                self.failures.append(f"the {what} has\n" + "\n".join(found))

    def summary(self):
        tests = sum(step["tests"] for step in self.steps.values())
        return (f"{self.release} {self.guest.name}: {len(self.steps)} steps, {tests} tests, "
                f"{self.seconds:.0f} s: {'FAILED' if self.failures else 'passed'}")

    def complaint(self):
        title = f"{self.release}, guest {self.guest.name} (all of it in {self.folder}):"
        return "\n".join([f"=== {title}", *self.failures])
