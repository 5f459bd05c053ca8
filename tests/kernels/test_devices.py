#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Every kind of device: the probe `flows` counts each packet and byte as on the wire, in both
directions, outside and inside of tunnels, whatever super-packets there are. guests.py names the
classes for each guest; a kernel that lacks a kind of device leaves its tests out, with the reason."""
import contextlib
import errno
import json
import os
import pathlib
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "e2e"), str(HERE)]

import frames  # noqa: E402
import harness  # noqa: E402
import lab  # noqa: E402
import rtnl  # noqa: E402
import wire  # noqa: E402
from lab import MACS, OVERLAY, OVERLAY_MACS, UNDERLAY, peer  # noqa: E402

EVERY_DEVICE = bool(os.environ.get("DYNMON_EVERY_DEVICE"))  # a guest: there is no excuse
KERNEL = tuple(map(int, os.uname().release.split(".")[:2]))
SINCE = {"netkit": (6, 7)}
SIZE = 200_000  # bytes of TCP each way: dozens of super-packets
PORT = 5000


class DeviceCase(harness.Case):
    def new_wire(self):
        self.wire = lab.Lab()
        self.addCleanup(self.wire.close)
        self.red, self.blue = self.wire.red, self.wire.blue
        self.taps, self.monitors, self.sums = {}, {}, {}

    def namespace(self, name):
        return getattr(self.wire, name)

    def add_device(self, name, device, *words, link=None):
        """`ip link add`; a kind of device that the kernel does not have skips the test."""
        kind = words[words.index("type") + 1]
        if KERNEL < SINCE.get(kind, (0, 0)):
            self.skipTest(f"no {kind} before {'.'.join(map(str, SINCE[kind]))}")
        under = ["link", link] if link else []
        self.command("ip", "-n", name, "link", "add", *under, "name", device, *words)

    def command(self, *words):
        """A tool; a kernel without what it asks for skips the test."""
        try:
            return wire.command(*words)
        except AssertionError as error:
            if not EVERY_DEVICE and ("not found" in str(error) or "Unknown device" in str(error)):
                self.skipTest(str(error))
            raise

    # What is on the wire, and what is counted

    def tap(self, name, device):
        self.taps[device] = lab.Tap(self.namespace(name), device)
        self.addCleanup(self.taps[device].close)
        return self.taps[device]

    def monitor(self, name, device, *options):
        """`flows` on a device; its name is that of the device."""
        self.dynmon("load", f"on-{device}", "flows", "--dev", device, "--netns", name, *options)
        self.monitors[device] = {"ingress": lab.Count(), "egress": lab.Count()}
        self.sums[device] = {"packets": lab.Count(), "missed": {}}

    def count(self, device):
        """Adds the next window to what the device's monitor has counted."""
        document = self.window(f"on-{device}")
        for direction, counted in self.monitors[device].items():
            if f"{direction}-metrics" not in document:  # a hook of one direction
                continue
            for entry in self.value(document, "flows", direction):
                key, value = entry["key"], entry["value"]
                flow = (key["saddr"], key["sport"], key["daddr"], key["dport"], key["proto"])
                vlan = (key["vlan"],) if key["vlan"] else ()
                counted.add(flow + vlan, value["wire_packets"], value["bytes"])
                self.sums[device]["packets"].add((direction, key["proto"]), value["packets"],
                                                 value["wire_packets"])
            for reason, packets in self.value(document, "flows_missed", direction)[0].items():
                if packets:
                    self.sums[device]["missed"][f"{direction} {reason}"] = packets

    def assert_counts(self, device, expected, tag=()):
        """`expected`: {direction: Count of a tap}; `tag`: the VLAN of all flows. A packet may still
        be on its way."""
        def found():
            return {direction: dict(self.monitors[device][direction]) for direction in expected}

        def wanted():
            return {direction: {flow + tag: value for flow, value in count.items()}
                    for direction, count in expected.items()}

        def same():
            for tap in self.taps.values():
                tap.read()
            self.count(device)
            return found() == wanted()

        with contextlib.suppress(self.failureException):
            self.eventually(same, "", seconds=3)
        self.assertTrue(any(expected.values()), "there were no packets")
        self.assertEqual(found(), wanted(), device)
        self.assertEqual(self.sums[device]["missed"], {}, f"{device} could not take packets")

    def super_packets_of(self, device, direction, protocol):
        """How many packets there are on the wire beyond those that the hook saw."""
        packets, segments = self.sums[device]["packets"][direction, protocol]
        return segments - packets

    def assert_saw_super_packets(self, device, direction, *protocols):
        found = sum(self.super_packets_of(device, direction, name) for name in protocols)
        self.assertGreater(found, 0, f"no super-packets in {direction} of {device}: {protocols}")


