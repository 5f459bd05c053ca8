#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Holds the order of the folders of loader/: each includes only itself and those before it, and
only kernel/ issues system calls on BPF objects. And that a change rebuilds little: a header that
changes often, or that takes long to compile, is read by few files."""
import pathlib
import re
import sys

# The data's way. What stands before kernel needs no kernel and no root.
ORDER = ["include", "base", "sandbox", "manifest", "object", "btf", "decode", "policy", "import", "model", "filter", "format",
         "export", "kernel", "state", "hook", "source", "control", "api", "serve", "compile", "cli"]
# libbpf's system call half, and the calls that change where we are. What a seccomp filter answers to a
# call is none.
SYSCALLS = re.compile(r"\b(bpf_(map_(lookup|update|delete|create|get|freeze)|obj_|prog_(load|attach|"
                      r"query|get_fd)|link_(create|update|detach|get)|tc_|xdp_|btf_get_fd)\w*|"
                      r"bpf_object__load|setns|SYS_membarrier|(?<!answer\()SYS_bpf)\s*\(?")

# A header → how many .cpp files of loader/ may read it, by whichever way.
READERS = {"base/limits.hpp": 30, "format/export_options.hpp": 24, "manifest/manifest.hpp": 87,
           "object/object.hpp": 65, "nlohmann/json.hpp": 30, "CLI/CLI.hpp": 29}
# Others declare what they need of it by <nlohmann/json_fwd.hpp>.
JSON_HEADERS = {"state/json_pin.hpp"}


def includes(path):
    return re.findall(r'^#include [<"]([^>"]+)[>"]', path.read_text(), re.M)


def reached(name, direct, found):
    """All that `name` includes, of itself and of others."""
    for header in direct.get(name, []):
        if header not in found:
            found.add(header)
            reached(header, direct, found)
    return found


def costly(root):
    direct = {str(path.relative_to(root)): includes(path) for path in sorted(root.rglob("*.[ch]pp"))}
    read = {name: reached(name, direct, set()) for name in direct if name.endswith(".cpp")}
    for header, most in READERS.items():
        readers = [name for name, headers in read.items() if header in headers]
        if len(readers) > most:
            yield (f"{root}: {len(readers)} files read {header}, and {most} may: forward declarations "
                   f"do where no object of its types is made; they are {' '.join(readers)}")
    for name, headers in direct.items():
        if name.endswith(".hpp") and "nlohmann/json.hpp" in headers and name not in JSON_HEADERS:
            yield f"{root}/{name}: in a header <nlohmann/json_fwd.hpp> does"
        if (not name.startswith("cli/") and name not in ("serve/main.cpp", "compile/main.cpp") and
                any(header.startswith("CLI/") for header in headers)):
            yield f"{root}/{name}: CLI11 belongs into cli/ and the main.cpp of other programs"
        if name != "serve/http_server.cpp" and "microhttpd.h" in headers:
            yield f"{root}/{name}: libmicrohttpd belongs into serve/http_server.cpp"


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
    found = list(faults(root)) + list(costly(root))
    found += [f"{root}/{name}: not in the order of {__file__}"
              for name in sorted(folders - set(ORDER))]
    print("\n".join(found) or f"{len(ORDER)} folders in order")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
