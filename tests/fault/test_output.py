#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The reader of the output goes away, or its disk is full: the window is for the next one."""
import json
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

import frames
import harness

FORMATS = ("json", "dynmon", "csv", "jsonl", "table", "openmetrics")


def udp(port):
    return frames.ipv4(frames.udp(port, 2), frames.UDP)


class LostOutputTest(harness.Case):
    """PROMISES:
    S-18 A read whose output fails"""

    def setUp(self):
        super().setUp()
        self.load("f", "flows")

    def check(self, read, error_name):
        """`read` is given words and fails; nothing of the window is lost."""
        total = 0
        for output in FORMATS:
            words = ("f", *(["flows"] if output == "csv" else []), "--format", output)
            self.receive(*[udp(port) for port in range(100)])
            total += 100
            code, error = read(words)
            self.assertEqual(code, harness.FAILED, (output, error))
            self.assertIn(error_name, error)
            documents = self.read("f")
            self.assertEqual(sum(entry["value"]["packets"] for document in documents
                                 for entry in self.value(document, "flows")), 100, output)
            totals = self.dynmon("read", "f", "--format", "openmetrics").out
            self.assertRegex(totals, fr'(?m)^dynmon_flows_packets_total\{{.*protocol="UDP".*'
                                     fr'direction="ingress"\}} {total}$')

    def test_a_full_disk(self):
        def read(words):
            with open("/dev/full", "w") as full:
                result = self.dynmon("read", *words, stdout=full, code=harness.FAILED)
            return result.code, result.err
        self.check(read, "ENOSPC")

    def test_a_pipe_whose_reader_is_gone(self):
        def read(words):
            reading, writing = os.pipe()
            os.close(reading)
            result = self.dynmon("read", *words, stdout=writing, code=harness.FAILED)
            os.close(writing)
            return result.code, result.err
        self.check(read, "EPIPE")

    def test_a_closed_standard_output(self):
        def read(words):
            done = subprocess.run(["sh", "-c", '"$0" "$@" >&-', str(harness.DYNMON), "read",
                                   *words], stderr=subprocess.PIPE, text=True,
                                  timeout=60, env=harness.environment())
            return done.returncode, done.stderr
        self.check(read, "EBADF")

    def test_a_reader_that_leaves_in_the_middle_of_many_windows(self):
        reader = self.start("read", "f", "--format", "json", "--interval", "10ms")
        self.receive(*[udp(port) for port in range(50)])
        documents = [json.loads(reader.stdout.readline()) for _ in range(3)]
        reader.stdout.close()
        error = reader.stderr.read()
        self.assertEqual(reader.wait(10), harness.FAILED)
        self.assertIn("EPIPE", error)
        self.receive(*[udp(port) for port in range(50)])
        known = {document["window"]["sequence"] for document in documents}
        later = [document for document in self.read("f")
                 if document["window"]["sequence"] not in known]
        self.assertEqual(sum(entry["value"]["packets"] for document in documents + later
                             for entry in self.value(document, "flows")), 100)

    def test_results_that_cannot_be_written_are_an_error(self):
        for words in (("status",), ("dump", harness.STORE / "monitors/f/g1/FLOWS_INGRESS-a"),
                      ("--json", "recover"), ("replace", "f", "flows")):
            with open("/dev/full", "w") as full:
                result = self.dynmon(*words, stdout=full, code=harness.FAILED)
            self.assertTrue(result.err, words)


if __name__ == "__main__":
    harness.main()
