#!/usr/bin/python3
"""Namespaces: the same names and the same ifindexes in two of them never mix."""
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
        with self.other.blue.inside():  # where the caller is matters to nothing
            self.assertEqual([self.packets("one"), self.packets("two")], [1, 1])
            self.dynmon("unload", "two")

    def test_a_missing_namespace_is_named(self):
        error = self.refused(harness.USAGE, "load", "x", "packets", "--dev", "blue0", "--netns",
                             "green")
        self.assertIn("no network namespace 'green'", error["message"])
        self.assertEqual(error["errno"], "ENOENT")
        error = self.refused(harness.USAGE, "load", "x", "packets", "--dev", "blue0", "--netns",
                             "/etc/passwd")
        self.assertIn("'/etc/passwd' is not a network namespace", error["message"])


if __name__ == "__main__":
    harness.main()
