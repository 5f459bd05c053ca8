#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Load, replace and unload again and again while a reader swaps: nothing grows.

    DYNMON_SOAK_CYCLES=2000 DYNMON_SOAK_SWAPS=20000   what ci/soak runs; default: 60 and 1000
    DYNMON_SOAK_ALONE=1   no other program on this machine makes BPF objects: their number is checked too
"""
import json
import os
import pathlib
import re
import statistics
import struct
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

import frames
import harness
import kernel

CYCLES = int(os.environ.get("DYNMON_SOAK_CYCLES", 60))
SWAPS = int(os.environ.get("DYNMON_SOAK_SWAPS", 1000))
ALONE = os.environ.get("DYNMON_SOAK_ALONE") == "1"
FRAME = frames.plain(60)
PLACES = ((), ("--tc", "clsact"), ("--hook", "xdp"))
SPLAT = re.compile(r"WARNING:|BUG:|KASAN|UBSAN|Oops|general protection|lockdep|hung task|"
                   r"rcu.*(stall|detected)|possible .*deadlock|refcount_t", re.IGNORECASE)
# Where struct bpf_map_info and struct bpf_prog_info have the number of the BTF.
OBJ_GET_INFO, BTF_ID_AT = 15, {"map_id": 64, "prog_id": 128}


def system_ids(command):
    """All ids of one kind of BPF object that there are on this machine."""
    union, found, last = kernel.ctypes.create_string_buffer(128), [], 0
    while True:
        struct.pack_into("<III", union, 0, last, 0, 0)
        if kernel.LIBC.syscall(kernel.SYS_BPF, command, union, len(union)) < 0:
            return found
        last = struct.unpack_from("<I", union, 4)[0]
        found.append(last)


def btf_of(path, kind):
    info = kernel.ctypes.create_string_buffer(256)
    with kernel.closing(kernel.open_pin(path)) as fd:
        kernel.bpf(OBJ_GET_INFO, struct.pack("<IIQ", fd, len(info), kernel.ctypes.addressof(info)))
    return struct.unpack_from("<I", info, BTF_ID_AT[kind])[0]


KINDS = {"prog_id": kernel.PROG_NEXT_ID, "map_id": kernel.MAP_NEXT_ID,
         "link_id": kernel.LINK_NEXT_ID, "btf_id": kernel.BTF_NEXT_ID}


def counted(document):
    """Packets in a window of the probe `mixed`."""
    return next(metric["value"][0] for metric in document["ingress-metrics"]
                if metric["name"] == "one")


class Reader:
    """`read k` without an end: its windows, and samples of what it holds."""

    def __init__(self, case):
        self.process = case.start("--quiet", "--lock-timeout", "60s", "read", "k", "--format", "json",
                                  "--interval", "20ms", "--count", SWAPS)
        self.sequences, self.packets, self.samples = [], 0, []
        self.thread = threading.Thread(target=self.follow)
        self.thread.start()

    def follow(self):
        for line in self.process.stdout:
            document = json.loads(line)
            self.sequences.append(document["window"]["sequence"])
            self.packets += counted(document)
            if len(self.sequences) % max(1, SWAPS // 400) == 0 and len(self.sequences) < SWAPS:
                self.sample()

    def sample(self):
        proc = pathlib.Path(f"/proc/{self.process.pid}")
        try:
            text = (proc / "status").read_text()
            resident = int(re.search(r"VmRSS:\s+(\d+)", text)[1])
            self.samples.append((len(self.sequences), resident, len(os.listdir(proc / "fd"))))
        except (FileNotFoundError, TypeError, ProcessLookupError):
            pass  # it has just ended

    def end(self, case):
        self.thread.join(timeout=3600)
        case.assertFalse(self.thread.is_alive(), "the reader does not end")
        case.assertEqual((self.process.wait(10), self.process.stderr.read()), (0, ""))


def meminfo():
    """kB of kernel memory, by name."""
    lines = pathlib.Path("/proc/meminfo").read_text().splitlines()
    values = dict(re.match(r"(\w+).*?(\d+)", line).groups() for line in lines)
    return {name: int(values[name]) for name in ("Slab", "Percpu", "VmallocUsed") if name in values}


def splats(since):
    """Lines of the kernel's log after `since` seconds of uptime that report a fault; None: it
    cannot be read."""
    done = subprocess.run(["dmesg"], capture_output=True, text=True)
    if done.returncode != 0:
        return None
    stamped = re.findall(r"^\[\s*([\d.]+)\] (.*)$", done.stdout, re.MULTILINE)
    return [text for stamp, text in stamped if float(stamp) >= since and SPLAT.search(text)]


class SoakTest(harness.Case):
    def setUp(self):
        super().setUp()
        self.ids = set()  # (kind, id) of what was loaded and has to be gone

    def note_ids(self):
        for path in set(harness.pins()) - self.lasting:
            kind, number = kernel.object_id(path)
            self.ids.add((kind, number))
            if kind in BTF_ID_AT and (btf := btf_of(path, kind)):
                self.ids.add(("btf_id", btf))

    def alive_ids(self):
        existing = {kind: set(system_ids(command)) for kind, command in KINDS.items()}
        return {(kind, number) for kind, number in self.ids if number in existing[kind]}

    def cycle(self, number):
        place = PLACES[number % len(PLACES)]
        probes = ("packets", "tally") if number % 2 else ("tally", "packets")
        wait = ("--lock-timeout", "60s")
        self.dynmon(*wait, "load", "m", probes[0], "--dev", "blue0", "--netns", "blue", *place)
        self.note_ids()
        self.dynmon(*wait, "replace", "m", probes[1])
        self.note_ids()
        self.dynmon(*wait, "unload", "m")

    def note_pins(self):
        pass  # after each of some thousand commands; note_ids() does it where it matters

    def settle(self, what):
        self.eventually(lambda: not self.alive_ids(), f"gone: {what}", seconds=60)
        self.ids.clear()

    def test_cycles_and_swaps_leave_nothing_and_nothing_grows(self):
        uptime = float(pathlib.Path("/proc/uptime").read_text().split()[0])
        begun = time.monotonic()
        self.load("k", "mixed")
        self.load("w", "tally")  # egress and XDP are free, so that hooks come and go as well
        self.window("k")  # makes what keeps its totals
        self.lasting = set(harness.pins())
        before = {kind: len(system_ids(command)) for kind, command in KINDS.items()}
        memory = meminfo()
        with self.traffic(FRAME, pause=0.002) as sent:
            reader = Reader(self)
            for number in range(CYCLES):
                self.cycle(number)
                if number % 50 == 49:
                    self.settle(f"what {number + 1} cycles have loaded")
            reader.end(self)
        self.settle("what all cycles have loaded")
        reader.packets += sum(map(counted, self.read("k")))
        self.assertEqual(set(harness.pins()), self.lasting)
        print(f"{CYCLES} cycles and {SWAPS} swaps in {time.monotonic() - begun:.0f} s, "
              f"{sent[0]} packets")
        self.check_windows(reader, sent[0])
        self.check_reader(reader.samples)
        self.check_system(before, memory)
        self.check_log(uptime)

    def check_windows(self, reader, sent):
        self.assertEqual(reader.sequences, list(range(2, SWAPS + 2)))
        self.assertEqual(self.value(self.window("w"), "tally_all"), [sent])
        self.assertEqual(reader.packets, sent)

    def check_reader(self, samples):
        """After its first quarter the reader holds what it will hold for ever."""
        part = len(samples) // 4
        self.assertGreater(part, 2)
        early, late = samples[part:2 * part], samples[-part:]
        resident = [statistics.median(sample[1] for sample in half) for half in (early, late)]
        files = [min(sample[2] for sample in half) for half in (early, late)]
        windows = (late[0][0] - early[0][0]) or 1
        slope = 1024 * (resident[1] - resident[0]) / windows
        print(f"  reader: {resident[0]:.0f} kB, then {resident[1]:.0f} kB ({slope:.2f} bytes a "
              f"window); {files[0]} descriptors, then {files[1]}")
        self.assertLess(resident[1] - resident[0], 512)
        # Some are open in the middle of a read, when a sample may be taken.
        self.assertLess(files[1] - files[0], 8)

    def check_system(self, before, memory):
        after = {kind: len(system_ids(command)) for kind, command in KINDS.items()}
        grown = {name: value - memory[name] for name, value in meminfo().items()}
        print("  on the whole machine:", ", ".join(f"{kind[:-3]} {before[kind]} -> {after[kind]}"
                                                   for kind in KINDS),
              "; kB more:", ", ".join(f"{name} {value}" for name, value in grown.items()))
        if ALONE:
            self.eventually(lambda: {kind: len(system_ids(command))
                                     for kind, command in KINDS.items()} == before,
                            f"as many BPF objects as before: {before}, not {after}", seconds=30)

    def check_log(self, since):
        found = splats(since)
        print("  kernel log:", "not readable" if found is None else f"{len(found)} splats")
        self.assertFalse(found)


if __name__ == "__main__":
    harness.main()
