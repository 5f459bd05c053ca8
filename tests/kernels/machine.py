# SPDX-License-Identifier: BSD-2-Clause
"""One guest: QEMU without KVM, with a deadline, its console and its report in files."""
import json
import pathlib
import subprocess
import time

# One thread for all CPUs: with several, QEMU patches the direct jumps of tail calls while another
# CPU runs them, and the guest dies of an int3 that a real CPU does not see.
ACCELERATOR = "tcg,thread=single"
# Emulated CPUs are slow, and slower while this machine does other things: only a real stall is one.
STALLS = "rcupdate.rcu_cpu_stall_timeout=180 watchdog_thresh=60"


class Machine:
    ARCHES = {
        "amd64": {"program": "qemu-system-x86_64", "options": ["-cpu", "max"],
                  "console": "ttyS0", "report": "ttyS1", "disk": "virtio-blk-pci"},
        # Pointers signed as the real algorithm has it take half of the emulated time; kernels
        # before 5.12 do not come up on CPUs with LPA2.
        "arm64": {"program": "qemu-system-aarch64",
                  "options": ["-M", "virt", "-cpu", "max,pauth-impdef=on,lpa2=off"],
                  "console": "ttyAMA0", "report": "hvc0", "disk": "virtio-blk-pci"},
    }

    def __init__(self, folder, kernel, root, *, arch="amd64", cpus="2", memory=1024, append=""):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.console, self.report = self.folder / "console", self.folder / "report"
        for file in (self.console, self.report):
            file.unlink(missing_ok=True)
        kind = self.ARCHES[arch]
        self.words = [
            "setpriv", "--pdeathsig", "KILL",  # never outlives its parent
            kind["program"], "-accel", ACCELERATOR, *kind["options"], "-smp", cpus,
            "-m", str(memory), "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
            "-kernel", kernel / "vmlinuz", "-initrd", self.folder / "initrd",
            "-append", f"console={kind['console']} quiet loglevel=5 panic=-1 oops=panic "
                       f"log_buf_len=4M random.trust_cpu=1 {STALLS} {append}",
            "-serial", f"file:{self.console}", *self._report_line(kind),
            *self._disk("root", root, kind), *self._disk("modules", kernel / "modules.img", kind)]

    def _report_line(self, kind):
        if kind["report"].startswith("ttyS"):
            return ["-serial", f"file:{self.report}"]
        return ["-chardev", f"file,id=report,path={self.report}", "-device", "virtio-serial-pci",
                "-device", "virtconsole,chardev=report"]

    @staticmethod
    def _disk(name, path, kind):
        return ["-drive", f"if=none,id={name},file={path},format=raw,readonly=on",
                "-device", f"{kind['disk']},drive={name}"]

    def run(self, seconds):
        """Whether it came to its end by itself; the seconds it took."""
        start = time.monotonic()
        with open(self.folder / "qemu", "w") as log:
            process = subprocess.Popen(list(map(str, self.words)), stdin=subprocess.DEVNULL,
                                       stdout=log, stderr=log)
        try:
            process.wait(seconds)
            in_time = True
        except subprocess.TimeoutExpired:
            process.kill()
            in_time = False
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
        return in_time, time.monotonic() - start

    def documents(self):
        """What the guest reported; a line that it did not finish is none."""
        if not self.report.exists():
            return []
        lines = self.report.read_text(errors="replace").split("\n")
        return [json.loads(line) for line in lines[:-1] if line.startswith("{")]

    def console_text(self):
        return self.console.read_text(errors="replace") if self.console.exists() else ""
