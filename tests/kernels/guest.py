# SPDX-License-Identifier: BSD-2-Clause
"""The guest's side, as its first process: runs the plan and says on the line of the report, as one
JSON document per line, what came of it. Ends with the kernel's log."""
import ctypes
import json
import os
import re
import signal
import subprocess
import sys
import time
import traceback

SKIPPED = 77  # the exit code of a test program that left something out
LONGEST = 100_000  # characters of what one step says
LINUX_REBOOT_CMD_RESTART = 0x01234567
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin", "LC_ALL": "C.UTF-8", "HOME": "/tmp",
               "DYNMON_BUILD": "/dynmon/build", "PYTHONDONTWRITEBYTECODE": "1",
               "DYNMON_TRAFFIC_PAUSE": "0.001", "DYNMON_TEST_PATIENCE": "4",
               "DYNMON_PROBE_PATH": "/dynmon/build/probes:/dynmon/build/e2e/probes"}


class Report:
    def __init__(self, path):
        self.file = open(path, "w")

    def say(self, **document):
        self.file.write(json.dumps(document) + "\n")
        self.file.flush()


def run_step(step, report):
    report.say(begins=step["name"])
    start = time.monotonic()
    process = subprocess.Popen(step["command"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, cwd="/tmp", start_new_session=True,
                               env={**ENVIRONMENT, **step.get("environment", {})})
    try:
        out, _ = process.communicate(timeout=step["seconds"])
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, _ = process.communicate()
        out += f"\nnot done within {step['seconds']} s\n".encode()
    out = out.decode(errors="replace")
    # That something was left out is no failure: what it was is in the report.
    code = 0 if process.returncode == SKIPPED else process.returncode
    report.say(name=step["name"], code=code, seconds=time.monotonic() - start,
               **counts(out), out=out[-LONGEST:])


def counts(out):
    """What unittest, doctest or random-programs say of themselves."""
    found = re.findall(r"^Ran (\d+) tests? in ", out, re.M)
    doctest = re.findall(r"test cases: +(\d+) \| +(\d+) passed .*?(\d+) skipped", out)
    programs = re.findall(r"of (\d+) that were called read-only", out)
    skipped = re.findall(r"^(\S+) .*\.\.\. skipped ['\"](.*)['\"]$", out, re.M)
    left_out = re.findall(r"^skipped: (.*) \(.*:\d+\)$", out, re.M)  # by doctest, which counts apart
    tests = sum(map(int, found + programs)) + sum(int(passed) for _, passed, _ in doctest)
    return {"tests": tests + len(left_out),
            "skipped": skipped + [(name, "not on this kernel") for name in left_out]}


def work(plan, report):
    subprocess.run(["ip", "link", "set", "lo", "up"])
    os.makedirs("/dev/pts", exist_ok=True)
    subprocess.run(["mount", "-t", "devpts", "devpts", "/dev/pts"], check=True)
    if not os.path.ismount("/sys/fs/bpf"):
        subprocess.run(["mount", "-t", "bpf", "bpf", "/sys/fs/bpf"], check=True)
    os.makedirs("/dev/shm", exist_ok=True)
    subprocess.run(["mount", "-t", "cgroup2", "cgroup2", "/sys/fs/cgroup"], check=True)
    report.say(release=os.uname().release, seconds=time.monotonic())
    for step in plan["steps"]:
        run_step(step, report)
    log = subprocess.run(["dmesg"], capture_output=True, text=True, errors="replace")
    report.say(done=True, log=log.stdout if log.returncode == 0 else None, seconds=time.monotonic())


def main():
    os.environ.update(ENVIRONMENT)
    with open("/run/plan.json") as file:
        plan = json.load(file)
    report = Report(f"/dev/{plan['report']}")
    worker = os.fork()
    if worker == 0:
        try:
            work(plan, report)
        except BaseException:
            report.say(broken=traceback.format_exc())
        os._exit(0)
    while os.wait()[0] != worker:  # takes whatever lost its parent
        pass
    report.file.close()
    sys.stdout.flush()
    ctypes.CDLL(None).reboot(LINUX_REBOOT_CMD_RESTART)


main()
