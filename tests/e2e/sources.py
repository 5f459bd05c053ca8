# SPDX-License-Identifier: BSD-2-Clause
"""Objects that a test compiles: what others write, and what they should not."""
import wire

HEAD = """
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";
"""
INCLUDES = [f"-I/usr/include/{machine}-linux-gnu" for machine in ("x86_64", "aarch64")]


def map_of(name, kind, key="__u32", value="__u64", entries=1, more=""):
    """The definition of a map; `key`, `value`: a type each, "" for none."""
    fields = [f"__uint(type, {kind});", more, key and f"__type(key, {key});",
              value and f"__type(value, {value});", entries and f"__uint(max_entries, {entries});"]
    return f"struct {{ {' '.join(filter(None, fields))} }} {name} SEC(\".maps\");\n"


def program(section="tc", verdict="-1"):
    return f"SEC(\"{section}\") int look(void* packet) {{ return {verdict}; }}\n"


def compiled(path, code, *options):
    """`path`, where the object of the code in C is then."""
    source = path.with_name(path.name + ".c")
    source.write_text(HEAD + code)
    wire.command("clang", "-target", "bpf", "-g", "-O2", *INCLUDES, *options, "-c", str(source),
                 "-o", str(path))
    return path