def turned(counts):
    """What comes in at one end goes out at the other."""
    return {"ingress": counts["egress"], "egress": counts["ingress"]}


class TunnelCase(DeviceCase):
    """redtun and bluetun; the first takes super-packets, the other does not."""
    MTU = "1400"  # leaves room for the headers of every tunnel

    def tunnel(self, *words, ethernet=False, six=False, inner=(4, 6), prepare=None, nbma=False):
        """`words`: of `ip link add`, with {me} and {peer} for the outer addresses. `prepare` is
        called for each end. `nbma`: neighbours have outer addresses."""
        self.inner = inner
        for name in ("red", "blue"):
            device, me, far = f"{name}tun", UNDERLAY[name][six], UNDERLAY[peer(name)][six]
            words_here = [word.format(me=me, peer=far, dev=f"{name}0") for word in words]
            address = ["address", OVERLAY_MACS[name]] if ethernet else []
            self.add_device(name, device, *address, "mtu", self.MTU, *words_here)
            if prepare:
                prepare(name, me, far)
            own, others = self.addresses(name), self.addresses(peer(name))
            self.wire.add_host(name, device, *own)
            neighbour = OVERLAY_MACS[peer(name)] if ethernet else far if nbma else None
            self.wire.route(name, device, neighbour, *others)
        lab.super_packets(self.red, "redtun", True, True)
        lab.super_packets(self.blue, "bluetun", False, False)

    def addresses(self, name):
        return [OVERLAY[name][version // 5] for version in self.inner]

    def check(self, outer=(), inner=("TCP",), xdp=()):
        """`outer`, `inner`: protocols that the hooks have to see super-packets of. `xdp`: options
        of the load on bluetun."""
        self.monitor("red", "red0")
        self.monitor("mid", "mid0")
        self.monitor("blue", "blue0")
        self.monitor("red", "redtun")
        self.monitor("blue", "bluetun", *xdp)
        outside, inside = self.tap("blue", "blue0"), self.tap("blue", "bluetun")
        self.talk()
        self.assert_counts("bluetun", {"ingress": inside.counts["ingress"]} if xdp else
                           inside.counts)
        self.assert_counts("redtun", turned(inside.counts))
        self.assert_counts("blue0", outside.counts)
        self.assert_counts("red0", turned(outside.counts))
        self.assert_counts("mid0", outside.counts)
        self.assert_saw_super_packets("redtun", "egress", *inner)
        if outer:
            self.assert_saw_super_packets("red0", "egress", *outer)
            self.assert_saw_super_packets("mid0", "ingress", *outer)

    def talk(self):
        for addresses in zip(self.addresses("red"), self.addresses("blue")):
            ends = dict(zip(("red", "blue"), addresses))
            lab.converse(self.wire, ends, PORT, SIZE)
            for sender in ends:
                lab.datagrams(self.wire, sender, ends, PORT)


class UdpTunnelTest(TunnelCase):
    def test_vxlan(self):
        self.tunnel("type", "vxlan", "id", "7", "local", "{me}", "remote", "{peer}", "dstport",
                    "4789", ethernet=True)
        self.check(outer=("UDP",))

    def test_vxlan_over_ipv6(self):
        self.tunnel("type", "vxlan", "id", "7", "local", "{me}", "remote", "{peer}", "dstport",
                    "4789", ethernet=True, six=True)
        self.check(outer=("UDP",))

    def test_geneve(self):
        self.tunnel("type", "geneve", "id", "7", "remote", "{peer}", ethernet=True)
        self.check(outer=("UDP",))

    def test_wireguard(self):
        self.tunnel("type", "wireguard", prepare=self.exchange_keys)
        self.check()

    def exchange_keys(self, name, me, far):
        """A key pair for each end; blue, the second, introduces them to each other."""
        key = self.folder / f"{name}.key"
        key.write_text(wire.command("wg", "genkey"))
        key.chmod(0o600)
        self.namespace(name).run("wg", "set", f"{name}tun", "listen-port", "51820", "private-key",
                                 str(key))
        if name == "red":
            return
        for one in ("red", "blue"):
            public = self.namespace(peer(one)).run("wg", "show", f"{peer(one)}tun",
                                                   "public-key").strip()
            address = me if one == "red" else far
            self.namespace(one).run("wg", "set", f"{one}tun", "peer", public, "allowed-ips",
                                    "0.0.0.0/0,::/0", "endpoint", f"{address}:51820")


class IpTunnelTest(TunnelCase):
    def test_gre(self):
        self.tunnel("type", "gre", "local", "{me}", "remote", "{peer}")
        self.check(outer=("GRE",))

    def test_gre_with_key_and_checksum(self):
        self.tunnel("type", "gre", "local", "{me}", "remote", "{peer}", "key", "9", "csum")
        self.check()

    def test_gre_without_a_remote(self):
        self.tunnel("type", "gre", "local", "{me}", nbma=True)
        self.check()

    def test_gretap(self):
        self.tunnel("type", "gretap", "local", "{me}", "remote", "{peer}", ethernet=True)
        self.check(outer=("GRE",))

    def test_ip6gre(self):
        self.tunnel("type", "ip6gre", "local", "{me}", "remote", "{peer}", six=True)
        self.check(outer=("GRE",))

    def test_ipip(self):
        self.tunnel("type", "ipip", "local", "{me}", "remote", "{peer}", inner=(4,))
        self.check(outer=("IPv4",))

    def test_sit(self):
        self.tunnel("type", "sit", "local", "{me}", "remote", "{peer}", "mode", "any")
        self.check(outer=("IPv4", "IPv6"))

    def test_ip6tnl(self):
        self.tunnel("type", "ip6tnl", "local", "{me}", "remote", "{peer}", "mode", "any",
                    "encaplimit", "none", six=True)
        self.check(outer=("IPv4", "IPv6"))

    def test_ip6tnl_with_a_limit_of_encapsulation(self):
        self.tunnel("type", "ip6tnl", "local", "{me}", "remote", "{peer}", "mode", "any", six=True)
        self.check()


class IpsecTest(TunnelCase):
    KEY = "0x" + "42" * 20
    XDP = ("--hook", "xdp", "--mode", "generic")

    def secure(self, *mark):
        """ESP in tunnel mode, for traffic with `mark`."""
        def prepare(name, me, far):
            for source, to, spi in ((me, far, "1"), (far, me, "2")):
                self.namespace(name).ip(
                    "xfrm", "state", "add", "src", source, "dst", to, "proto", "esp", "spi",
                    spi if name == "red" else str(3 - int(spi)), "mode", "tunnel", "reqid", "1",
                    "flag", "af-unspec", *(mark if mark[0] == "if_id" else ()), "aead",
                    "rfc4106(gcm(aes))", self.KEY, "128")
                way = "out" if source == me else "in"
                for every in ("0.0.0.0/0", "::/0"):
                    self.namespace(name).ip(
                        "xfrm", "policy", "add", "src", every, "dst", every, "dir", way, *mark,
                        "tmpl", "src", source, "dst", to, "proto", "esp", "reqid", "1", "mode",
                        "tunnel")
        return prepare

    def xfrm(self, **more):
        self.tunnel("type", "xfrm", "dev", "{dev}", "if_id", "5",
                    prepare=self.secure("if_id", "5"), **more)

    def vti(self, kind="vti", **more):
        self.tunnel("type", kind, "local", "{me}", "remote", "{peer}", "key", "5",
                    prepare=self.secure("mark", "5"), **more)

    def test_xfrm(self):
        self.xfrm()
        self.check()

    def test_xfrm_over_ipv6(self):
        self.xfrm(six=True)
        self.check()

    def test_xfrm_by_generic_xdp(self):
        self.xfrm()
        self.check(xdp=self.XDP)

    def test_vti(self):
        self.vti()
        self.check()

    def test_vti_by_generic_xdp(self):
        self.vti()
        self.check(xdp=self.XDP)

    def test_vti6(self):
        self.vti("vti6", six=True)
        self.check()


class BigTest(DeviceCase):
    """BIG TCP: super-packets of more than 64 KiB, which no length in an IP header can say."""
    SIZE = 3_000_000
    LIMIT = 150_000

    def grow(self, name, device, version):
        """Allows super-packets of LIMIT bytes, sent and received."""
        sends, receives = {4: (rtnl.GSO_IPV4_MAX_SIZE, rtnl.GRO_IPV4_MAX_SIZE),
                           6: (rtnl.GSO_MAX_SIZE, rtnl.GRO_MAX_SIZE)}[version]
        with self.namespace(name).inside():
            rtnl.set_link(device, {sends: self.LIMIT, receives: self.LIMIT})

    def check(self, version):
        self.grow("red", "red0", version)
        self.grow("mid", "mid0", version)
        for name, device in (("red", "red0"), ("mid", "mid0"), ("blue", "blue0")):
            self.monitor(name, device)
        outside, big = self.tap("blue", "blue0"), self.tap("red", "red0")
        ends = {name: UNDERLAY[name][version // 5] for name in ("red", "blue")}
        lab.converse(self.wire, ends, PORT, self.SIZE, window=4 << 20)
        self.assert_counts("blue0", outside.counts)
        self.assert_counts("red0", turned(outside.counts))
        self.assert_counts("mid0", outside.counts)
        self.assertGreater(big.longest, 1 << 16, "there was no packet beyond 64 KiB")

    @unittest.skipIf(KERNEL < (5, 19), "no BIG TCP before 5.19")
    def test_of_ipv6(self):
        self.check(6)

    @unittest.skipIf(KERNEL < (6, 3), "no BIG TCP of IPv4 before 6.3")
    def test_of_ipv4(self):
        self.check(4)


class PortCase(DeviceCase):
    """A device of blue that stands on blue0; red sends to it over plain Ethernet."""

    def check(self, device, vlan=None):
        """`vlan`: {device: (tag,)} that flows have there."""
        for name, where in (("red", "red0"), ("blue", "blue0"), ("blue", device)):
            self.monitor(name, where)
        outside = self.tap("blue", "blue0")
        for version in (4, 6):
            ends = {name: OVERLAY[name][version // 5] for name in ("red", "blue")}
            lab.converse(self.wire, ends, PORT, SIZE // 2)
            lab.datagrams(self.wire, "red", ends, PORT)
            lab.datagrams(self.wire, "blue", ends, PORT)
        for where in self.monitors:
            expected = turned(outside.counts) if where.startswith("red") else outside.counts
            self.assert_counts(where, expected, (vlan or {}).get(where, ()))
        self.assert_saw_super_packets("red0", "egress", "TCP")

    def settle(self, device, mac=MACS["blue"], red="red0"):
        """The addresses of OVERLAY are behind `device`, whose link address is `mac`."""
        self.wire.add_host("blue", device, *OVERLAY["blue"])
        self.wire.add_host("red", red, *OVERLAY["red"])
        self.wire.route("blue", device, MACS["red"], *OVERLAY["red"])
        self.wire.route("red", red, mac, *OVERLAY["blue"])
        if device != "blue0":
            lab.super_packets(self.blue, device, False, False)


class PortTest(PortCase):
    def test_macvlan(self):
        self.add_device("blue", "port", "address", OVERLAY_MACS["blue"], "type", "macvlan", "mode",
                        "bridge", link="blue0")
        self.settle("port", OVERLAY_MACS["blue"])
        self.check("port")

    def ipvlan(self, mode):
        self.add_device("blue", "port", "type", "ipvlan", "mode", mode, link="blue0")
        for address in OVERLAY["blue"]:  # it knows its packets by them
            self.wire.allow_ipv6("blue", "port")
            self.blue.ip("addr", "add", address, "dev", "port",
                         *(["nodad"] if ":" in address else []))
        self.settle("port")
        # What l3 looks up by itself, on blue0. A table of its own: with two routes in one table IPv6
        # would take that of the lower metric, whatever device was asked for.
        for address in OVERLAY["red"]:
            family = "-6" if ":" in address else "-4"
            self.blue.ip(family, "rule", "add", "oif", "blue0", "lookup", "77")
            self.blue.ip("route", "add", address, "dev", "blue0", "table", "77")
            self.blue.ip("neigh", "replace", address, "lladdr", MACS["red"], "dev", "blue0", "nud",
                         "permanent")
        self.check("port")

    def test_ipvlan_l2(self):
        self.ipvlan("l2")

    def test_ipvlan_l3(self):
        self.ipvlan("l3")

    def test_bond(self):
        self.add_device("blue", "port", "type", "bond", "mode", "active-backup")
        self.blue.ip("link", "set", "blue0", "down")
        self.blue.ip("link", "set", "blue0", "master", "port")
        self.settle("port")
        self.check("port")

    def test_bridge(self):
        self.add_device("blue", "port", "address", MACS["blue"], "type", "bridge", "mcast_snooping",
                        "0")
        self.blue.ip("link", "set", "blue0", "master", "port")
        self.settle("port")
        self.check("port")

    def test_ifb(self):
        self.add_device("blue", "port", "type", "ifb")
        self.settle("blue0")
        self.blue.ip("link", "set", "port", "up")
        for words in (("qdisc", "add", "dev", "blue0", "ingress"),
                      ("filter", "add", "dev", "blue0", "ingress", "matchall", "action", "mirred",
                       "egress", "redirect", "dev", "port")):
            self.command("tc", "-n", "blue", *words)
        self.monitor("blue", "port")
        self.monitor("red", "red0")
        outside = self.tap("blue", "blue0")
        for version in (4, 6):
            ends = {name: OVERLAY[name][version // 5] for name in ("red", "blue")}
            lab.converse(self.wire, ends, PORT, SIZE // 2)
        self.assert_counts("port", {"egress": outside.counts["ingress"], "ingress": {}})
        self.assert_counts("red0", turned(outside.counts))


class VlanTest(PortCase):
    def stack(self, *tags, offload):
        """Devices for the tags, the outer one first, at both ends."""
        lower = {"red": "red0", "blue": "blue0"}
        for name in lower:
            lab.offloads(self.namespace(name), lower[name], tx_vlan_offload=offload,
                         tx_vlan_stag_hw_insert=offload, rx_vlan_offload=offload)
            for kind, tag in tags:
                device = f"{lower[name]}v{tag}"
                self.add_device(name, device, "mtu", "1400",  # a veth leaves room for one tag
                                "type", "vlan", "proto", kind, "id", str(tag), link=lower[name])
                self.wire.add_host(name, device)
                lower[name] = device
        self.settle(lower["blue"], red=lower["red"])
        lab.super_packets(self.red, lower["red"], True, True)

    def one_tag(self, offload):
        self.stack(("802.1Q", 10), offload=offload)
        self.check("blue0v10", vlan={"red0": (10,), "blue0": (10,)})

    def two_tags(self, offload):
        self.stack(("802.1ad", 10), ("802.1Q", 20), offload=offload)
        self.monitor("blue", "blue0v10")
        self.check("blue0v10v20", vlan={"red0": (10,), "blue0": (10,), "blue0v10": (20,)})

    def test_one_tag_beside_the_frame(self):
        self.one_tag("on")

    def test_one_tag_in_the_frame(self):
        self.one_tag("off")

    def test_two_tags_the_outer_one_beside_the_frame(self):
        self.two_tags("on")

    def test_two_tags_in_the_frame(self):
        self.two_tags("off")


class TunTest(DeviceCase):
    """Devices whose other end is a program, such as that of a virtual machine."""

    def check(self, mode, before_ip):
        """`before_ip`: the bytes of the link layer that red puts before a packet for blue."""
        if not os.path.exists("/dev/net/tun"):
            self.command("modprobe", "tun")
        pump = lab.Pump({"red": self.red, "blue": self.blue}, "{}tun", mode)
        self.addCleanup(pump.close)
        for name in ("red", "blue"):
            device, far = f"{name}tun", OVERLAY_MACS[peer(name)] if before_ip else None
            if before_ip:
                self.namespace(name).ip("link", "set", device, "address", OVERLAY_MACS[name])
            self.wire.add_host(name, device, *OVERLAY[name])
            self.wire.route(name, device, far, *OVERLAY[peer(name)])
            self.monitor(name, device)
        for version in (4, 6):
            ends = {name: OVERLAY[name][version // 5] for name in ("red", "blue")}
            lab.converse(self.wire, ends, PORT, SIZE // 2)
            lab.datagrams(self.wire, "red", ends, PORT)
            self.put(pump, version, before_ip)
        self.assert_counts("redtun", pump.counts["red"])
        self.assert_counts("bluetun", pump.counts["blue"])
        self.assert_saw_super_packets("redtun", "egress", "TCP")
        self.assert_saw_super_packets("redtun", "ingress", "TCP")

    def put(self, pump, version, before_ip):
        """From no host, so that no host answers: the stack drops what is not for this host."""
        payload = bytes(30_000)
        tcp = frames.tcp(1234, 4321, frames.ACK, payload)
        make = frames.ipv4 if version == 4 else frames.ipv6
        source, to = ("198.51.100.1", "198.51.100.2") if version == 4 else ("fd02::1", "fd02::2")
        frame = make(tcp, frames.TCP, source, to)
        headers = frame[14:len(frame) - len(payload)]
        pump.put("red", (frame[:14] if before_ip else b"") + headers, 1400, payload, version)

    def test_tun(self):
        self.check(lab.IFF_TUN, False)

    def test_tap(self):
        self.check(lab.IFF_TAP, True)


class NetkitTest(DeviceCase):
    """A pair of devices with no queue between them."""
    L2, L3, MODE = 0, 1, 5

    def check(self, mode):
        if KERNEL < SINCE["netkit"]:
            self.skipTest("no netkit before 6.7")
        try:
            with self.red.inside():
                rtnl.add_link("redkit", "netkit", {self.MODE: mode})
        except OSError as error:
            if error.errno == errno.EOPNOTSUPP and not EVERY_DEVICE:
                self.skipTest("the kernel has no netkit")
            raise
        links = json.loads(self.red.ip("-j", "link"))
        other = next(link["ifname"] for link in links if link.get("link") == "redkit")
        self.red.ip("link", "set", other, "netns", "blue", "name", "bluekit")
        for name in ("red", "blue"):
            self.wire.add_host(name, f"{name}kit", *OVERLAY[name])
        macs = {name: self.wire.link(self.namespace(name), f"{name}kit")["address"]
                for name in ("red", "blue")}
        for name in ("red", "blue"):
            self.wire.route(name, f"{name}kit", macs[peer(name)] if mode == self.L2 else None,
                            *OVERLAY[peer(name)])
            self.monitor(name, f"{name}kit")
        # The stack of red makes super-packets, and they are cut before the device has them.
        lab.offloads(self.red, "redkit", tso="off", tx_udp_segmentation="off")
        lab.super_packets(self.blue, "bluekit", False, False)
        outside = self.tap("blue", "bluekit")
        for version in (4, 6):
            ends = {name: OVERLAY[name][version // 5] for name in ("red", "blue")}
            lab.converse(self.wire, ends, PORT, SIZE)
            for sender in ends:
                lab.datagrams(self.wire, sender, ends, PORT)
        self.assert_counts("bluekit", outside.counts)
        self.assert_counts("redkit", turned(outside.counts))
        self.assert_saw_super_packets("redkit", "egress", "TCP")

    def test_l2(self):
        self.check(self.L2)

    def test_l3(self):
        self.check(self.L3)


class RefusedTest(DeviceCase):
    """Devices where a probe would see nothing: dynmon-load says so, and where to look instead."""

    def refusal(self, code, device, *options):
        return self.refused(code, "load", "p", "flows", "--dev", device, "--netns", "blue",
                            *options)

    def test_vrf(self):
        self.add_device("blue", "port", "type", "vrf", "table", "10")
        self.blue.ip("link", "set", "blue0", "master", "port")
        for options in ((), ("--hook", "xdp", "--mode", "generic")):
            error = self.refusal(harness.UNSUPPORTED, "port", *options)
            self.assertIn("VRF", error["message"])
            self.assertIn("blue0", error["hint"])
        self.monitor("blue", "blue0")

    def test_nlmon(self):
        self.add_device("blue", "port", "type", "nlmon")
        self.assertIn("neither Ethernet frames nor IP",
                      self.refusal(harness.UNSUPPORTED, "port")["message"])

    def test_ipvlan_l3s(self):
        self.add_device("blue", "port", "type", "ipvlan", "mode", "l3s", link="blue0")
        error = self.refusal(harness.UNSUPPORTED, "port")
        self.assertIn("l3s", error["message"])
        self.assertIn("blue0", error["hint"])

    @unittest.skipIf(KERNEL < (5, 15), "no native XDP of bonds before 5.15")
    def test_a_bond_and_its_port(self):
        xdp = ("--hook", "xdp", "--mode", "native")
        self.add_device("blue", "port", "type", "bond", "mode", "active-backup")
        self.blue.ip("link", "set", "blue0", "down")
        self.blue.ip("link", "set", "blue0", "master", "port")
        for taken, asked in (("port", "blue0"), ("blue0", "port")):
            self.monitor("blue", taken, *xdp)
            error = self.refusal(harness.BUSY, asked, *xdp)
            self.assertIn(f"'{taken}' runs XDP program id ", error["message"])
            self.dynmon("unload", f"on-{taken}")


if __name__ == "__main__":
    harness.main()
