#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""How the build is configured: what a preset, an option and the environment decide, and that what was
not asked for is not needed. Configures in folders of its own and builds nothing."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(__file__).resolve().parent.parent
NO_DOCTEST = "-DCMAKE_DISABLE_FIND_PACKAGE_doctest=ON"
COMPILER = ("CXXFLAGS", "CMAKE_BUILD_TYPE", "CMAKE_GENERATOR")


def configure(folder, *words, **environment):
    """(what cmake said, the command of one file of the library; None: cmake refused)"""
    kept = {name: value for name, value in os.environ.items() if name not in COMPILER}
    done = subprocess.run(["cmake", "-S", SOURCE, "-B", folder, *words], cwd=folder, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env=kept | environment)
    if done.returncode != 0:
        return done.stdout, None
    with open(pathlib.Path(folder) / "compile_commands.json") as file:
        commands = [each["command"] for each in json.load(file)
                    if each["file"].endswith("loader/base/build_info.cpp")]
    return done.stdout, commands[0].split()


class ConfigureTest(unittest.TestCase):
    def folder(self):
        made = tempfile.TemporaryDirectory(prefix="dynmon-presets-")
        self.addCleanup(made.cleanup)
        return made.name

    def flags(self, folder, *words, **environment):
        said, command = configure(folder, *words, **environment)
        self.assertIsNotNone(command, said)
        return command

    def test_without_options_it_is_optimized_and_needs_no_package_of_tests(self):
        flags = self.flags(self.folder(), NO_DOCTEST)
        self.assertIn("-O2", flags)
        self.assertIn("-DNDEBUG", flags)
        self.assertNotIn("-Werror", flags)

    def test_tests_without_their_package_are_refused_with_a_hint(self):
        said, command = configure(self.folder(), "-DDYNMON_TESTS=ON", NO_DOCTEST)
        self.assertIsNone(command)
        self.assertIn("DYNMON_TESTS needs doctest", said)
        self.assertIn("sudo ci/deps tests", " ".join(said.split()))

    def test_a_preset_says_whether_warnings_are_errors_and_which_sanitizer_there_is(self):
        folder = self.folder()  # one for all: a preset leaves nothing to the one before
        for name, strict, sanitizer in (("asan", True, ["-fsanitize=address,undefined"]),
                                        ("release", False, []),
                                        ("tsan", True, ["-fsanitize=thread"]),
                                        ("dev", True, [])):
            with self.subTest(preset=name):
                flags = self.flags(folder, "--preset", name, "-DDYNMON_TESTS=OFF")
                self.assertEqual("-Werror" in flags, strict)
                self.assertEqual([flag for flag in flags if flag.startswith("-fsanitize=")],
                                 sanitizer)

    def test_flags_of_a_packager_stay(self):
        given = {"CXXFLAGS": "-Og -fstack-protector-strong"}
        for words, environment, expected in (
                ((), given, "-Og"),
                (("-DCMAKE_CXX_FLAGS=-O1",), {}, "-O1"),
                (("-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_CXX_FLAGS_RELEASE=-DNDEBUG"), given, "-Og"),
                ((), {"CMAKE_BUILD_TYPE": "MinSizeRel"}, "-Os")):
            with self.subTest(words=words, environment=environment):
                flags = self.flags(self.folder(), *words, **environment)
                self.assertEqual([flag for flag in flags if flag.startswith("-O")], [expected])


if __name__ == "__main__":
    sys.exit(unittest.main())
