#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Holds the order of the folders of loader/: each includes only itself and those before it, and
only kernel/ issues system calls on BPF objects."""
import pathlib
import re
import sys

# The data's way. What stands before kernel needs no kernel and no root.
ORDER = ["base", "sandbox", "manifest", "object", "btf", "decode", "policy", "filter", "format", "export", "kernel",
         "state", "hook", "source", "control", "cli"]
# libbpf's system call half, and the calls that change where we are. What a seccomp filter answers to a
# call is none.
SYSCALLS = re.compile(r"\b(bpf_(map_(lookup|update|delete|create|get|freeze)|obj_|prog_(load|attach|"
                      r"query|get_fd)|link_(create|update|detach|get)|tc_|xdp_|btf_get_fd)\w*|"
                      r"bpf_object__load|setns|SYS_membarrier|(?<!answer\()SYS_bpf)\s*\(?")


def faults(root):
    for path in sorted(root.rglob("*.[ch]pp")):
        folder = path.relative_to(root).parts[0]
        text = path.read_text()
        for name in re.findall(r'^#include "(\w+)/', text, re.M):
            if name in ORDER and ORDER.index(name) > ORDER.index(folder):
                yield f"{path}: {folder}/ comes before {name}/ and must not include from it"
        code = re.sub(r"//.*|\"(\\.|[^\"])*\"", "", text)
        if folder != "kernel":
            for call in SYSCALLS.finditer(code):
                yield f"{path}: {call.group(0)} belongs into kernel/"


def main():
    root = pathlib.Path(__file__).resolve().parent.parent / "loader"
    folders = {path.name for path in root.iterdir() if path.is_dir()}
    found = list(faults(root)) + [f"{root}/{name}: not in the order of {__file__}"
                                  for name in sorted(folders - set(ORDER))]
    print("\n".join(found) or f"{len(ORDER)} folders in order")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
