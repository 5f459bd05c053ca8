#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A hook is detached, or its device is deleted: `apply` makes it run again, and readers say that nothing
is counted."""
import json
import os
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

import harness
import kernel
import published
import wire
from lost import HOOKS, UDP, make_anew


class ApplyTest(harness.Case):
    """`apply` makes it so, also when nothing runs any more."""

    def apply(self, *options, name="p", probe="packets"):
        return self.dynmon("--json", "apply", name, probe, "--dev", "blue0", "--netns", "blue",
                           *options).json()

    def detach(self):
        for link in (harness.STORE / "hooks").glob("*/link"):
            wire.command("bpftool", "link", "detach", "pinned", str(link))
        for direction in self.blue.run("tc", "qdisc", "show", "dev", "blue0").splitlines():
            if "clsact" in direction:
                self.blue.run("tc", "qdisc", "del", "dev", "blue0", "clsact")

    def ill(self, verb):
        """The exit code of a verb that looks, and its problems."""
        done = subprocess.run([str(harness.DYNMON), "--json", verb], capture_output=True,
                              timeout=60, env=harness.environment())
        document = published.require(self, verb, done.stdout.decode())
        return done.returncode, [entry for entry in document["problems"] if entry["ill"]]

    def assert_ill(self, text):
        """`status`, `doctor` and `recover` say the same, and what to do."""
        code, problems = self.ill("status")
        self.assertEqual(code, harness.FAILED, problems)
        self.assertTrue(all(text in entry["problem"] for entry in problems), problems)
        self.assertTrue(all("dynmon-load apply" in entry["remedy"] for entry in problems), problems)
        for verb, expected in (("doctor", harness.FAILED), ("recover", harness.OK)):
            self.assertEqual(self.ill(verb), (expected, problems))
        said = self.dynmon("status").out
        self.assertIn(f"problem: {problems[0]['problem']}\n  do: {problems[0]['remedy']}\n", said)

    def test_it_attaches_again_what_somebody_detached_with_all_that_it_counted(self):
        for options in HOOKS:
            with self.subTest(options=options):
                self.assertEqual(self.apply(*options)["outcome"], "loaded")
                self.load("other", "packets", *options)
                self.receive(*[UDP] * 4)
                self.assertEqual(self.ill("status"), (harness.OK, []))
                self.detach()
                self.receive(UDP)  # no program counts it
                self.assert_ill("is not attached")
                again = self.apply(*options)
                self.assertEqual((again["outcome"], again["generation"]), ("attached", 1))
                self.receive(*[UDP] * 3)
                self.assertEqual([self.packets("p"), self.packets("other")], [7, 7])
                self.assertEqual(self.apply(*options)["outcome"], "unchanged")
                self.assertEqual(self.ill("status"), (harness.OK, []))
                self.dynmon("unload", "--all")
                self.assert_nothing_left()

    def make_anew(self):
        self.wire.close_sockets()
        self.blue.ip("link", "del", "blue0")
        self.blue.ip("link", "add", "blue0", "address", "02:00:00:00:00:02", "type", "veth", "peer",
                     "name", "red0", "netns", "red")
        self.red.ip("link", "set", "red0", "up")
        self.blue.ip("link", "set", "blue0", "up")

    def test_it_follows_an_interface_that_was_made_anew_and_nothing_is_lost(self):
        for options in HOOKS:
            for keep in ((), ("--keep-maps",)):
                with self.subTest(options=options, keep=keep):
                    self.apply(*options, name="f", probe="flows")
                    self.receive(*[UDP] * 4)
                    self.make_anew()
                    self.assert_ill("the device is gone")
                    again = self.apply(*options, *keep, name="f", probe="flows")
                    self.assertEqual((again["outcome"], again["generation"]), ("attached", 2))
                    self.receive(*[UDP] * 3)
                    counts = [entry["value"]["packets"] for document in self.read("f")
                              for entry in self.value(document, "flows")]
                    self.assertEqual(counts, [7] if keep else [4, 3])
                    self.assertEqual(self.ill("status"), (harness.OK, []))
                    self.assertEqual(len({hook["ifindex"] for hook in self.status()["hooks"]}), 1)
                    self.dynmon("unload", "f")
                    self.assert_nothing_left()

    def test_what_others_put_there_is_not_overwritten(self):
        self.apply("--hook", "xdp")
        self.detach()
        self.load("f", "flows", "--hook", "xdp", "--bpffs", harness.BPFFS / "second")
        error = self.refused(harness.BUSY, "apply", "p", "packets", "--dev", "blue0", "--netns",
                             "blue", "--hook", "xdp")
        self.assertIn("XDP is taken", error["message"])
        self.dynmon("--bpffs", harness.BPFFS / "second", "unload", "f")


class DetachedTest(harness.Case):
    """PROMISES:
    H-11 Where a hook is, `status` asks the kernel each time"""

    def detach(self, point):
        hook = self.hook(point)
        path = harness.STORE / "hooks" / f"{hook['netns']}_{hook['ifindex']}_{point}" / "link"
        wire.command("bpftool", "link", "detach", "pinned", str(path))

    def test_it_is_still_said_when_the_hook_was_made_anew_for_others(self):
        for point, options in (("tc-ingress", ()), ("xdp", ("--hook", "xdp"))):
            if not options and not kernel.has_tcx():
                continue
            with self.subTest(point):
                self.load("a", "tally", *options)
                for name in ("b", "c"):  # twice: the first pivot on the device counts
                    self.detach(point)
                    self.load(name, "tally", *options)
                old, next_one, _ = published.require(
                    self, "status", self.dynmon("--json", "status").out)["monitors"]
                self.assertEqual([(monitor["health"], program["id"], program["position"])
                                  for monitor in (old, next_one) for program in monitor["programs"]],
                                 [("detached", None, None)] * 2)
                said = self.dynmon("read", "a").err
                self.assertIn("(detached): nothing of it is attached any more (its hook was made "
                              "again, for other monitors)", said)
                self.assertNotIn("interface", said)
                self.assertIn("in no chain", self.dynmon("status", "a").out)
                self.dynmon("unload", "--all")

    @harness.NEEDS_TCX
    def test_a_tcx_link_that_somebody_detached_is_said_to_be_so(self):
        self.check("tc-ingress")

    def test_an_xdp_link_that_somebody_detached_is_said_to_be_so(self):
        self.check("xdp", "--hook", "xdp")

    def check(self, point, *options):
        self.load("p", "packets", *options)
        self.receive(*[UDP] * 4)
        self.detach(point)
        self.receive(UDP)  # no program counts it
        self.assertNotEqual(self.hook(point)["health"], "attached")
        self.assertNotEqual(self.status("p")["monitors"][0]["health"], "attached")
        self.assertEqual(self.packets("p"), 4)
        error = self.refused(harness.FAILED, "replace", "p", "packets")
        self.assertIn("is not attached any more", error["message"])
        self.dynmon("unload", "p")
        self.assert_nothing_left()

    def test_a_clsact_qdisc_that_somebody_deleted_is_said_to_be_so(self):
        self.load("p", "packets", "--tc", "clsact")
        self.receive(*[UDP] * 4)
        self.blue.run("tc", "qdisc", "del", "dev", "blue0", "clsact")
        self.assertEqual(self.hook("tc-ingress")["health"], "detached")
        self.assertEqual(self.packets("p"), 4)
        self.dynmon("unload", "p")
        self.assert_nothing_left()


class ReadersTest(harness.Case):
    """A read of a monitor that packets do not reach says so, on stderr and in what it prints."""

    def attached(self, *words):
        """By direction, and what it prints on stderr."""
        result = self.dynmon("read", "p", *words, "--format", "json")
        document = published.require(self, "read", result.out)
        return document["attached"], result.err

    def gauges(self, *words):
        result = self.dynmon("read", "p", "--format", "openmetrics", *words)
        return {tuple(re.findall(r'(?:direction|hook)="([^"]+)"', line)): line.split()[-1]
                for line in result.out.splitlines() if line.startswith("dynmon_hook_attached{")}

    def point_of(self, options):
        return "xdp" if "xdp" in options else "tc-ingress"

    def check_every_format(self, options, health, egress):
        """`egress`: whether packets go on reaching it there."""
        point = self.point_of(options)
        attached, err = self.attached("--peek")
        self.assertEqual(attached, {"ingress": False, "egress": egress})
        self.assertRegex(err, rf"monitor 'p' counts nothing at {point} of blue0\b.*"
                              rf" \({health}\): .*'p'")
        self.assertEqual(self.gauges("--peek"), {("ingress", point): "0",
                                                 ("egress", "tc-egress"): "01"[egress]})
        lines = self.dynmon("read", "p", "--peek", "--format", "jsonl").out.splitlines()
        line = published.require(self, "read-unattached", lines[0])
        self.assertEqual({name: line[name] for name in ("host", "monitor", "direction", "sequence",
                                                        "attached", "health")},
                         {"host": os.uname().nodename, "monitor": "p", "direction": "ingress",
                          "sequence": 1, "attached": False, "health": health})
        title = self.dynmon("read", "p", "--peek").out.splitlines()[0]
        self.assertIn(f"  {point} is {health}: nothing is counted there", title)
        for quiet in ("csv", "dynmon", "npz"):
            with open(self.folder / "out", "wb") as out:
                result = self.dynmon("read", "p", "--peek", "--format", quiet, stdout=out)
            self.assertIn(f"({health}): ", result.err)
        result = self.dynmon("dump", "p/packets_total")
        self.assertIn(f"({health}): ", result.err)
        # A read that takes the window says so, too, and what was counted before is in it.
        result = self.dynmon("read", "p", "--format", "json")
        self.assertEqual(json.loads(result.out)["attached"]["ingress"], False)
        self.assertEqual(self.value(json.loads(result.out), "packets_total"), [4])
        self.assertIn(f"({health}): ", result.err)

    def load_and_count(self, options):
        self.load("p", "packets", *options)
        self.receive(*[UDP] * 4)
        attached, err = self.attached("--peek")
        self.assertEqual((attached, err), ({"ingress": True, "egress": True}, ""))
        self.assertEqual(set(self.gauges("--peek").values()), {"1"})
        self.wire.close_sockets()

    def again(self):
        self.dynmon("unload", "p")
        self.wire.close()
        self.new_wire()

    def test_the_device_is_deleted(self):
        for options in HOOKS:
            self.load_and_count(options)
            self.blue.ip("link", "del", "blue0")
            self.check_every_format(options, "defunct", egress=False)
            self.again()

    def test_the_namespace_is_deleted(self):
        for options in HOOKS:
            self.load_and_count(options)
            self.blue.delete()
            self.eventually(lambda: not self.attached("--peek")[0]["ingress"], "it is gone")
            self.check_every_format(options, "defunct", egress=False)
            self.again()

    def test_another_device_of_the_same_name_and_number_is_not_taken_for_it(self):
        for options in HOOKS:
            self.load_and_count(options)
            make_anew(self)
            attached, err = self.attached()
            self.assertEqual(attached, {"ingress": False, "egress": False})
            self.assertIn("counts nothing at", err)
            self.again()

    def detach(self, point, options):
        if point != "xdp" and (options == ("--tc", "clsact") or not kernel.has_tcx()):
            self.blue.run("tc", "filter", "del", "dev", "blue0", point.removeprefix("tc-"))
        else:
            DetachedTest.detach(self, point)

    def test_it_is_taken_off_one_hook(self):
        for options in HOOKS:
            self.load_and_count(options)
            self.detach(self.point_of(options), options)
            self.check_every_format(options, "detached", egress=True)
            self.assertEqual(self.hook(self.point_of(options))["health"], "detached")
            self.again()

    def test_a_reader_that_goes_on_notices_it_without_any_rights_and_says_it_once(self):
        for options in HOOKS:
            self.load_and_count(options)
            path, said = self.folder / "out", self.folder / "err"
            with open(path, "w") as out, open(said, "w") as err:
                process = self.start("-q", "read", "p", "--format", "json", "--interval", "20ms",
                                     stdout=out, stderr=err)

            def seen():
                lines = path.read_text().rpartition("\n")[0].splitlines()
                return [json.loads(line)["attached"]["ingress"] for line in lines]

            self.eventually(lambda: True in seen(), "it reads")
            capabilities = pathlib.Path(f"/proc/{process.pid}/status").read_text()
            if kernel.has_tcx():  # before Linux 5.19 it keeps CAP_BPF
                self.assertIn("CapEff:\t0000000000000000", capabilities)
            self.detach(self.point_of(options), options)
            self.eventually(lambda: seen()[-3:] == [False] * 3, "it notices")
            process.terminate()
            self.assertEqual(process.wait(10), 0)
            self.assertEqual(seen(), sorted(seen(), reverse=True))
            self.assertEqual(len(said.read_text().splitlines()), 1, said.read_text())
            self.assertIn(f"counts nothing at {self.point_of(options)} of blue0 (detached): ",
                          said.read_text())
            self.again()

    def test_without_rights_a_link_without_a_device_is_detached_and_the_doubt_is_said(self):
        for options in (("--hook", "xdp"), *([()] if kernel.has_tcx() else [])):
            self.load_and_count(options)
            said = self.folder / "err"
            with open(said, "w") as err:
                process = self.start("-q", "read", "p", "--format", "json", "--interval", "20ms",
                                     stdout=subprocess.PIPE, stderr=err)
            process.stdout.readline()
            self.blue.ip("link", "del", "blue0")
            self.eventually(lambda: said.read_text(), "it notices")
            process.terminate()
            process.communicate(timeout=10)
            self.assertRegex(said.read_text(),
                             r"\(detached\): nothing of it is attached any more \(whether its interface "
                             r"is still there is not known: enter network namespace '/run/netns/blue': "
                             r"operation not permitted \(EPERM\)\); "
                             r"unload 'p' and load it again")
            self.assertIn("(defunct): ", self.attached("--peek")[1])  # with the right to look
            self.again()

    def test_without_rights_a_namespace_that_is_gone_is_seen(self):
        for options in HOOKS:
            self.load_and_count(options)
            said = self.folder / "err"
            with open(said, "w") as err:
                process = self.start("-q", "read", "p", "--format", "json", "--interval", "20ms",
                                     stdout=subprocess.PIPE, stderr=err)
            process.stdout.readline()
            self.blue.delete()
            self.eventually(lambda: said.read_text(), "it notices")
            process.terminate()
            process.communicate(timeout=10)
            self.assertIn("(defunct): the interface or its network namespace is gone",
                          said.read_text())
            self.again()

    def test_who_streams_and_who_exports_is_told_too(self):
        self.load("e", "events", "--hook", "xdp")
        self.load("d", "ddos", "--hook", "xdp")
        said = self.folder / "err"
        with open(said, "w") as err:
            process = self.start("stream", "e/ARRIVALS", stdout=subprocess.DEVNULL, stderr=err)
        self.receive(UDP)
        self.detach("xdp", ())
        self.eventually(lambda: "monitor 'e' counts nothing at xdp" in said.read_text(), "told")
        process.terminate()
        self.assertEqual(process.wait(10), 0)
        self.assertIn("counts nothing at xdp", self.dynmon("stream", "e/ARRIVALS", "--timeout",
                                                           "10ms").err)
        result = self.dynmon("--json", "export", "d", "--profile", "ddos", "--out", "o",
                             "--interval", "10ms", "--count", "2")
        for line in result.out.splitlines():
            self.assertEqual(published.require(self, "export", line)["attached"]["ingress"], False)
        self.assertEqual(result.err.count("monitor 'd' counts nothing at xdp"), 1, result.err)

    def test_a_peek_sees_that_the_chain_does_not_lead_to_it(self):
        self.load("p", "packets")
        hook = self.hook("tc-ingress")
        chain = harness.STORE / "hooks" / f"{hook['netns']}_{hook['ifindex']}_tc-ingress" / "chain"
        wire.command("bpftool", "map", "delete", "pinned", str(chain), "key", "0", "0", "0", "0")
        attached, err = self.attached("--peek")
        self.assertEqual(attached, {"ingress": False, "egress": True})
        self.assertIn("(interrupted): no chain leads to its program; run `dynmon-load recover`", err)
        self.dynmon("recover")
        self.assertEqual(self.attached("--peek"), ({"ingress": True, "egress": True}, ""))

    @harness.NEEDS_TCX
    def test_a_device_that_was_moved_is_counted_on(self):
        self.load("p", "packets")
        green = wire.Namespace("green")
        self.wire.close_sockets()
        self.blue.ip("link", "set", "blue0", "netns", "green")
        self.assertEqual(self.attached("--peek"), ({"ingress": True, "egress": True}, ""))
        self.dynmon("unload", "p")
        green.delete()
        self.wire.close()
        self.new_wire()


if __name__ == "__main__":
    harness.main()
