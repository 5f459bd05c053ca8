#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The device, its namespace, its name or the BPF file system goes away under a monitor: said so,
still readable where it can be, removed."""
import contextlib
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

import harness
import kernel
import published
import wire
from lost import HOOKS, UDP, make_anew


class GoneTest(harness.Case):
    """PROMISES:
    H-11 Where a hook is, `status` asks the kernel each time"""

    def load_and_lose(self, options, lose):
        self.load("f", "flows", *options)
        self.load("p", "packets", *options)
        self.receive(*[UDP] * 4)
        self.wire.close_sockets()  # they would keep the namespace alive
        lose()

    def check(self, lose, health="defunct"):
        """What was counted before can still be read; then everything is taken away."""
        for options in HOOKS:
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

    def test_a_device_of_the_same_name_and_number_can_be_loaded_anew(self):
        for options in HOOKS:
            self.load_and_lose(options, lambda: make_anew(self))
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
        make_anew(self)
        self.load("new", "packets")
        self.receive(*[UDP] * 3)
        self.assertEqual(self.packets("new"), 3)
        self.dynmon("unload", "old")
        self.receive(*[UDP] * 2)
        self.assertEqual(self.packets("new"), 5)

    def test_recover_does_not_bring_the_old_one_onto_the_new_device(self):
        self.load("old", "packets")
        self.wire.close_sockets()
        make_anew(self)
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
        for options in HOOKS:
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
    N-8 A clsact filter whose pivot pin was removed looks like a foreign one"""

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
        # dynmon does not know any more that it made the qdisc.
        self.blue.run("tc", "qdisc", "del", "dev", "blue0", "clsact")
        self.assert_nothing_left()


if __name__ == "__main__":
    harness.main()
