#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A test that is left out is never shown as passed: by the programs of unittest and of doctest, by
ctest, by ci/test. Named on the command line is the build."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import textwrap
import unittest

import skips

BUILD = pathlib.Path(sys.argv.pop())
TESTS = pathlib.Path(__file__).resolve().parent
SKIPPED = 77


class SkipsTest(unittest.TestCase):
    def test_ctest_knows_of_every_test_how_it_says_that_it_was_skipped(self):
        with tempfile.TemporaryDirectory() as folder:  # ctest empties the log of a build that it lists
            (pathlib.Path(folder) / "CTestTestfile.cmake").write_text(f'subdirs("{BUILD}")\n')
            listed = json.loads(subprocess.run(["ctest", "--test-dir", folder, "--show-only=json-v1"],
                                               check=True, capture_output=True, text=True).stdout)
        codes = {test["name"]: {entry["name"]: entry["value"] for entry in test["properties"]}
                 .get("SKIP_RETURN_CODE") for test in listed["tests"]}
        self.assertGreater(len(codes), 50)
        self.assertEqual([name for name, code in codes.items() if code != SKIPPED], [])

    def run_file(self, body, **environment):
        """The exit code and output of a test file of the harness, outside of its sandbox."""
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "test_some.py"
            file.write_text("import sys, unittest\n"
                            f"sys.path.insert(0, {str(TESTS / 'e2e')!r})\n"
                            "import harness\n"
                            "harness.enter_sandbox = lambda: None\n"
                            f"{textwrap.dedent(body)}\nharness.main()\n")
            done = subprocess.run([sys.executable, "-B", file], capture_output=True, text=True,
                                  env={"PATH": os.environ["PATH"], **environment})
        return done.returncode, done.stderr

    def test_a_file_of_which_one_case_is_left_out_is_skipped(self):
        cases = """
            class SomeTest(unittest.TestCase):
                def test_good(self): pass
                def test_out(self): self.skipTest("no moon")
            """
        code, said = self.run_file(cases)
        self.assertEqual(code, SKIPPED, said)
        lines = ["3/9 Testing: e2e-some\n", *said.splitlines(keepends=True)]
        self.assertEqual(list(skips.skips(lines)), [("e2e-some", "test_out", "no moon")])
        code, said = self.run_file(cases.replace("pass", "self.fail()"))
        self.assertEqual(code, 1, said)  # a failure is not hidden by it
        code, said = self.run_file(cases.replace('self.skipTest("no moon")', "pass"))
        self.assertEqual(code, 0, said)

    def test_where_all_tools_must_be_there_a_missing_one_is_a_failure(self):
        case = """
            class SomeTest(unittest.TestCase):
                def test_tool(self): harness.tool("no-such-tool", "nowhere")
            """
        code, said = self.run_file(case)
        self.assertEqual(code, SKIPPED, said)
        self.assertIn("skipped 'no no-such-tool: install the package nowhere'", said)
        code, said = self.run_file(case, DYNMON_NEED_TOOLS="1")
        self.assertEqual(code, 1, said)

    def test_a_program_of_doctest_names_what_it_skips(self):
        # Run as the user nobody, which leaves out all that needs root.
        case = "to look at a file is not to believe it"
        nobody = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
        with open(BUILD / "tests/unit/dynmon-unit", "rb") as program:
            done = subprocess.run([f"/proc/self/fd/{program.fileno()}", f"--test-case={case}"],
                                  pass_fds=[program.fileno()], capture_output=True, text=True,
                                  cwd="/", **nobody)
        self.assertEqual(done.returncode, SKIPPED, done.stdout + done.stderr)
        self.assertIn(case, [name for _, name, _ in skips.skips(done.stdout.splitlines())])


if __name__ == "__main__":
    unittest.main()
