#!/usr/bin/python3
"""The device or its namespace goes away under a monitor: said so, still readable, removed."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

import frames
import harness
import wire

UDP = frames.ipv4(frames.udp(1, 2), frames.UDP)


class GoneTest(harness.Case):
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


class DetachedTest(harness.Case):
    def detach(self, point):
        hook = self.hook(point)
        path = harness.STORE / "hooks" / f"{hook['netns']}_{hook['ifindex']}_{point}" / "link"
        wire.command("bpftool", "link", "detach", "pinned", str(path))

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


if __name__ == "__main__":
    harness.main()
