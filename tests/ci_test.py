#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What the scripts of ci/ find and leave behind. Commands of PATH stand in for what they call."""
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

    def test_what_root_builds_for_the_demo_belongs_to_the_owner_of_the_checkout(self):
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


@unittest.skipUnless(shutil.which("git"), "needs git")
class WordsTest(unittest.TestCase):
    # "|" is left out: ci/words reads this file too.
    BAD = ("It starts a|new.", "Who|ever runs it.", "It is some|body else's.", "No|body reads it.",
           "It is read by no|body.", "It is to|ld so.", "So ma|ny of them.", "It works all the sa|me.",
           "It is so. O|f a metric it has one.", "# O|f `x` the end.", "Wh|o reads it gets it.",
           "It is kept by wh|o reads it.", "It dies with hi|s lock.", "It is of the ho|use.")
    GOOD = ("It runs as the user nobody instead.", "uid_t nobody = 65534;", "A user who reads it.",
            "A list of what it reads.", "told(probe)", "It starts again.")

    def words(self, *lines):
        """Runs ci/words in a checkout with a file of these lines: (exit code, lines of stderr)."""
        with tempfile.TemporaryDirectory(prefix="dynmon-ci-") as folder:
            (pathlib.Path(folder) / "ci").mkdir()
            shutil.copy(CI / "words", pathlib.Path(folder) / "ci" / "words")
            (pathlib.Path(folder) / "text").write_text("".join(f"{line}\n" for line in lines))
            for command in (["git", "init", "-q"], ["git", "add", "."]):
                subprocess.run(command, check=True, cwd=folder)
            done = subprocess.run([f"{folder}/ci/words"], capture_output=True, text=True)
            return done.returncode, done.stderr.splitlines()

    def test_each_word_that_is_not_plain_is_shown_with_its_line_and_what_to_write(self):
        for line in self.BAD:
            line = line.replace("|", "")
            code, shown = self.words("", line)
            self.assertEqual((code, len(shown)), (1, 1), (line, shown))
            self.assertTrue(shown[0].startswith(f"text:2:{line}: write "), shown)

    def test_plain_words_pass(self):
        self.assertEqual(self.words(*self.GOOD), (0, []))


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("skipped: ci (only root can build for another user)")
        sys.exit(77)
    unittest.main()
