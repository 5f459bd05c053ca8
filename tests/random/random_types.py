#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Random C types, decoded by dynmon and by a C program that never saw BTF: the texts must agree.

    random_types.py --decode build/tests/random/random-decode [--seed N] [--types 4000]
    random_types.py … --loader build/dynmon-load --keep build/tests/random/random-keep --maps 500

Each type goes into a .bpf.c file (clang -target bpf -g) and into the oracle's (the host's compiler),
which names every field by a C expression. Values of seven kinds of bytes are shown as raw JSON,
people's JSON, Dynmon's JSON, both kinds of columns and records of NumPy. With --loader, the values also pass through
maps of the running kernel and `dynmon-load dump`.

The seed is printed; the same seed makes the same types and bytes. DYNMON_SEED sets it too.
"""
import argparse
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

from generate import Generator
from through_maps import check_maps

HERE = pathlib.Path(__file__).resolve().parent
FILLS = 7
STYLES = ["raw JSON", "people's JSON", "Dynmon's JSON", "raw cells", "people's cells",
          "record"]
PER_FILE = 200

BPF_TAIL = """
__attribute__((section("tc"), used)) int nothing(void *context) { return 0; }
"""

# A type that differs between the two sides: a comparison that does not see it sees nothing.
CONTROL = """
#ifndef CONTROL_TYPE
#define CONTROL_TYPE int
#endif
struct control { unsigned a : 5; CONTROL_TYPE b; };
"""


class Chunk:
    """One source file: its types, as C text for both sides."""

    def __init__(self, folder, number, seed, count, enum64, kernel=False):
        self.folder, self.number, self.seed = folder, number, seed
        generator = Generator(seed, enum64, kernel)
        done = set()
        self.texts = {"control": CONTROL}
        definitions = [CONTROL]
        variables = ["struct control control;"]
        visits = [self.visit("control", "struct control", [
            "open_group();", 'next_member("a");', "show_unsigned((*v).a);", "end_member();",
            'next_member("b");', "show_signed((*v).b);", "end_member();", "close_group();"])]
        for index in range(count):
            name = f"v{number}_{index}"
            made = generator.type()
            lines = made.definitions(done)
            lines.append(f"typedef {made.declare('type_' + name)};")
            definitions += lines
            variables.append(made.declare(name) + ";")
            visits.append(self.visit(name, f"type_{name}", made.visit("(*v)", 0)))
            self.texts[name] = "\n".join(line for line in lines if is_type(line))
        self.names = list(self.texts)
        self.write("types.h", definitions)
        self.write("types.bpf.c", [f'#include "{self.path("types.h")}"'] + variables + [BPF_TAIL])
        subjects = [f'{{"{name}", sizeof({self.type_of(name)}), visit_{name}}},'
                    for name in self.names]
        self.write("oracle.c", ["#define ORACLE", '#include "show.h"',
                                f'#include "{self.path("types.h")}"'] + visits +
                   ["const struct subject subjects[] = {"] + subjects + ["{0, 0, 0}};"])

    @staticmethod
    def type_of(name):
        return "struct control" if name == "control" else f"type_{name}"

    @staticmethod
    def visit(name, type_, lines):
        return (f"static void visit_{name}(const void* value) {{\n"
                f"    const {type_}* const v = value;\n    (void)v;\n    " + "\n    ".join(lines) +
                "\n}")

    def path(self, suffix):
        return self.folder / f"chunk{self.number}_{suffix}"

    def write(self, suffix, lines):
        self.path(suffix).write_text("\n".join(lines) + "\n")

    def build(self, tools, control):
        run([tools.clang, "-target", "bpf", "-g", "-O1", "-w", "-c", self.path("types.bpf.c"),
             "-o", self.path("types.bpf")])
        flags = ["-DCONTROL_TYPE=unsigned"] if control else []
        run([tools.cc, "-std=gnu11", "-O0", "-w", *flags, "-I", HERE, self.path("oracle.c"),
             *sorted(self.folder.glob("*.o")), "-lm", "-o", self.path("oracle")])

    def compare(self, tools, control=False):
        """Builds and runs both sides; what differs, as messages."""
        self.build(tools, control)
        values, expected = self.path("values"), self.path("expected")
        for file in (values, expected):
            file.unlink(missing_ok=True)
        run([self.path("oracle"), str(self.seed), values, expected])
        decoded = run([tools.decode, self.path("types.bpf"), values]).split("\n")[:-1]
        self.values = values.read_text().split("\n")[:-1]
        self.expected = read_lines(expected)
        if len(decoded) != len(self.expected) or len(self.values) != len(self.names) * FILLS:
            raise SystemExit(f"random-types: seed {self.seed}: {len(decoded)} lines instead of "
                             f"{len(self.expected)}")
        return [self.difference(i, decoded[i]) for i in range(len(decoded))
                if decoded[i] != self.expected[i]]

    def difference(self, line, got):
        """The name of the type, and a message about the text in the line `line`."""
        name, _, value = self.values[line // len(STYLES)].partition(" ")
        style = STYLES[line % len(STYLES)]
        wanted = self.expected[line]
        at = next((i for i, (a, b) in enumerate(zip(got, wanted)) if a != b),
                  min(len(got), len(wanted)))
        around = slice(max(0, at - 40), at + 40)
        return name, (f"{name}, {style}, differs at character {at}: dynmon's «{got[around]}», "
                      f"the compiler's «{wanted[around]}»\n"
                      f"  type:     {self.texts[name]}\n  bytes:    {value}\n"
                      f"  dynmon:   {got}\n  compiler: {wanted}\n")


def is_type(line):
    return not line.startswith(("#", "static "))


def read_lines(path):
    return path.read_bytes().decode("utf-8").split("\n")[:-1]


def run(command):
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False)
    if done.returncode != 0:
        sys.stderr.write(done.stderr.decode(errors="replace")[:4000])
        raise SystemExit(f"random-types: {command[0]} ended with {done.returncode}: "
                         f"{' '.join(map(str, command))}")
    return done.stdout.decode("utf-8")


def clang_version(clang):
    return int(run([clang, "-dumpversion"]).split(".")[0])


def options():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--decode", type=pathlib.Path, required=True)
    parser.add_argument("--clang", default="clang")
    parser.add_argument("--cc", default="gcc")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--types", type=int, default=4000)
    parser.add_argument("--keep-files", action="store_true", help="leave the sources behind")
    parser.add_argument("--loader", type=pathlib.Path, help="dynmon-load: also through real maps")
    parser.add_argument("--keep", type=pathlib.Path, help="random-keep, which makes the maps")
    parser.add_argument("--maps", type=int, default=600)
    return parser.parse_args()


def report(seed, differences):
    first = {}
    for name, text in differences:
        first.setdefault(name, text)
    for text in sorted(first.values(), key=len)[:5]:
        sys.stderr.write(text)
    sys.stderr.write(f"random-types: {len(first)} types differ; again with --seed {seed}\n")


def check_control(folder, seed, tools, enum64):
    """The oracle gets another type for one field: the comparison must see it."""
    differences = Chunk(folder, 999, seed, 0, enum64).compare(tools, control=True)
    if {name for name, _ in differences} != {"control"}:
        raise SystemExit(f"random-types: seed {seed}: a wrong type was not seen")


def main():
    tools = options()
    seed = tools.seed
    if seed is None:
        seed = int(os.environ.get("DYNMON_SEED") or random.SystemRandom().randrange(2**32))
    print(f"random-types: seed {seed}", flush=True)
    enum64 = clang_version(tools.clang) >= 15
    folder = pathlib.Path(tempfile.mkdtemp(prefix="dynmon-random-"))
    try:
        for source in HERE.glob("*.c"):
            run([tools.cc, "-std=gnu11", "-O1", "-w", "-c", source, "-o", folder / f"{source.stem}.o"])
        check_control(folder, seed, tools, enum64)
        count = tools.maps if tools.loader else tools.types
        chunks = [Chunk(folder, i, seed + i, min(PER_FILE, count - i * PER_FILE), enum64,
                        tools.loader is not None)
                  for i in range((count + PER_FILE - 1) // PER_FILE)]
        with ThreadPoolExecutor(2) as pool:
            differences = sum(pool.map(lambda chunk: chunk.compare(tools), chunks), [])
        shown = f"{count} types, {sum(len(chunk.expected) for chunk in chunks)} texts"
        if tools.loader and not differences:
            maps, differences = check_maps(chunks, tools)
            shown += f", {maps} kernel maps"
    finally:
        if tools.keep_files:
            print(f"random-types: sources in {folder}")
        else:
            shutil.rmtree(folder)
    if differences:
        report(seed, differences)
        return 1
    print(f"random-types: {shown} agree")
    return 0


if __name__ == "__main__":
    sys.exit(main())
