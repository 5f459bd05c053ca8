#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What dynmon-load answers to a command line that it does not understand, and how it says things
beside the result."""
import json

import frames
import harness
import published


class UsageTest(harness.Case):
    """Only what was not understood is guessed at."""

    def said(self, *words):
        error = self.refused(harness.USAGE, *words)
        return error["message"], error.get("hint")

    def test_an_argument_of_an_option_is_no_verb(self):
        self.assertEqual(self.said("--lock-timeout", "5s", "nope"),
                         ("no verb 'nope'", "`dynmon-load --help` lists the verbs"))
        self.assertEqual(self.said("--lock-timeout", "5s", "raed"),
                         ("no verb 'raed'", "did you mean 'read'?"))

    def test_an_option_that_is_right_is_not_corrected(self):
        message, hint = self.said("--bpffs", "/sys/fs/bpf", "load")
        self.assertIn("NAME", message)
        self.assertEqual(hint, "`dynmon-load load --help` shows how")

    def test_an_unknown_option_is_named_before_what_is_missing(self):
        self.assertEqual(self.said("load", "p", "packets", "--dve", "blue0"),
                         ("load has no option '--dve'", "did you mean '--dev'?"))
        self.assertEqual(self.said("read", "p", "--intreval=1s"),
                         ("read has no option '--intreval'", "did you mean '--interval'?"))
        self.assertEqual(self.said("read", "p", "--qqqqqqq"),
                         ("read has no option '--qqqqqqq'", "`dynmon-load read --help` lists them"))
        self.assertEqual(self.said("--verbsoe", "status"),
                         ("status has no option '--verbsoe'", "did you mean '--verbose'?"))

    def test_an_argument_too_many_is_named(self):
        self.assertEqual(self.said("recover", "now"),
                         ("unexpected argument 'now'", "`dynmon-load recover --help` shows how"))

    def test_words_of_other_tools_are_answered_with_the_verb(self):
        for word, verb in (("help", "--help"), ("list", "status"), ("ls", "status"),
                           ("show", "status"), ("attach", "load NAME PROBE --dev IFACE"),
                           ("detach", "unload NAME"), ("version", "--version"),
                           ("top", "status --stats")):
            self.assertEqual(self.said(word), (f"no verb '{word}'", f"`dynmon-load {verb}`"))

    def test_an_interface_that_is_like_no_other_gets_no_guess(self):
        error = self.refused(harness.FAILED, "load", "p", "packets", "--netns", "blue", "--dev",
                             "nc9")
        self.assertNotIn("did you mean", error.get("hint", ""))


class OldNamesTest(harness.Case):
    def test_an_option_is_understood_by_the_name_that_it_had_before(self):
        self.load("m", "flows")
        (now,) = self.read("m", "flows", "--peek", "--direction", "ingress")
        (before,) = self.read("m", "flows", "--peek", "--path", "ingress")
        for documents in (now, before):
            self.assertEqual(len(documents["ingress-metrics"]), 1)
            self.assertEqual(documents["egress-metrics"], [])
        self.dynmon("read", "m", "--peek", "--jobs", "2")
        self.refused(harness.USAGE, "read", "m", "--path", "ingress", "--direction", "ingress")
        shown = self.dynmon("read", "--help").out
        for old, new in (("--path", "--direction"), ("--jobs", "--read-ahead")):
            self.assertNotIn(old, shown)
            self.assertIn(new, shown)


class KeysTest(harness.Case):
    """JSON has its keys in one style; names of the kernel and of other formats stay as they are."""

    OTHERS = {"capabilities": "CAP_BPF", "lucid": "packets_per_flow of LUCID"}

    def names(self, node, place="", names=None):
        names = [] if names is None else names
        if isinstance(node, dict):
            names += [(place, name) for name in node.get("properties", {})]
            for key, value in node.items():
                self.names(value, key if key not in ("properties", "items") else place, names)
        elif isinstance(node, list):
            for value in node:
                self.names(value, place, names)
        return names

    def test_published_keys_are_kebab_case(self):
        for path in sorted((harness.SOURCE / "schemas").glob("*.json")):
            for place, name in self.names(json.loads(path.read_text())):
                if place not in self.OTHERS:
                    self.assertRegex(name, r"^[a-z0-9]+(-[a-z0-9]+)*$", f"{path.name}: {place}")

    def test_what_is_printed_has_no_other_keys_than_what_is_published(self):
        self.load("p", "packets")
        for kind, words in (("status", ["status"]), ("doctor", ["doctor"]),
                            ("check", ["check", "packets"]), ("read", ["read", "p", "--peek"])):
            published.require(self, kind, self.dynmon("--json", *words).out)


class MessagesTest(harness.Case):
    def test_with_json_every_line_of_stderr_is_a_document(self):
        self.load("p", "packets")
        self.receive(*[frames.plain(60)] * 4)
        self.blue.ip("link", "del", "blue0")
        said = self.dynmon("--json", "read", "p").err
        lines = [json.loads(line) for line in said.splitlines()]
        self.assertEqual([line.keys() for line in lines], [{"warning"}])
        self.assertIn("monitor 'p' counts nothing", lines[0]["warning"])


if __name__ == "__main__":
    harness.main()
