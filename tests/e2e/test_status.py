#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What `status` says of monitors, hooks and chains; that what it says is what is so."""
import hashlib
import json
import os
import time

import frames
import harness
import kernel
from harness import STORE


class StatusTest(harness.Case):
    def monitor(self, name, *options):
        found, = self.status(name, *options)["monitors"]
        self.assertEqual(found["name"], name)
        return found

    def test_nothing_loaded_is_said_so_and_makes_nothing(self):
        self.assertEqual(self.dynmon("status").out, "nothing is loaded\n")
        self.assertEqual(self.status(), {"monitors": [], "hooks": [], "problems": []})
        self.assertFalse(STORE.exists())

    def test_a_monitor_is_described_as_it_was_loaded(self):
        begun = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        loaded = self.load("f", "flows", "--set", "sample=3", "--hook", "xdp")
        monitor = self.monitor("f")
        path = harness.probe("flows") / "flows.bpf.o"
        self.assertEqual(monitor["probe"], "flows")
        self.assertEqual(monitor["health"], "attached")
        self.assertEqual(monitor["generation"], 1)
        self.assertEqual(monitor["parameters"], {
            "idle_timeout": "15s", "max_flows": "16384", "sample": "3", "table": "percpu_hash",
            "track_ports": "1"})
        self.assertEqual(monitor["object"], str(path))
        self.assertEqual(monitor["sha256"], hashlib.sha256(path.read_bytes()).hexdigest())
        self.assertEqual((monitor["windows"], monitor["unread-generations"]), (0, 0))
        self.assertLessEqual(begun, monitor["loaded"])
        self.assertLessEqual(monitor["loaded"],
                             time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
        self.assertEqual([(program["direction"], program["hook"], program["ifindex"],
                           program["netns"], program["position"])
                          for program in monitor["programs"]],
                         [("ingress", "xdp", self.blue.ifindex("blue0"), self.blue.inode(), 1),
                          ("egress", "tc-egress", self.blue.ifindex("blue0"), self.blue.inode(),
                           1)])
        # The ids are those of loaded programs, one of the two of each direction.
        for program, recorded in zip(monitor["programs"], loaded["programs"]):
            self.assertIn(program["id"], recorded["ids"])
            self.assertTrue(kernel.is_alive("prog_id", program["id"]))

    def test_a_name_that_is_no_text_neither_breaks_a_report_nor_reaches_the_terminal(self):
        self.load("f", "packets", "--hook", "tc")
        name = os.fsdecode(b"e\xff\x1b[31m\xc2\x9b")
        self.blue.ip("link", "set", "blue0", "down")
        self.blue.ip("link", "set", "blue0", "name", name)
        self.at_end.append(lambda: self.blue.ip("link", "set", name, "name", "blue0"))
        shown = "e\ufffd\x1b[31m\u009b"
        for verb in ("status", "doctor"):
            document = self.dynmon(verb, "--json").json()
            hooks = document["hooks"] if verb == "status" else document["store"]["hooks"]
            self.assertEqual({hook["device"] for hook in hooks}, {shown})
            out = self.dynmon(verb).out
            self.assertNotIn("\x1b", out)
            self.assertIn(r"e\xff\x1b[31m\u{009b}", out)
        refused = self.dynmon("load", "g", "packets", "--netns", "blue", "--dev", "\x1b]0;x\x07",
                              code=harness.FAILED)
        self.assertNotIn("\x1b", refused.err)
        self.assertIn(r"\x1b]0;x\x07", refused.err)

    def test_a_swap_shows_in_the_ids_and_in_the_number_of_windows(self):
        loaded = self.load("f", "flows")
        seen = []
        for windows in range(3):
            monitor = self.monitor("f")
            self.assertEqual(monitor["windows"], windows)
            seen.append(monitor["programs"][0]["id"])
            self.window("f")
        one, two = loaded["programs"][0]["ids"]
        self.assertEqual(seen, [one, two, one])

    def test_a_hook_names_its_pivot_and_chain(self):
        self.load("a", "packets")
        self.load("b", "flows", "--first")
        hook = self.hook("tc-ingress")
        self.assertEqual(
            {name: hook[name] for name in ("device", "ifindex", "netns", "netns-name", "mode",
                                           "health", "chain")},
            {"device": "blue0", "ifindex": self.blue.ifindex("blue0"), "netns": self.blue.inode(),
             "netns-name": "blue", "mode": harness.tc_mode(), "health": "attached",
             "chain": ["b/flows_ingress", "a/packets_ingress"]})
        self.assertEqual(self.pivots(hook), [hook["pivot-id"]])

    def pivots(self, hook):
        """The programs at blue0's tc-ingress, asked of the kernel."""
        if kernel.has_tcx():
            with self.blue.inside():
                return kernel.tcx_programs(hook["ifindex"], kernel.TCX_INGRESS)
        filters = self.blue.run("tc", "-j", "filter", "show", "dev", "blue0", "ingress")
        return [entry["options"]["prog"]["id"] for entry in json.loads(filters)
                if "prog" in entry.get("options", {})]

    def test_the_fill_of_maps_is_that_of_the_open_window(self):
        def fill():
            return {entry["name"]: (entry["type"], entry["entries"], entry["max-entries"])
                    for entry in self.monitor("f")["maps"]}["FLOWS_INGRESS"]

        self.load("f", "flows")
        self.receive(*[frames.ipv4(frames.udp(port, 2), frames.UDP) for port in range(5)])
        kind, entries, most = fill()
        self.assertEqual((kind, entries), ("percpu_hash", 5))
        self.assertGreaterEqual(most, 1024)
        self.window("f")
        self.assertEqual(fill(), (kind, 0, most))

    def test_of_a_queue_it_is_told_whether_it_is_empty(self):
        def fill():
            return {entry["name"]: entry["entries"]
                    for entry in self.monitor("k")["maps"]}["KIND_QUEUE"]

        self.load("k", "kinds")
        self.assertEqual(fill(), 0)
        self.receive(frames.plain(60))
        self.assertIsNone(fill())
        self.assertIn("KIND_QUEUE  queue  some of 32", self.dynmon("status", "k").out)
        self.window("k")
        self.assertEqual(fill(), 0)

    def test_one_name_shows_one_monitor_and_its_hooks(self):
        self.load("a", "packets")
        self.load("b", "tally", "--hook", "xdp")
        status = self.status("b")
        self.assertEqual([monitor["name"] for monitor in status["monitors"]], ["b"])
        self.assertEqual([hook["hook"] for hook in status["hooks"]], ["xdp"])
        error = self.refused(harness.FAILED, "status", "c")
        self.assertIn("no monitor 'c'", error["message"])

    def test_statistics_count_the_runs_under_traffic(self):
        self.load("a", "packets")
        self.load("b", "flows")
        with self.traffic(frames.plain(60)) as sent:
            status = self.status("--stats", "300ms")
        for monitor in status["monitors"]:
            ingress, egress = monitor["programs"]
            self.assertTrue(100 < ingress["run-count"] <= sent[0], (ingress, sent))
            self.assertTrue(1 < ingress["ns-per-run"] < 100_000, ingress)
            self.assertEqual((egress["run-count"], egress["ns-per-run"]), (0, 0))
        self.assertIn("runs", self.dynmon("status", "a", "--stats", "1ms").out)
        self.assertNotIn("run-count", str(self.status()))

    def test_the_text_says_the_same(self):
        self.load("a", "packets")
        text = self.dynmon("status").out
        self.assertRegex(text, r"(?m)^a  packets  generation 1  attached  since 20\S+Z$")
        self.assertRegex(text, r"(?m)^  ingress  packets_ingress  id \d+  position 1$")
        self.assertRegex(text, r"(?m)^  map PKT_COUNTER  array  1 of 1$")
        self.assertRegex(
            text, r"(?m)^hook blue0 in blue  tc-ingress  %s  attached  chain: a/packets_ingress$" %
            harness.tc_mode())


if __name__ == "__main__":
    harness.main()
