#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Namespaces: the same names and the same ifindexes in two of them never mix."""
import contextlib
import csv
import io
import json
import re
import shlex
import subprocess

import frames
import harness
import wire


class NamespacesTest(harness.Case):
    def setUp(self):
        super().setUp()
        # A second pair, its blue0 with the name, the address and the ifindex of the first.
        self.other = wire.Wire("red2", "blue2")
        self.addCleanup(self.other.close)
        self.assertEqual(self.other.blue.ifindex("blue0"), self.blue.ifindex("blue0"))

    def load_in(self, name, netns, *options):
        return self.dynmon("--json", "load", name, "packets", "--dev", "blue0", "--netns", netns,
                           *options).json()

    def test_equal_devices_of_two_namespaces_are_two_hooks(self):
        self.load_in("one", "blue")
        self.load_in("two", "blue2")
        self.receive(*[frames.plain(60)] * 3)
        self.other.receive(*[frames.plain(60)] * 5)
        self.assertEqual([self.packets("one"), self.packets("two")], [3, 5])
        chains = {(hook["netns"], hook["netns-name"]): hook["chain"]
                  for hook in self.status()["hooks"] if hook["hook"] == "tc-ingress"}
        self.assertEqual(chains, {(self.blue.inode(), "blue"): ["one/packets_ingress"],
                                  (self.other.blue.inode(), "blue2"): ["two/packets_ingress"]})

    def test_unloading_one_leaves_the_other(self):
        for options in (), ("--tc", "clsact"), ("--hook", "xdp"):
            self.load_in("one", "blue", *options)
            self.load_in("two", "blue2", *options)
            self.dynmon("unload", "one")
            self.assert_device_is_free()
            self.other.receive(*[frames.plain(60)] * 4)
            self.receive(frames.plain(60))
            self.assertEqual(self.packets("two"), 4)
            self.dynmon("unload", "two")

    def test_a_namespace_may_be_named_by_a_path(self):
        self.load_in("one", self.blue.path)
        self.receive(*[frames.plain(60)] * 3)
        self.assertEqual(self.packets("one"), 3)
        # The same hook, whatever it is called: one chain.
        self.load_in("two", "blue")
        self.assertEqual(self.hook("tc-ingress")["chain"],
                         ["one/packets_ingress", "two/packets_ingress"])

    def test_a_caller_inside_the_namespace_reaches_the_same_hook(self):
        self.load_in("one", "blue")
        with self.blue.inside():
            self.dynmon("load", "two", "packets", "--dev", "blue0")
        self.assertEqual(self.hook("tc-ingress")["chain"],
                         ["one/packets_ingress", "two/packets_ingress"])
        self.receive(frames.plain(60))
        with self.other.blue.inside():  # the caller's namespace makes no difference
            self.assertEqual([self.packets("one"), self.packets("two")], [1, 1])
            self.dynmon("unload", "two")

    def rows_of(self, sources):
        """The rows of one file that the rows of several monitors went into."""
        for output in ("csv", "jsonl"):
            text = "".join(self.dynmon("read", name, "--direction", "ingress", "--format", output).out
                           for name in sources)
            rows = ([json.loads(line) for line in text.splitlines()] if output == "jsonl" else
                    [row for row in csv.DictReader(io.StringIO(text, newline=""))
                     if row["host"] != "host"])
            self.assertEqual({(row["monitor"], row["device"], row["namespace"]) for row in rows},
                             {(name, "blue0", netns) for name, netns in sources.items()})
            self.assertEqual(len(rows), len(sources))

    def test_rows_of_both_in_one_file_are_told_apart(self):
        self.load_in("one", "blue")
        self.load_in("two", "blue2")
        self.rows_of({"one": "blue", "two": "blue2"})

    def test_so_they_are_where_the_namespace_was_given_by_a_path_or_is_that_of_the_loader(self):
        with self.blue.inside():
            self.dynmon("load", "one", "packets", "--dev", "blue0")
        self.load_in("two", self.other.blue.path)
        self.rows_of({"one": str(self.blue.inode()), "two": self.other.blue.path})

    def test_a_missing_namespace_is_named(self):
        error = self.refused(harness.FAILED, "load", "x", "packets", "--dev", "blue0", "--netns",
                             "green")
        self.assertIn("no network namespace 'green'", error["message"])
        self.assertEqual(error["errno"], "ENOENT")
        error = self.refused(harness.USAGE, "load", "x", "packets", "--dev", "blue0", "--netns",
                             "/etc/passwd")
        self.assertIn("'/etc/passwd' is not a network namespace", error["message"])


