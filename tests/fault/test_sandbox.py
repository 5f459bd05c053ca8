#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A libbpf that asks for a system call that its sandbox refuses: every verb that opens an object,
and `doctor`, say by name what refused which call. Such a libbpf is made here, in front of the one
that is installed."""
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

import harness

# Stands in front of libbpf's function of that name. `ending`: what it does after the call.
SOURCE = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <sys/socket.h>

struct bpf_object* bpf_object__open_mem(const void* bytes, size_t size, const void* options) {
    struct bpf_object* (*next)(const void*, size_t, const void*) =
        dlsym(RTLD_NEXT, "bpf_object__open_mem");
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    (void)fd;
    ENDING
}
"""
FAILS = "if (fd < 0) { errno = EINVAL; return NULL; }"  # and hides what was wrong
GOES_ON = ""
CRASHES = "if (fd < 0) *(volatile int*)NULL = 1;"
REFUSES = "the sandbox around libbpf refuses socket"
ADVICE = "report this as a fault of dynmon, with the version of libbpf"


class SandboxTest(harness.Case):
    def newer_libbpf(self, ending):
        """The environment of a program that runs with it."""
        library = self.folder / "newer.so"
        subprocess.run(["cc", "-x", "c", "-shared", "-fPIC", "-o", library, "-"], check=True,
                       text=True, input=SOURCE.replace(
                           "ENDING", ending + " return next(bytes, size, options);"))
        return harness.environment(LD_PRELOAD=str(library))

    def problems(self, environment):
        found = self.dynmon("--json", "doctor", env=environment).json()["problems"]
        return [(entry["problem"], entry["remedy"]) for entry in found]

    def test_a_call_whose_failure_libbpf_hides_is_named(self):
        environment = self.newer_libbpf(FAILS)
        for words in (("check", "flows"), ("load", "f", "flows", "--dev", "blue0",
                                           "--netns", "blue")):
            error = self.refused(harness.FAILED, *words, env=environment)
            self.assertIn(REFUSES, error["message"], words)
            self.assertIn(ADVICE, error["hint"], words)
        [(problem, remedy)] = self.problems(environment)
        self.assertIn(REFUSES, problem)
        self.assertIn("no probe can be loaded", problem)
        self.assertIn(ADVICE, remedy)

    def test_a_crash_behind_a_refused_call_names_both(self):
        [(problem, remedy)] = self.problems(self.newer_libbpf(CRASHES))
        self.assertIn(f"{REFUSES}: libbpf, reading this object, crashed (SIGSEGV)", problem)
        self.assertIn(ADVICE, remedy)

    def test_a_call_that_libbpf_does_without_gives_a_warning(self):
        environment = self.newer_libbpf(GOES_ON)
        done = self.dynmon("check", "flows", env=environment)
        self.assertIn(f"warning: {REFUSES}, and libbpf goes on without; {ADVICE}", done.err)
        [(problem, remedy)] = self.problems(environment)
        self.assertIn("the sandbox around it refuses socket", problem)
        self.assertIn(ADVICE, remedy)

    def test_the_installed_libbpf_is_refused_nothing(self):
        self.assertEqual(self.problems(harness.environment()), [])
        for name in ("flows", "ssdp"):
            self.assertEqual(self.dynmon("check", name).err, "")


if __name__ == "__main__":
    harness.main()
