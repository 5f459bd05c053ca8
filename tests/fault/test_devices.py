#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Devices that cannot do everything, and places without a BPF file system: refused with what works
instead, or counted like any other."""
import contextlib
import pathlib
import shutil
import socket
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

import frames
import harness

UDP = frames.ipv4(frames.udp(1, 2), frames.UDP)
TC = ((), ("--tc", "clsact"))
GENERIC = ("--hook", "xdp", "--mode", "generic")


class DevicesTest(harness.Case):
    def load_on(self, device, *options):
        self.dynmon("load", "p", "packets", "--dev", device, "--netns", "blue", *options)

    def eventually_counted(self, *expected):
        def counted():
            return tuple(self.packets("p", direction, "--peek")
                         for direction in ("ingress", "egress"))

        with contextlib.suppress(self.failureException):
            self.eventually(lambda: counted() == expected, "")
        self.assertEqual(counted(), expected)

    def refuse_native(self, device):
        error = self.refused(harness.UNSUPPORTED, "load", "p", "packets", "--dev", device,
                             "--netns", "blue", "--hook", "xdp")
        self.assertFalse(harness.STORE.exists())
        self.assertIn("--mode generic", error["hint"])
        return error

    def test_on_loopback_packets_are_seen_going_and_coming(self):
        self.blue.ip("link", "set", "lo", "up")
        with self.blue.inside():
            receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(receiver.close)
        receiver.bind(("127.0.0.1", 0))
        for options in (*TC, GENERIC):
            self.load_on("lo", *options)
            for _ in range(5):
                receiver.sendto(b"x", receiver.getsockname())
            self.eventually_counted(5, 5)
            self.dynmon("unload", "p")
        self.assertIn("refuses native XDP: operation not supported (EOPNOTSUPP)", self.refuse_native("lo")["message"])

    def test_on_a_port_of_a_bridge_and_on_the_bridge(self):
        # A bridge that snoops joins 224.0.0.106 and reports that by IGMP, at a time of its choice.
        self.blue.ip("link", "add", "br0", "type", "bridge", "mcast_snooping", "0")
        self.blue.ip("link", "set", "br0", "promisc", "on", "up")
        self.blue.ip("link", "set", "blue0", "master", "br0")
        self.eventually(lambda: self.wire.link(self.blue, "blue0")["linkinfo"]["info_slave_data"][
            "state"] == "forwarding", "the port forwards")
        out = self.wire.packet_socket(self.red, "red0", 0)
        for options in (*TC, ("--hook", "xdp"), GENERIC):
            self.load_on("blue0", *options)
            for _ in range(3):
                out.send(UDP)
            self.eventually_counted(3, 0)
            self.dynmon("unload", "p")
        self.assertIn("refuses native XDP: operation not supported (EOPNOTSUPP)", self.refuse_native("br0")["message"])
        for options in (*TC, GENERIC):
            self.load_on("br0", *options)
            for _ in range(3):
                out.send(UDP)
            self.eventually_counted(3, 0)
            self.dynmon("unload", "p")

    def test_a_manifest_that_allows_generic_xdp_gets_it_where_there_is_no_other(self):
        folder = self.folder / "packets"
        shutil.copytree(harness.probe("packets"), folder)
        with open(folder / "probe.yaml", "a") as manifest:
            manifest.write("xdp:\n  fallback: generic\n")
        self.blue.ip("link", "set", "lo", "up")
        done = self.dynmon("load", "p", folder, "--dev", "lo", "--netns", "blue", "--hook", "xdp")
        self.assertIn("the device refuses native XDP: generic XDP is used", done.err)
        modes = {hook["hook"]: hook["mode"] for hook in self.status()["hooks"]}
        self.assertEqual(modes, {"xdp": "generic", "tc-egress": "tcx"})

    def test_a_device_that_is_down_counts_when_it_comes_up(self):
        for options in (*TC, ("--hook", "xdp")):
            self.wire.close_sockets()
            self.blue.ip("link", "set", "blue0", "down")
            self.load_on("blue0", *options)
            self.assertEqual(self.status("p")["monitors"][0]["health"], "attached")
            self.blue.ip("link", "set", "blue0", "up")
            self.receive(*[UDP] * 3)
            self.assertEqual(self.packets("p"), 3)
            self.dynmon("unload", "p")

    def test_where_a_frame_does_not_fit_into_a_page(self):
        self.red.ip("link", "set", "red0", "mtu", "9000")
        frags = self.dynmon("--json", "doctor").json()["features"]["xdp-frags"]
        if not frags:
            error = self.refuse_native("blue0")
            self.assertIn("refuses native XDP: numerical result out of range (ERANGE)", error["message"])
            self.assertIn("lower its MTU, and that of the other end of a veth pair", error["hint"])
        for options in (TC[0], GENERIC, *([("--hook", "xdp")] if frags else [])):
            self.load_on("blue0", *options)
            self.receive(*[UDP] * 2)
            self.assertEqual(self.packets("p"), 2)
            self.dynmon("unload", "p")
        self.red.ip("link", "set", "red0", "mtu", "1500")
        self.load_on("blue0", "--hook", "xdp")
        self.receive(UDP)
        self.assertEqual(self.packets("p"), 1)


class NoBpffsTest(harness.Case):
    LOAD = ("load", "p", "packets", "--dev", "blue0")

    def inside(self, mounts, *words):
        """Runs a verb in namespace blue, in a mount namespace where `mounts` were done first."""
        script = f"{mounts} && exec \"$0\" \"$@\""
        done = subprocess.run(["nsenter", f"--net={self.blue.path}", "unshare", "--mount",
                               "--propagation", "private", "sh", "-c", script,
                               str(harness.DYNMON), *words], capture_output=True, text=True,
                              env=harness.environment(), cwd=self.folder, timeout=60)
        return done.returncode, done.stdout, done.stderr

    def check(self, mounts):
        export = ("export", "p", "--profile", "netflow", "--out", "out", "--count", "1")
        for words in (self.LOAD, ("read", "p"), export, ("unload", "p"), ("recover",), ("status",)):
            code, out, error = self.inside(mounts, *words)
            self.assertEqual((code, out), (harness.USAGE, ""), words)
            self.assertIn("/sys/fs/bpf is not on a BPF file system", error)
            self.assertIn("instead of `ip netns exec NS`, which hides it, use `nsenter "
                          "--net=/run/netns/NS`; where there is none, as in most containers, mount "
                          "one with `mount -t bpf bpf /sys/fs/bpf`", error)
        code, _, error = self.inside(f"{mounts} && mount -t bpf bpf /sys/fs/bpf", "status")
        self.assertEqual((code, error), (harness.OK, ""))

    def test_a_fresh_sys_as_ip_netns_exec_has_it(self):
        self.load("p", "packets")
        self.check("umount -l /sys && mount -t sysfs blue /sys")
        # From outside the same namespace is reached with the mounts of the caller.
        self.receive(UDP)
        self.assertEqual(self.packets("p"), 1)

    def test_a_file_system_of_another_kind_as_containers_have_it(self):
        self.check("mount -t tmpfs none /sys/fs && mkdir /sys/fs/bpf")
        self.assertFalse(harness.STORE.exists())


if __name__ == "__main__":
    harness.main()
