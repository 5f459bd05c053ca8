#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The packet counter on every kind of hook: what comes in and what goes out, each counted once."""
import frames
import harness
import published
import wire


class PacketsTest(harness.Case):
    def check_both_directions(self, *options):
        self.load("p", "packets", *options)
        self.receive(*[frames.plain(60)] * 7)
        self.transmit(*[frames.plain(60)] * 3)
        first = self.window("p")
        self.assertEqual(self.value(first, "packets_total", "ingress"), [7])
        self.assertEqual(self.value(first, "packets_total", "egress"), [3])
        self.receive(*[frames.plain(1400)] * 250)
        self.transmit(frames.plain(200))
        second = self.window("p")
        self.assertEqual(self.value(second, "packets_total", "ingress"), [257])
        self.assertEqual(self.value(second, "packets_total", "egress"), [4])

    @harness.NEEDS_TCX
    def test_on_tcx_each_direction_is_counted_exactly(self):
        self.check_both_directions()
        hook = self.hook("tc-ingress")
        self.assertEqual((hook["mode"], hook["health"], hook["device"]),
                         ("tcx", "attached", "blue0"))

    def test_on_clsact_each_direction_is_counted_exactly(self):
        self.check_both_directions("--tc", "clsact")
        self.assertEqual({hook["mode"] for hook in self.status()["hooks"]}, {"clsact"})
        self.assertIn("clsact", self.blue.run("tc", "qdisc", "show", "dev", "blue0"))

    def test_on_native_xdp_ingress_is_counted_by_xdp_and_egress_by_tc(self):
        self.check_both_directions("--hook", "xdp")
        self.assertEqual(self.hook("xdp")["mode"], "native")
        self.assertEqual(self.wire.link(self.blue, "blue0")["xdp"]["mode"], 1)

    def test_on_generic_xdp_ingress_is_counted_by_xdp_and_egress_by_tc(self):
        self.check_both_directions("--hook", "xdp", "--mode", "generic")
        self.assertEqual(self.hook("xdp")["mode"], "generic")
        self.assertEqual(self.wire.link(self.blue, "blue0")["xdp"]["mode"], 2)

    def test_native_xdp_on_a_veth_is_warned_of_and_the_result_stays_clean(self):
        loading = ("load", "p", "packets", "--dev", "blue0", "--netns", "blue")
        for before, options, warns in (((), (), False), ((), ("--hook", "xdp"), True),
                                       ((), ("--hook", "xdp", "--mode", "generic"), False),
                                       (("--quiet",), ("--hook", "xdp"), True)):
            with self.subTest(options):
                result = self.dynmon(*before, "--json", *loading, *options)
                published.require(self, "load", result.out)
                self.assertEqual("'blue0' is a veth: native XDP" in result.err, warns, result.err)
                self.assertEqual("--hook tc, the default, does not" in result.err, warns,
                                 result.err)
                self.dynmon("unload", "p")
        wire.command("ip", "link", "add", "plain0", "type", "bridge")
        self.at_end.append(lambda: wire.command("ip", "link", "del", "plain0"))
        result = self.dynmon("load", "p", "packets", "--dev", "plain0", "--hook", "xdp", "--mode",
                             "generic")
        self.assertEqual(result.err, "")

    def test_the_second_on_such_a_hook_is_warned_of_too(self):
        for name in ("p", "q"):
            result = self.dynmon("load", name, "packets", "--dev", "blue0", "--netns", "blue",
                                 "--hook", "xdp")
            self.assertIn("is a veth", result.err)

    def test_a_hook_that_is_there_is_taken_as_it_is_and_this_is_said(self):
        self.load("p", "packets", "--hook", "xdp", "--mode", "generic")
        for mode, warns in (("native", True), ("generic", False)):
            result = self.dynmon("load", "q", "packets", "--dev", "blue0", "--netns", "blue",
                                 "--hook", "xdp", "--mode", mode)
            self.assertEqual("has its xdp hook already, generic, and it stays so" in result.err,
                             warns, result.err)
            self.dynmon("unload", "q")

    def test_the_load_says_what_runs_where(self):
        loaded = self.load("p", "packets", "--hook", "xdp")
        self.assertEqual([(program["direction"], program["name"], program["hook"], program["netns"])
                          for program in loaded["programs"]],
                         [("ingress", "packets_ingress_xdp", "xdp", self.blue.inode()),
                          ("egress", "packets_egress", "tc-egress", self.blue.inode())])
        text = self.dynmon("load", "q", "packets", "--dev", "blue0", "--netns", "blue").out
        self.assertEqual(text, "loaded q (packets) on blue0 in blue (tc-ingress/{0}, "
                               "tc-egress/{0})\n".format(harness.tc_mode()))

    def test_a_second_read_of_what_is_not_swapped_goes_on_counting(self):
        self.load("p", "packets")
        for expected in (5, 10, 15):
            self.receive(*[frames.plain(60)] * 5)
            self.assertEqual(self.packets("p"), expected)

    def test_after_unload_packets_are_counted_by_nobody_and_still_flow(self):
        for options in ((), ("--tc", "clsact"), ("--hook", "xdp")):
            self.load("p", "packets", *options)
            self.receive(frames.plain(60))
            self.assertEqual(self.packets("p"), 1)
            self.assertEqual(self.dynmon("--json", "unload", "p").json(), {"unloaded": ["p"]})
            self.assert_nothing_left()
            self.receive(*[frames.plain(60)] * 5)

    def test_unload_all_takes_every_monitor(self):
        self.load("p", "packets")
        self.load("q", "packets", "--hook", "xdp")
        self.assertEqual(self.dynmon("--json", "unload", "--all").json(), {"unloaded": ["p", "q"]})
        self.assert_nothing_left()
        self.assertEqual(self.dynmon("status").out, "nothing is loaded\n")

    def test_on_an_interface_of_the_own_namespace_no_netns_is_needed(self):
        # This namespace is the sandbox's; spare0 goes with its peer in red.
        wire.command("ip", "link", "add", "spare0", "type", "veth", "peer", "name", "spare1",
                     "netns", "red")
        self.dynmon("load", "p", "packets", "--dev", "spare0")
        hook = self.hook("tc-ingress")
        self.assertEqual((hook["device"], hook["netns-name"]), ("spare0", ""))
        self.dynmon("unload", "p")


class VerdictTest(harness.Case):
    def counted(self):
        return self.value(self.window("d"), "too_long")

    def test_a_probe_whose_manifest_says_so_drops(self):
        for options in ((), ("--hook", "xdp")):
            self.load("d", "dropper", *options)
            self.receive(*[frames.plain(101)] * 4, dropped=True)
            self.receive(*[frames.plain(100)] * 2)  # only these arrive
            self.assertEqual(self.counted(), [4])
            self.dynmon("unload", "d")

    def test_a_probe_whose_manifest_does_not_say_so_cannot_drop(self):
        harness.changed_probe(self.folder, "dropper", "dropper", {"verdict: drop\n": ""})
        for options in ((), ("--hook", "xdp")):
            self.load("d", self.folder, *options)
            self.receive(*[frames.plain(101)] * 4)  # waits until they have arrived
            self.assertEqual(self.counted(), [4])
            self.dynmon("unload", "d")


if __name__ == "__main__":
    harness.main()
