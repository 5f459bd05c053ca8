# SPDX-License-Identifier: BSD-2-Clause
"""Two network namespaces, red and blue, and a veth pair between them on which only the test
sends. Counts are exact: when receive() or transmit() is back, every hook has seen the frames."""
import collections
import contextlib
import json
import os
import socket
import subprocess

import frames
import kernel

SO_RCVBUFFORCE = 33
MARKER_MAC = bytes.fromhex("020000000098")  # as unknown to everybody as frames.NOBODY_MAC
# Every deadline is so many times as long: emulated CPUs are slow.
PATIENCE = float(os.environ.get("DYNMON_TEST_PATIENCE", 1))
CHUNK = 200  # frames on their way at once: well below the kernel's backlog of 1000


def command(*words, check=True):
    """Runs a tool; an error of it is an error of the test."""
    done = subprocess.run(words, capture_output=True, text=True, timeout=30 * PATIENCE)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


@contextlib.contextmanager
def on_cpu(cpu):
    """The calling thread stays on one CPU, and so does the way of what it sends."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {cpu})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


class Namespace:
    def __init__(self, name):
        self.name = name
        self.path = f"/run/netns/{name}"
        command("ip", "netns", "add", name)
        with self.inside():
            self.set("ipv6/conf/default/disable_ipv6", 1)  # neither DAD nor router solicitations

    def inside(self):
        return kernel.inside(self.path)

    def set(self, name, value):
        with open(f"/proc/sys/net/{name}", "w") as file:
            file.write(str(value))

    def inode(self):
        return os.stat(self.path).st_ino

    def ip(self, *words):
        return command("ip", "-n", self.name, *words)

    def run(self, *words, check=True):
        """A tool in this namespace, with the mounts of the test (`ip netns exec` has its own)."""
        return command("nsenter", f"--net={self.path}", *words, check=check)

    def ifindex(self, device):
        with self.inside():
            return socket.if_nametoindex(device)

    def socket(self, *kind):
        """A socket of this namespace, for a caller that is in another."""
        with self.inside():
            return socket.socket(*kind)

    @contextlib.contextmanager
    def unnamed(self, folder):
        """As containers have it: the path that this yields leads there, and no name of `ip netns`.
        Meanwhile run() works, and ip() does not."""
        named, self.path = self.path, os.path.join(folder, "netns")
        open(self.path, "w").close()
        command("mount", "--bind", named, self.path)
        command("umount", named)
        os.unlink(named)
        try:
            yield self.path
        finally:
            open(named, "w").close()
            command("mount", "--bind", self.path, named)
            command("umount", self.path)
            os.unlink(self.path)
            self.path = named

    def delete(self):
        if os.path.exists(self.path):
            command("ip", "netns", "del", self.name)


class Wire:
    """red0 in namespace red, blue0 in namespace blue. Tests look at blue0."""

    def __init__(self, red="red", blue="blue"):
        self.red, self.blue = Namespace(red), Namespace(blue)
        self.sockets = {}
        command("ip", "-n", red, "link", "add", "red0", "address", "02:00:00:00:00:01", "type",
                "veth", "peer", "name", "blue0", "address", "02:00:00:00:00:02", "netns", blue)
        for namespace, device, address, other in ((self.red, "red0", "10.0.0.1", "10.0.0.2"),
                                                  (self.blue, "blue0", "10.0.0.2", "10.0.0.1")):
            mac = "02:00:00:00:00:02" if namespace is self.red else "02:00:00:00:00:01"
            namespace.ip("addr", "add", f"{address}/24", "dev", device)
            namespace.ip("link", "set", device, "up")
            namespace.ip("neigh", "replace", other, "lladdr", mac, "dev", device)

    def packet_socket(self, namespace, device, protocol):
        key = (device, protocol)
        if key not in self.sockets:
            made = namespace.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            made.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)
            with namespace.inside():  # binds by name, which means something in its namespace only
                made.bind((device, protocol))
            made.settimeout(10 * PATIENCE)
            self.sockets[key] = made
        return self.sockets[key]

    def receive(self, *sent, dropped=False):
        """red sends `sent`; they come in at blue0. Waits for the point behind XDP and TC, where a
        packet socket for the frame's protocol gets it. `dropped`: none is to arrive there."""
        for start in range(0, len(sent), CHUNK):
            self._receive(sent[start:start + CHUNK], dropped)

    def _receive(self, sent, dropped):
        expected = collections.Counter(frames.protocol_of(frame) for frame in sent)
        listeners = {protocol: self.packet_socket(self.blue, "blue0", protocol)
                     for protocol in expected}
        out = self.packet_socket(self.red, "red0", 0)
        for frame in sent:
            out.send(frame)
        if dropped:
            return
        for protocol, count in expected.items():
            for _ in range(count):
                listeners[protocol].recv(1)

    def forget_listeners(self):
        """Before traffic that the test does not read: what piled up would pass for what comes later."""
        for key in [key for key in self.sockets if key[0] == "blue0" and key[1] != 0]:
            self.sockets.pop(key).close()

    def settle(self, frame):
        """One more frame like those that were sent from this CPU; when it has been seen behind the
        hooks, they have been too, for a CPU keeps the order."""
        marker = MARKER_MAC + frame[6:]
        listener = self.packet_socket(self.blue, "blue0", frames.protocol_of(frame))
        self.packet_socket(self.red, "red0", 0).send(marker)
        while listener.recv(2048) != marker:
            pass

    def transmit(self, *sent):
        """`sent` leave blue through blue0. TC egress runs within the system call."""
        out = self.packet_socket(self.blue, "blue0", 0)
        for frame in sent:
            out.send(frame)

    def link(self, namespace, device):
        return json.loads(namespace.ip("-j", "-details", "link", "show", "dev", device))[0]

    def close_sockets(self):
        for opened in self.sockets.values():
            opened.close()
        self.sockets.clear()

    def close(self):
        self.close_sockets()
        self.red.delete()
        self.blue.delete()
