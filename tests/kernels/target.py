# SPDX-License-Identifier: BSD-2-Clause
"""Architectures that guests are of: what runs in them, and where it comes from."""
import dataclasses
import os
import pathlib
import subprocess
import sys

import userland
from image import SOURCE

ARCHES = ["amd64", "arm64"]
PROGRAMS = ["dynmon-load", "dynmon-unit", "dynmon-bpf-tests", "packet-storm",
            "random-programs"]
OBJECTS = ["bpf", "e2e-probes", "exact-probes", "bpf-test-probes"]


@dataclasses.dataclass
class Target:
    """`userland`: the folder of the guest's programs; None: this machine's own."""
    arch: str
    build: pathlib.Path
    userland: pathlib.Path = None

    def named(self, series):
        return series if self.arch == "amd64" else f"{series}-{self.arch}"

    def busybox(self):
        return os.path.realpath((self.userland or pathlib.Path("/")) / "usr/bin/busybox")


def make(arch, build, cache):
    """The build for an architecture, made when it is not this machine's."""
    if arch == "amd64":
        return Target(arch, build)
    sysroot = userland.unpacked(cache, arch, "sysroot", userland.SYSROOT)
    guest = userland.unpacked(cache, arch, "guest", userland.GUEST)
    folder = build / arch
    toolchain = pathlib.Path(__file__).with_name(f"{arch}.cmake")
    call("cmake", "-S", SOURCE, "-B", folder, f"-DCMAKE_TOOLCHAIN_FILE={toolchain}",
         f"-DDYNMON_SYSROOT={sysroot}", "-DDYNMON_TESTS=ON", "-DDYNMON_UNITY=ON",
         "-DDYNMON_WERROR=ON")
    call("cmake", "--build", folder, "-j", os.cpu_count(), "--target", *PROGRAMS, *OBJECTS)
    if others := differing_objects(build, folder):
        sys.exit(f"ci/kernels: BPF objects that are not those of {build}: " + ", ".join(others))
    return Target(arch, folder, guest)


def call(*words):
    done = subprocess.run(list(map(str, words)), text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    if done.returncode != 0:
        sys.exit(f"{done.stdout[-8000:]}\nci/kernels: {words[0]} failed ({done.returncode})")


def differing_objects(build, other):
    """What runs in the kernel is the same for every architecture, byte for byte."""
    objects = [path.relative_to(other) for below in ("bpf", "probes", "e2e/probes", "exact/probes",
                                                     "test-probes/probes")
               for path in (other / below).rglob("*.bpf.o")]
    if not objects:
        sys.exit(f"ci/kernels: there are no BPF objects in {other}")
    return [str(path) for path in objects
            if not (build / path).exists() or
            (build / path).read_bytes() != (other / path).read_bytes()]
