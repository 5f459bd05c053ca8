#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The device, its namespace, its name or the BPF file system goes away under a monitor: said so,
still readable where it can be, removed."""
import contextlib
import json
import os
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

import frames
import harness
import kernel
import published
import wire

UDP = frames.ipv4(frames.udp(1, 2), frames.UDP)


class GoneTest(harness.Case):
    """PROMISES:
    H-11 Where a hook is, `status` asks the kernel each time"""

    HOOKS = ((), ("--tc", "clsact"), ("--hook", "xdp"))

    def load_and_lose(self, options, lose):
        self.load("f", "flows", *options)
        self.load("p", "packets", *options)
        self.receive(*[UDP] * 4)
        self.wire.close_sockets()  # they would keep the namespace alive
        lose()

    def check(self, lose, health="defunct"):
        """What was counted before can still be read; then everything is taken away."""
        for options in self.HOOKS:
            self.load_and_lose(options, lose)
            self.eventually(lambda: {hook["health"] for hook in self.status()["hooks"]} == {health},
                            f"the hooks are {health}")
            self.assertEqual({monitor["health"] for monitor in self.status()["monitors"]}, {health})
            self.assertEqual(self.value(self.window("f"), "flows")[0]["value"]["packets"], 4)
            self.assertEqual(self.value(self.window("f"), "flows"), [])
            self.assertEqual(self.packets("p"), 4)
            error = self.refused(harness.FAILED, "replace", "p", "packets")
            self.assertIn("is not attached any more", error["message"])
            self.dynmon("unload", "f")
            self.dynmon("unload", "p")
            self.assertEqual(harness.pins(), [])
            self.wire.close()
            self.new_wire()

    def test_the_device_is_deleted(self):
        self.check(lambda: self.blue.ip("link", "del", "blue0"))

    def test_the_namespace_is_deleted(self):
        self.check(lambda: self.blue.delete())

    def make_anew(self):
        """blue0 goes, and another one of its name and number comes."""
        index = self.blue.ifindex("blue0")
        self.blue.ip("link", "del", "blue0")
        self.blue.ip("link", "add", "blue0", "index", str(index), "type", "veth", "peer", "name",
                     "red0", "netns", "red")
        self.red.ip("link", "set", "red0", "up")
        self.blue.ip("link", "set", "blue0", "up")

    def test_a_device_of_the_same_name_and_number_can_be_loaded_anew(self):
        for options in self.HOOKS:
            self.load_and_lose(options, self.make_anew)
            self.dynmon("unload", "f")
            self.load("n", "packets", *options)
            self.receive(*[UDP] * 3)
            self.assertEqual(self.packets("n"), 3)
            self.dynmon("unload", "n")
            self.dynmon("unload", "p")
            self.assert_nothing_left()

    def test_a_second_monitor_on_the_new_device_does_not_meet_the_old_one(self):
        self.load("old", "packets")
        self.receive(*[UDP] * 4)
        self.wire.close_sockets()
        self.make_anew()
        self.load("new", "packets")
        self.receive(*[UDP] * 3)
        self.assertEqual(self.packets("new"), 3)
        self.dynmon("unload", "old")
        self.receive(*[UDP] * 2)
        self.assertEqual(self.packets("new"), 5)

    def test_recover_does_not_bring_the_old_one_onto_the_new_device(self):
        self.load("old", "packets")
        self.wire.close_sockets()
        self.make_anew()
        self.load("new", "packets")
        self.dynmon("recover")
        self.assertEqual(self.hook("tc-ingress")["chain"], ["new/packets_ingress"])
        health = {monitor["name"]: monitor["health"] for monitor in self.status()["monitors"]}
        self.assertEqual(health, {"old": "defunct", "new": "attached"})
        self.load("third", "packets")
        self.receive(*[UDP] * 3)
        self.assertEqual([self.packets(name) for name in ("old", "new", "third")], [0, 3, 3])

    def test_interfaces_of_a_namespace_that_is_gone_are_numbers_in_a_dump(self):
        self.load("t", "typed")
        index = self.blue.ifindex("blue0")
        self.receive(UDP)
        self.wire.close_sockets()
        self.blue.delete()
        definition = harness.probe("typed") / "typed.bpf.o"
        for options in (), ("--object", str(definition)):
            rows = json.loads(self.dynmon("dump", "t/typed", "--format", "json", "--value-only",
                                          *options).out)
            self.assertEqual({row["key"]["ifindex"] for row in rows}, {index})


class ApplyTest(harness.Case):
    """`apply` makes it so, also when nothing runs any more."""

    HOOKS = ((), ("--tc", "clsact"), ("--hook", "xdp"))

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
        for options in self.HOOKS:
            with self.subTest(options=options):
                self.assertEqual(self.apply(*options)["outcome"], "loaded")
                self.load("other", "packets", *options)
                self.receive(*[UDP] * 4)
                self.assertEqual(self.ill("status"), (harness.OK, []))
                self.detach()
                self.receive(UDP)  # counted by nobody
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
        for options in self.HOOKS:
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
                              "anew, for other monitors)", said)
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
        self.receive(UDP)  # counted by nobody
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
    """Who reads a monitor that packets do not reach is told so, on stderr and in what is printed."""

    def attached(self, *words):
        """By direction, and what is said on stderr."""
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
        for options in GoneTest.HOOKS:
            self.load_and_count(options)
            self.blue.ip("link", "del", "blue0")
            self.check_every_format(options, "defunct", egress=False)
            self.again()

    def test_the_namespace_is_deleted(self):
        for options in GoneTest.HOOKS:
            self.load_and_count(options)
            self.blue.delete()
            self.eventually(lambda: not self.attached("--peek")[0]["ingress"], "it is gone")
            self.check_every_format(options, "defunct", egress=False)
            self.again()

    def test_another_device_of_the_same_name_and_number_is_not_taken_for_it(self):
        for options in GoneTest.HOOKS:
            self.load_and_count(options)
            GoneTest.make_anew(self)
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
        for options in GoneTest.HOOKS:
            self.load_and_count(options)
            self.detach(self.point_of(options), options)
            self.check_every_format(options, "detached", egress=True)
            self.assertEqual(self.hook(self.point_of(options))["health"], "detached")
            self.again()

    def test_a_reader_that_goes_on_notices_it_without_any_rights_and_says_it_once(self):
        for options in GoneTest.HOOKS:
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
        for options in GoneTest.HOOKS:
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


class RenamedTest(harness.Case):
    def rename(self):
        self.wire.close_sockets()  # bound to the name
        self.blue.ip("link", "set", "blue0", "down")
        self.blue.ip("link", "set", "blue0", "name", "azure0")
        self.blue.ip("link", "set", "azure0", "up")
        self.blue.ip("link", "add", "blue0", "type", "veth", "peer", "name", "blue1")

    def peeked(self):
        return self.packets("p", "ingress", "--peek")

    def test_the_new_name_is_shown_and_everything_goes_on(self):
        for options in GoneTest.HOOKS:
            self.load("p", "packets", *options)
            self.receive(UDP)
            self.rename()
            status = self.status()
            self.assertEqual({(hook["device"], hook["health"]) for hook in status["hooks"]},
                             {("azure0", "attached")})
            self.assertEqual(status["monitors"][0]["health"], "attached")
            self.assertIn('device="azure0"', self.dynmon("read", "p", "--format",
                                                         "openmetrics").out)
            self.wire.packet_socket(self.red, "red0", 0).send(UDP)
            self.eventually(lambda: self.peeked() == 2, "the second frame is counted")
            # Here a direction is added, which needs the device by its name of today.
            self.replace("p", "tally")
            self.replace("p", "packets")
            self.wire.packet_socket(self.red, "red0", 0).send(UDP)
            self.eventually(lambda: self.value(self.read("p", "--peek")[-1],
                                               "packets_total") == [1], "so is the third")
            # The name of old is that of another device now.
            self.load("q", "packets", *options)
            self.assertEqual(len({hook["ifindex"] for hook in self.status()["hooks"]}), 2)
            self.dynmon("unload", "q")
            self.dynmon("unload", "p")
            self.assert_nothing_left()
            self.wire.close()
            self.new_wire()


class MovedTest(harness.Case):
    """PROMISES:
    H-11 Where a hook is, `status` asks the kernel each time"""

    LINKS = ((), ("--hook", "xdp"))

    @contextlib.contextmanager
    def moved(self):
        """blue0 is in the namespace green."""
        green = wire.Namespace("green")
        try:
            self.wire.close_sockets()
            self.blue.ip("link", "set", "blue0", "netns", "green")
            green.ip("link", "set", "blue0", "up")
            yield green
        finally:
            green.delete()
            self.wire.close()
            self.new_wire()

    def send(self, count):
        for _ in range(count):
            self.wire.packet_socket(self.red, "red0", 0).send(UDP)

    def counted(self, *options):
        return sum(self.value(document, "packets_total")[0]
                   for document in self.read("p", "--peek", *options))

    @harness.NEEDS_TCX
    def test_a_link_goes_along_which_is_said_and_it_counts_there_until_it_is_unloaded(self):
        for options in self.LINKS:
            self.load("p", "packets", *options)
            self.receive(*[UDP] * 4)
            with self.moved() as green:
                status = self.status()
                self.assertEqual({item["health"] for item in status["hooks"] + status["monitors"]},
                                 {"moved"})
                published.require(self, "status", self.dynmon("--json", "status").out)
                index = green.ifindex("blue0")
                for hook in status["hooks"]:
                    self.assertIn("the interface was moved to another network namespace, where it "
                                  f"is number {index}", hook["problem"])
                self.send(3)
                self.eventually(lambda: self.counted() == 7, "they are counted there")
                self.replace("p", "packets", "--keep-maps")
                self.send(1)
                self.eventually(lambda: self.counted() == 8, "by the new program too")
                self.dynmon("unload", "p")
                with green.inside():
                    for point in (kernel.TCX_INGRESS, kernel.TCX_EGRESS):
                        self.assertEqual(kernel.tcx_programs(index, point), [])
                self.assertNotIn("xdp", self.wire.link(green, "blue0"))
            self.assert_nothing_left()

    @harness.NEEDS_TCX
    def test_another_device_that_takes_its_number_is_not_taken_for_it(self):
        for options in self.LINKS:
            self.load("p", "packets", *options)
            index = self.blue.ifindex("blue0")
            with self.moved():
                self.blue.ip("link", "add", "blue0", "index", str(index), "type", "veth", "peer",
                             "name", "blue1")
                error = self.refused(harness.BUSY, "load", "q", "packets", "--dev", "blue0",
                                     "--netns", "blue", *options)
                self.assertIn("another interface had this number before", error["message"])
                self.assertIn("unload its monitors first", error["hint"])
                self.send(2)
                self.eventually(lambda: self.counted() == 2, "the old one counts on")
                self.dynmon("unload", "p")
                self.load("q", "packets", *options)
                self.dynmon("unload", "q")
                self.assert_nothing_left()

    @harness.NEEDS_TCX
    def test_it_may_come_back(self):
        self.load("p", "packets")
        with self.moved() as green:
            green.ip("link", "set", "blue0", "netns", "blue")
            self.assertEqual({hook["health"] for hook in self.status()["hooks"]}, {"attached"})
            self.dynmon("unload", "p")

    def test_a_filter_does_not_go_along(self):
        self.load("p", "packets", "--tc", "clsact")
        self.receive(*[UDP] * 4)
        with self.moved() as green:
            self.assertNotIn("clsact", green.run("tc", "qdisc", "show", "dev", "blue0"))
            self.assertEqual({hook["health"] for hook in self.status()["hooks"]}, {"defunct"})
            self.assertEqual(self.counted(), 4)
            self.dynmon("unload", "p")
        self.assert_nothing_left()


class UnmountedTest(harness.Case):
    """With its BPF file system everything of a store is gone, as after a reboot.

    PROMISES:
    S-24 When the bpffs is gone, everything is gone with it, and the next load starts clean
    N-8 A clsact filter whose pivot pin was removed cannot be told from a foreign one"""

    def load_and_unmount(self, *options):
        self.load("p", "packets", *options)
        self.load("f", "flows", *options)
        self.receive(*[UDP] * 2)
        wire.command("umount", str(harness.BPFFS))
        wire.command("mount", "-t", "bpf", "bpf", str(harness.BPFFS))

    def check_clean_start(self):
        self.assertEqual(self.status(), {"monitors": [], "hooks": [], "problems": []})
        self.assertEqual(self.dynmon("--json", "recover").json()["actions"], [])
        self.assertEqual(self.dynmon("--json", "unload", "--all").json()["unloaded"], [])

    def load_anew(self, *options):
        self.load("p", "packets", *options)
        self.receive(*[UDP] * 3)
        self.assertEqual(self.packets("p"), 3)
        self.dynmon("unload", "p")
        self.assert_nothing_left()

    @harness.NEEDS_TCX
    def test_links_are_gone_and_the_next_load_begins_anew(self):
        for options in MovedTest.LINKS:
            self.load_and_unmount(*options)
            self.check_clean_start()
            self.eventually(self.device_is_free, "the links have let go")
            self.load_anew(*options)

    def device_is_free(self):
        with contextlib.suppress(AssertionError):
            self.assert_device_is_free()
            return True
        return False

    def test_a_filter_stays_and_passes_everything_until_the_command_that_is_named_removes_it(self):
        self.load_and_unmount("--tc", "clsact")
        self.check_clean_start()
        self.receive(*[UDP] * 3)
        for direction in ("ingress", "egress"):
            error = self.refused(harness.BUSY, "load", "p", "packets", "--dev", "blue0", "--netns",
                                 "blue", "--tc", "clsact")
            self.assertRegex(error["message"], r"is there already, from another store: program "
                                               r"pivot_tc \(id \d+\)")
            command = error["hint"].split("`")[1]
            self.assertIn(f"dev blue0 {direction} ", command)
            self.blue.run(*command.split())
        self.load("p", "packets", "--tc", "clsact")
        self.receive(*[UDP] * 3)
        self.assertEqual(self.packets("p"), 3)
        self.dynmon("unload", "p")
        # Of the qdisc nobody knows any more that it was made by dynmon.
        self.blue.run("tc", "qdisc", "del", "dev", "blue0", "clsact")
        self.assert_nothing_left()

if __name__ == "__main__":
    harness.main()
