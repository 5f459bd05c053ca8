#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What XDP gets wrong because of offloads of the device, said at load with the command that helps;
and native XDP on a device whose frames do not fit into a page."""
import contextlib
import pathlib
import re
import shutil
import socket
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

import frames
import harness
import wire
from harness import BPFFS

SOL_PACKET, PACKET_VNET_HDR = 263, 15
NEEDS_CSUM, GSO_TCPV4 = 1, 1
TAGS, LARGE = "does not see VLAN tags", "sees several packets of the wire as one"
VETH = "is a veth: native XDP switches its large packets off"
XDP = ("--hook", "xdp")
GENERIC = (*XDP, "--mode", "generic")


class OffloadCase(harness.Case):
    def load_on(self, *options, name="p", probe="packets"):
        """What load says on stderr."""
        return self.dynmon("load", name, probe, "--dev", "blue0", "--netns", "blue", *options).err

    def commands(self, said):
        """Those in a warning, without the words that enter a namespace: the test enters it with the
        mounts that it has."""
        for command in re.findall(r"`([^`]+)`", said):
            match = re.fullmatch(r"ip netns exec (\w+) (ethtool -K \S+( [a-z_-]+ off)+)", command)
            self.assertTrue(match, command)
            yield match.group(1), match.group(2).split()

    def follow(self, said):
        """Does what the warnings say."""
        found = list(self.commands(said))
        self.assertTrue(found, said)
        for namespace, command in found:
            {"red": self.red, "blue": self.blue}[namespace].run(*command)

    def receive_large(self, segments, size):
        """A super-packet of TCP, which a device that cannot send it is given in pieces."""
        segment = frames.tcp(1, 2, frames.ACK, bytes(segments * size))
        frame = frames.ipv4(segment, frames.TCP)
        out = self.red.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.addCleanup(out.close)
        out.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        with self.red.inside():
            out.bind(("red0", 0))
        ip, tcp = 14, 34
        out.send(struct.pack("<BBHHHH", NEEDS_CSUM, GSO_TCPV4, tcp + 20, size, tcp, 16) + frame)
        self.assertEqual(frame[ip + 9], frames.TCP)


class WarningsTest(OffloadCase):
    def test_generic_xdp_says_how_packets_and_tags_come_whole(self):
        said = self.load_on(*GENERIC)
        self.assertIn(f"generic XDP on 'blue0' {TAGS}", said)
        self.assertIn(f"generic XDP on 'blue0' {LARGE}", said)
        self.assertIn("these devices join them or send them in one piece: 'red0'", said)
        # One packet for the hook; of the MTU, which the loader tells the program, it takes 7.
        self.receive_large(10, 1000)
        self.eventually(lambda: self.packets("p", "ingress", "--peek") == 7, "7 packets")
        self.follow(said)
        self.dynmon("unload", "p")
        self.assertEqual(self.load_on(*GENERIC), "")
        self.receive_large(10, 1000)
        self.eventually(lambda: self.packets("p", "ingress", "--peek") == 10, "10 packets")
        self.dynmon("unload", "p")

    def test_the_program_knows_the_mtu_of_a_namespace_without_a_name_after_replace_too(self):
        with contextlib.ExitStack() as stack:
            netns = stack.enter_context(self.blue.unnamed(self.folder))
            self.dynmon("load", "p", "packets", "--dev", "blue0", "--netns", netns, *GENERIC)
            self.replace("p", "packets")
            self.receive_large(10, 1000)
            self.eventually(lambda: self.packets("p", "ingress", "--peek") == 7, "7 packets")
            self.dynmon("unload", "p")

    def test_tags_are_in_the_frame_when_the_command_was_given(self):
        shelf = BPFFS / "tagger"
        shelf.mkdir()
        self.at_end.append(lambda: shutil.rmtree(shelf))
        wire.command("bpftool", "prog", "loadall", str(harness.probe("tagger") / "tagger.bpf.o"),
                     str(shelf))
        self.red.run("tc", "qdisc", "add", "dev", "red0", "clsact")
        # As TC has it, and XDP as long as the other end hands the outermost tag over beside it.
        for program, right, wrong in (("one_tag", 10, 0), ("two_tags", 10, 20)):
            self.red.run("tc", "filter", "add", "dev", "red0", "egress", "bpf", "direct-action",
                         "object-pinned", str(shelf / program))
            self.load_on(probe="flows")
            self.assertEqual(self.vlans(), {right})
            self.dynmon("unload", "p")
            for mode in (XDP, GENERIC):
                said = self.load_on(*mode, probe="flows")
                self.assertIn(f"XDP on 'blue0' {TAGS}", said)
                self.assertEqual(self.vlans(), {wrong}, mode)
                self.follow("\n".join(line for line in said.splitlines() if TAGS in line))
                self.assertEqual(self.vlans(), {right}, mode)
                self.dynmon("unload", "p")
                self.assertNotIn(TAGS, self.load_on(*mode, probe="flows"))
                self.dynmon("unload", "p")
                self.red.run("ethtool", "-K", "red0", "txvlan", "on", "tx-vlan-stag-hw-insert", "on")
            self.red.run("tc", "filter", "del", "dev", "red0", "egress")

    def vlans(self):
        """The VLANs of the flows of a frame that gets its tags on the way."""
        self.wire.packet_socket(self.red, "red0", 0).send(
            frames.ipv4(frames.udp(1, 2), frames.UDP))
        rows = self.eventually(lambda: self.value(self.window("p"), "flows"), "a flow")
        return {row["key"]["vlan"] for row in rows}

    def test_native_xdp_of_a_veth_gets_no_large_packets(self):
        said = self.load_on(*XDP)
        self.assertIn(VETH, said)
        self.assertNotIn(LARGE, said)
        self.receive_large(10, 1000)
        self.eventually(lambda: self.packets("p", "ingress", "--peek") == 10, "10 packets")

    def test_tc_needs_no_warning(self):
        self.assertEqual(self.load_on(), "")

    def test_a_tap_is_fed_by_a_virtual_machine(self):
        self.blue.ip("tuntap", "add", "tap0", "mode", "tap")
        said = self.dynmon("load", "p", "packets", "--dev", "tap0", "--netns", "blue", *XDP).err
        self.assertIn(f"native XDP on 'tap0' {LARGE}", said)
        self.assertIn("`ethtool -K DEVICE tso off gso off` in the virtual machine behind 'tap0'",
                      said)

    def test_on_a_bridge_the_other_ends_of_its_ports_are_named(self):
        self.blue.ip("link", "add", "br0", "type", "bridge")
        self.blue.ip("link", "set", "blue0", "master", "br0")
        said = self.dynmon("load", "p", "packets", "--dev", "br0", "--netns", "blue", *GENERIC).err
        self.assertIn(f"generic XDP on 'br0' {LARGE}", said)
        self.assertIn("ip netns exec red ethtool -K red0 tso off", said)


class FramesOfSeveralPagesTest(OffloadCase):
    """MTU 9000: native XDP needs programs that read packets in several buffers, and every program of
    the chain has to be one."""

    def setUp(self):
        super().setUp()
        if not self.dynmon("--json", "doctor").json()["features"]["xdp-frags"]:
            self.skipTest("no XDP frags")
        for namespace, device in ((self.red, "red0"), (self.blue, "blue0")):
            namespace.ip("link", "set", device, "mtu", "9000")

    def test_flows_are_counted_with_all_their_bytes(self):
        # Options push what the probe reads towards the end, but not behind the first buffer.
        sizes = (20, 1472, 3500, 8900)
        self.load_on(*XDP, name="f", probe="flows")
        self.load_on(*XDP)
        self.assertEqual(self.hook("xdp")["mode"], "native")
        sent = [frames.ipv4(frames.udp(port, 2, bytes(size)), frames.UDP)
                for port, size in enumerate(sizes, 1)]
        self.receive(*sent)
        rows = {row["key"]["sport"]: row["value"] for row in self.value(self.window("f"), "flows")}
        self.assertEqual({port: (row["packets"], row["bytes"]) for port, row in rows.items()},
                         {port: (1, 28 + size) for port, size in enumerate(sizes, 1)})
        self.assertEqual(self.packets("p"), 4)
        self.replace("f", "flows", "--keep-maps")
        self.receive(*sent)
        self.assertEqual(self.packets("p"), 8)

    def test_a_program_that_cannot_read_them_is_refused_with_the_reason(self):
        plain = harness.probe("plain") / "plain.bpf.o"
        place = ("--dev", "blue0", "--netns", "blue", *XDP)
        error = self.refused(harness.UNSUPPORTED, "load", "b", plain, *place)
        self.assertIn("refuses native XDP: numerical result out of range (ERANGE)", error["message"])
        self.assertIn('declare SEC("xdp.frags")', error["hint"])
        self.assertIn("lower its MTU", error["hint"])
        self.load_on(*XDP)
        error = self.refused(harness.UNSUPPORTED, "load", "b", plain, *place)
        self.assertIn("XDP on 'blue0' gives packets in several buffers, which the program cannot "
                      "read", error["message"])
        error = self.refused(harness.UNSUPPORTED, "replace", "p", plain)
        self.assertIn("gives packets in several buffers", error["message"])
        self.receive(frames.ipv4(frames.udp(1, 2, bytes(8000)), frames.UDP))
        self.assertEqual(self.packets("p"), 1)
        # Where a frame fits into a page it is welcome.
        self.dynmon("unload", "p")
        self.red.ip("link", "set", "red0", "mtu", "1500")
        self.load_on(*XDP, name="b", probe=plain)

    def test_a_program_of_others_that_declares_it_can_keeps_its_word(self):
        self.load_on(*XDP, name="j", probe=harness.probe("jumbo") / "jumbo.bpf.o")
        self.receive(*[frames.ipv4(frames.udp(1, 2, bytes(8000)), frames.UDP)] * 3)
        seen = self.value(self.window("j"), "JUMBO_SEEN")
        self.assertEqual([(row["packets"], row["bytes"]) for row in seen], [(3, 3 * 8042)])

    def test_such_a_program_runs_wherever_others_do(self):
        """Its section alone does not decide: it is as the pivot of its hook is."""
        jumbo = harness.probe("jumbo") / "jumbo.bpf.o"
        for namespace, device in ((self.red, "red0"), (self.blue, "blue0")):
            namespace.ip("link", "set", device, "mtu", "1500")
        for options in (GENERIC, XDP):
            with self.subTest(options):
                self.load_on(*options)
                self.load_on(*options, name="j", probe=jumbo)
                self.receive(*[frames.ipv4(frames.udp(1, 2, bytes(800)), frames.UDP)] * 3)
                seen = self.value(self.window("j"), "JUMBO_SEEN")
                self.assertEqual([(row["packets"], row["bytes"]) for row in seen], [(3, 3 * 842)])
                self.dynmon("unload", "j")
                self.replace("p", jumbo)
                self.dynmon("unload", "p")
                self.load_on(*options, name="j", probe=jumbo)
                self.dynmon("unload", "j")

    def test_it_makes_the_hook_ready_before_the_mtu_grows(self):
        for namespace, device in ((self.red, "red0"), (self.blue, "blue0")):
            namespace.ip("link", "set", device, "mtu", "1500")
        self.load_on(*XDP, name="j", probe=harness.probe("jumbo") / "jumbo.bpf.o")
        for namespace, device in ((self.red, "red0"), (self.blue, "blue0")):
            namespace.ip("link", "set", device, "mtu", "9000")
        self.receive(frames.ipv4(frames.udp(1, 2, bytes(8000)), frames.UDP))
        self.assertEqual(self.value(self.window("j"), "JUMBO_SEEN")[0]["bytes"], 8042)


if __name__ == "__main__":
    harness.main()
