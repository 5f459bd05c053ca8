#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Every compiler's objects of our probes pass the verifier; the error for what does not pass is one
line, however much the verifier had to say."""
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

import frames
import harness
from harness import STORE

MIB = 1 << 20


def compilers():
    """The oldest and the newest clang on PATH, by version."""
    found = {}
    for name in ["clang", *(f"clang-{number}" for number in range(14, 40))]:
        if path := shutil.which(name):
            version = subprocess.check_output([path, "-dumpversion"], text=True)
            found.setdefault(int(version.split(".")[0]), path)
    good = sorted(version for version in found if version >= 14)
    return {version: found[version] for version in {good[0], good[-1]}}


class Built(harness.Case):
    def build(self, probes, out="out", **variables):
        out = self.folder / out
        shutil.rmtree(out, ignore_errors=True)
        subprocess.run(["make", "-f", str(harness.SOURCE / "Makefile.bpf"), f"PROBES={probes}",
                        f"BUILD={out}", *(f"{name}={value}" for name, value in variables.items())],
                       check=True, capture_output=True, text=True)
        return out / "probes"


class CompilersTest(Built):
    FLAGS = ("-O1 -mcpu=v2", "-O1 -mcpu=v3", "-O2 -mcpu=v2", "-O2 -mcpu=v3")

    def test_our_probes_load_whatever_compiled_them(self):
        sources = sorted(path.name for path in (harness.SOURCE / "probes").iterdir())
        sizes = set()
        with self.subTest("the oldest and the newest clang"):
            if len(compilers()) < 2:
                harness.lacking("only one clang is installed")
        # Compilers and verifier take nearly all of the time: as many at once as there are CPUs.
        with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            builds = {(version, flags): pool.submit(self.build, harness.SOURCE / "probes",
                                                    re.sub(r"\W", "", f"{version}{flags}"),
                                                    CLANG=clang, BPF_CFLAGS=flags)
                      for version, clang in compilers().items() for flags in self.FLAGS}
            for (version, flags), build in builds.items():
                with self.subTest(clang=version, flags=flags):
                    probes = build.result()
                    self.assertEqual(sorted(path.name for path in probes.iterdir()), sources)
                    checks = [pool.submit(self.dynmon, "check", "--kernel", "--hook", hook,
                                          probes / name)
                              for name in sources for hook in ("tc", "xdp")]
                    for check in checks:
                        check.result()
                    sizes.add((probes / "flows" / "flows.bpf.o").stat().st_size)
        self.assertGreater(len(sizes), 2, "the flags made no difference")


class RejectionTest(Built):
    """Programs that the verifier walks a long way through before it refuses them."""

    SOURCE = """// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "dynmon.h"
DYNMON_INGRESS(%s) {
%s
    return DYNMON_PASS;
}
"""
    LONG = """    const __u8* first_byte = pkt->data;
    __u64 sum = 0;
    for (int i = 0; i < 20000; ++i)
        asm volatile("%%0 += 1" : "+r"(sum));
    asm volatile("" :: "r"(*first_byte)); /* with a comment that is %s */""" % ("very " * 60 + "long")
    ENDLESS = """    __u64 sum = 0;
    for (int i = 0; i < 10000000; ++i)
        asm volatile("%0 += 1" : "+r"(sum));"""

    def rejected(self, name, body):
        """(error, log) of `check --kernel` of a probe with this body, in bounded memory."""
        folder = self.folder / "mine" / name
        folder.mkdir(parents=True)
        (folder / f"{name}.bpf.c").write_text(self.SOURCE % (name, body))
        probe = self.build(self.folder / "mine") / name / f"{name}.bpf.o"
        log = self.folder / f"{name}.log"
        process = self.start("--json", "check", "--kernel", "--verifier-log", log, probe,
                             before=[] if harness.sanitized() else
                             ["prlimit", f"--data={32 * MIB}"])
        _, said = process.communicate(timeout=100)
        self.assertEqual(process.returncode, harness.REJECTED, said)
        return json.loads(said.splitlines()[-1])["error"], log.read_text(errors="replace")

    def one_line(self, message):
        """The line without the count of what it leaves out, which it must have."""
        found = re.fullmatch(r"(.*) \(([0-9]+) log lines omitted\)", message)
        self.assertTrue(found, message)
        self.assertNotIn("\n", message)
        self.assertLessEqual(len(found[1].encode()), 200)
        return found[1], int(found[2])

    def test_a_log_of_megabytes_is_told_in_a_line_and_written_whole(self):
        error, log = self.rejected("long_way", self.LONG)
        line, omitted = self.one_line(error["message"])
        self.assertIn("invalid access to packet", line)
        self.assertGreater(len(log), MIB)
        self.assertAlmostEqual(omitted, log.count("\n"), delta=20)
        self.assertRegex(log, r"(?m)^0: ")
        self.assertRegex(log, r"processed \d+ insns")
        self.assertIn("invalid access to packet", log)

    def test_too_many_paths_are_called_that(self):
        error, log = self.rejected("endless", self.ENDLESS)
        line, _ = self.one_line(error["message"])
        self.assertIn("BPF program is too large", line)
        self.assertEqual(error["errno"], "E2BIG")
        self.assertIn("simplify the branches", error["hint"])
        self.assertIn("BPF program is too large", log)
        self.assertLess(len(log), 9 * MIB)  # whatever it had to say

    def test_an_endless_loop_is_named_with_its_line(self):
        error, _ = self.rejected("spin", """    volatile __u32 stop = 0;
    while (!stop)
        asm volatile("" ::: "memory");""")
        line, _ = self.one_line(error["message"])
        self.assertRegex(line, r"verifier rejected 'spin': infinite loop detected at insn \d+; "
                               r"at: while \(!stop\) @ spin.bpf.c:5$")
        self.assertEqual(error["hint"].splitlines(), [
            "the loop has no end: bound it by a constant",
            "--verifier-log FILE writes the whole log"])

    def test_maps_without_types_of_keys_load_and_a_pointer_as_key_is_told(self):
        source = """// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "dynmon.h"
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 8);
    %s
    __type(value, __u64);
} KEYED SEC(".maps");
DYNMON_INGRESS(%s) {
    __u64 key = pkt->len, one = 1;
    bpf_map_update_elem(&KEYED, &key, &one, 0);
    return DYNMON_PASS;
}
"""
        for name, key in (("sized", "__uint(key_size, 8);"), ("pointed", "__type(key, void*);")):
            folder = self.folder / "mine" / name
            folder.mkdir(parents=True)
            (folder / f"{name}.bpf.c").write_text(source % (key, name))
        probes = self.build(self.folder / "mine")
        for name in ("sized", "pointed"):
            self.load(name, probes / name / f"{name}.bpf.o")
        self.receive(*[frames.plain(60), frames.plain(90)])
        for name in ("sized", "pointed"):
            pin = STORE / "monitors" / name / "g1" / "KEYED"
            lines = [json.loads(line) for line in
                     self.dynmon("dump", pin, "--format", "jsonl").out.splitlines()]
            self.assertEqual([line["value"] for line in lines], [1, 1], lines)
            self.assertEqual(len({str(line["key"]) for line in lines}), 2, lines)


if __name__ == "__main__":
    harness.main()