class NetnsExecTest(harness.Case):
    """`ip netns exec` mounts a /sys without the bpffs that the store is in."""

    def run_words(self, *words):
        done = subprocess.run(words, capture_output=True, text=True, env=harness.environment(),
                              cwd=self.folder, timeout=60)
        return done.returncode, done.stdout, done.stderr

    def test_the_hint_can_be_followed_by_every_verb_that_reads(self):
        self.load("f", "flows")
        flow = frames.ipv4(frames.udp(1000, 53), frames.UDP)
        export = ("export", "f", "--profile", "netflow", "--out", "out", "--interval", "20ms",
                  "--count", "1", "--idle", "0")
        for verb in (("read", "f", "flows", "--direction", "ingress", "--format", "csv"), export,
                     ("status", "f"), ("dump", "f/FLOWS_INGRESS"), ("read", "f", "--peek")):
            self.receive(flow)
            code, out, error = self.run_words("ip", "netns", "exec", "blue", str(harness.DYNMON),
                                              *verb)
            self.assertEqual((code, out), (harness.USAGE, ""), error)
            self.assertIn("/sys/fs/bpf is not on a BPF file system", error)
            instead, = re.findall(r"use `(nsenter --net=\S+)`", error)
            code, out, error = self.run_words(
                *shlex.split(instead.replace("NS", "blue")), str(harness.DYNMON), *verb)
            self.assertEqual((code, error.count("error")), (harness.OK, 0), (verb, error))
        self.assertTrue(list((self.folder / "out").glob("*.csv")))


class UnnamedTest(harness.Case):
    """A namespace that has no name is found again by the path that was given."""

    def setUp(self):
        super().setUp()
        stack = contextlib.ExitStack()
        self.netns = stack.enter_context(self.blue.unnamed(self.folder))
        self.at_end.append(stack.close)

    def load_by_path(self, name, probe, *options):
        return self.dynmon("--json", "load", name, probe, "--dev", "blue0", "--netns", self.netns,
                           *options).json()

    def rename(self, old, new):
        self.blue.run("ip", "link", "set", old, "down")
        self.blue.run("ip", "link", "set", old, "name", new)
        self.blue.run("ip", "link", "set", new, "up")

    def test_load_and_status_see_what_is_in_front_and_how_the_device_is_called(self):
        for options, mode in (((), harness.tc_mode()), (("--tc", "clsact"), "clsact"),
                              (("--hook", "xdp"), "native")):
            document = self.load_by_path("p", "packets", *options)
            self.assertEqual([program["in-front"] for program in document["programs"]], [[], []])
            hook, = [hook for hook in self.status()["hooks"] if hook["hook"] != "tc-egress"]
            self.assertEqual((hook["health"], hook["in-front"], hook["mode"], hook["device"]),
                             ("attached", [], mode, "blue0"))
            self.assertNotIn("in front", self.dynmon("status").out)
            self.rename("blue0", "azure0")
            self.assertEqual({hook["device"] for hook in self.status()["hooks"]}, {"azure0"})
            self.dynmon("unload", "p")
            self.rename("azure0", "blue0")

    def test_the_filter_and_its_qdisc_go_with_the_last_monitor(self):
        self.load_by_path("p", "packets", "--tc", "clsact")
        self.assertIn("clsact", self.blue.run("tc", "qdisc", "show", "dev", "blue0"))
        self.dynmon("unload", "p")
        self.assertNotIn("clsact", self.blue.run("tc", "qdisc", "show", "dev", "blue0"))

    def test_a_direction_is_added_there_by_replace(self):
        self.load_by_path("p", "tally")
        self.replace("p", "packets")
        self.receive(*[frames.plain(60)] * 3)
        self.transmit(frames.plain(60))
        document = self.read("p")[-1]
        self.assertEqual([self.value(document, "packets_total", direction)
                          for direction in ("ingress", "egress")], [[3], [1]])

    def test_interfaces_have_their_names(self):
        self.load_by_path("t", "typed")
        self.receive(frames.plain(60))
        keys = [entry["key"]["ifindex"] for entry in self.value(self.window("t"), "typed")]
        self.assertEqual(set(keys), {"blue0"})

    def test_so_they_have_in_dumps_and_events(self):
        self.load_by_path("t", "typed")
        self.load_by_path("e", "events")
        self.receive(frames.plain(60))
        rows = json.loads(self.dynmon("dump", "t/typed", "--format", "json", "--value-only").out)
        self.assertEqual({row["key"]["ifindex"] for row in rows}, {"blue0"})
        event = json.loads(self.dynmon("stream", "e/DETAILS", "--count", "1").out)["event"]
        self.assertEqual(event["device"], "blue0")

    def test_addresses_of_it_are_not_denied(self):
        self.load_by_path("edge", "ssdp")
        error = self.refused(harness.REJECTED, "deny", "edge", "add", "10.0.0.2")
        self.assertIn("an address of blue0", error["message"])
        self.dynmon("deny", "edge", "add", "10.9.0.0/16")


if __name__ == "__main__":
    harness.main()
