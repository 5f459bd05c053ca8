#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What the scripts of ci/ leave behind, without what they call: commands of PATH stand in for it."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

CI = pathlib.Path(__file__).resolve().parent.parent / "ci"
SOMEBODY = 65534
CMAKE = """#!/bin/sh
[ "$1" != --preset ] || { mkdir -p build && : >build/CMakeCache.txt; }
echo "$(id -u) $*" >>build/calls
"""


class BuildTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="dynmon-ci-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.folder.chmod(0o755)
        self.checkout = self.folder / "checkout"
        shutil.copytree(CI, self.checkout / "ci")
        tools = self.folder / "tools"
        tools.mkdir()
        (tools / "cmake").write_text(CMAKE)
        (tools / "cmake").chmod(0o755)
        self.path = f"{tools}:{os.environ['PATH']}"

    def give(self, owner):
        for path in [self.checkout, *self.checkout.rglob("*")]:
            os.chown(path, owner, owner)

    def build(self, *words):
        subprocess.run([self.checkout / "ci/build", *words], check=True, env={"PATH": self.path},
                       capture_output=True)
        return [line.split()[0] for line in
                (self.checkout / "build/calls").read_text().splitlines()]

    def owners(self):
        return {path.stat().st_uid for path in [self.checkout / "build",
                                                *(self.checkout / "build").rglob("*")]}

    def test_what_root_builds_for_the_demo_belongs_to_who_owns_the_checkout(self):
        self.give(SOMEBODY)
        self.assertEqual(self.build(), [str(SOMEBODY)] * 2)
        self.assertEqual(self.owners(), {SOMEBODY})

    def test_what_an_earlier_run_left_as_roots_is_given_back(self):
        self.give(SOMEBODY)
        (self.checkout / "build/probes").mkdir(parents=True)
        (self.checkout / "build/probes/old").write_text("")
        (self.checkout / "build/link").symlink_to("/etc/passwd")
        self.build()
        self.assertEqual(self.owners() - {0}, {SOMEBODY})
        self.assertEqual((self.checkout / "build/probes/old").stat().st_uid, SOMEBODY)
        self.assertEqual((self.checkout / "build/link").lstat().st_uid, SOMEBODY)
        self.assertEqual(os.stat("/etc/passwd").st_uid, 0)

    def test_in_a_checkout_of_root_root_builds(self):
        self.assertEqual(self.build(), ["0"] * 2)


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("skipped: ci (only root can build for somebody else)")
        sys.exit(77)
    unittest.main()
