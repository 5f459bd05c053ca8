# SPDX-License-Identifier: BSD-2-Clause
"""What dynmon-load may leave in the kernel, and that after a test none of it is there."""
import contextlib
import json
import os
import pathlib
import shutil

import kernel
import wire

BPFFS = pathlib.Path("/sys/fs/bpf")
STORE = BPFFS / "dynmon"


def pins():
    """Everything in our bpffs but what the kernel itself puts there."""
    return [pathlib.Path(folder) / name for folder, _, names in os.walk(BPFFS) for name in names
            if not name.endswith(".debug")]


def sweep_bpffs():
    """What a failed test left must not be found by the next one."""
    for path in BPFFS.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.suffix != ".debug":
            path.unlink()


class Leftovers:
    """For a harness.Case: remembers what is pinned, and finds what is left of it on the device
    blue0 and elsewhere."""

    def setUp(self):
        super().setUp()
        self.seen = {}  # BPF objects that were pinned at some time, and where

    def note_pins(self):
        for path in pins():
            with contextlib.suppress(FileNotFoundError, PermissionError):
                kind, number = kernel.object_id(path)
                if kind != "link_id":
                    self.seen[kind, number] = str(path)

    def assert_nothing_left(self):
        self.assertEqual(pins(), [], "pins are left")
        self.assertFalse(STORE.exists(), "the directory of the store is left")
        if os.path.exists(self.blue.path):
            self.assert_device_is_free()
        # Freed after a grace period; which ones are not, says the failure.
        with contextlib.suppress(self.failureException):
            self.eventually(lambda: not self.alive(), "", seconds=20)
        self.assertEqual(self.alive(), [], "programs or maps are left")

    def alive(self):
        return [(*item, path) for item, path in self.seen.items() if kernel.is_alive(*item)]

    def assert_device_is_free(self):
        for device in json.loads(self.blue.ip("-j", "link")):
            self.assertNotIn("xdp", device, "an XDP program is left")
            with self.blue.inside():
                for point in (kernel.TCX_INGRESS, kernel.TCX_EGRESS):
                    self.assertEqual(kernel.tcx_programs(device["ifindex"], point), [],
                                     "a TCX program is left")
        qdiscs = json.loads(wire.command("tc", "-n", "blue", "-j", "qdisc"))
        self.assertNotIn("clsact", [qdisc["kind"] for qdisc in qdiscs], "a qdisc is left")
