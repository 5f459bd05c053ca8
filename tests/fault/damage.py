# SPDX-License-Identifier: BSD-2-Clause
"""A store that another program writes to: pins that dynmon did not make, and a monitor beside them."""
import ctypes
import json
import os
import struct

import frames
import harness
import kernel
import wire
from harness import BPFFS, STORE

HASH, ARRAY, PROG_ARRAY, PERCPU_ARRAY = 1, 2, 3, 6
PLACE = ("--dev", "blue0", "--netns", "blue")


def make_map(path, kind, key, value, first=b""):
    """Pins a map of one element, whose first bytes are `first`, at `path`."""
    with kernel.closing(kernel.make_map(kind, key, value, 1)) as fd:
        if first:
            zero = ctypes.create_string_buffer(key)
            data = ctypes.create_string_buffer(first, value)
            kernel.bpf(kernel.MAP_UPDATE, struct.pack("<I4xQQQ", fd, ctypes.addressof(zero),
                                                      ctypes.addressof(data), 0))
        kernel.pin(fd, path)


def write_record(path, text):
    """A pin as dynmon writes its records: the length, then the bytes."""
    data = text if isinstance(text, bytes) else text.encode()
    path.unlink(missing_ok=True)
    size = (8 + len(data) + 7) // 8 * 8
    make_map(path, ARRAY, 4, size, struct.pack("<Q", len(data)) + data)


def read_record(path):
    size = int(json.loads(wire.command("bpftool", "-j", "map", "show", "pinned",
                                       str(path)))["bytes_value"])
    data = kernel.lookup(path, bytes(4), size)
    return data[8:8 + struct.unpack_from("<Q", data)[0]]


class PinsCase(harness.Case):
    """Monitor `t` is attacked, `p` after it on the same hooks must not suffer.

    PROMISES:
    S-26 A record, state, map, program or folder that is not what dynmon writes is refused"""

    def setUp(self):
        super().setUp()
        self.load("t", "tally")
        self.load("p", "packets")
        self.dir = STORE / "monitors" / "t"
        self.generation = self.dir / "g1"
        self.record = self.generation / "dynmon-record"
        self.sent = 0
        self.outside = BPFFS / "outside"
        self.outside.mkdir()
        make_map(self.outside / "precious", ARRAY, 4, 8, b"precious")
        self.at_end.append(self.check_outside)

    def check_outside(self):
        """Nothing was done to what a symbolic link led to."""
        self.assertEqual(sorted(os.listdir(self.outside)), ["precious"])
        self.assertEqual(kernel.lookup(self.outside / "precious", bytes(4), 8), b"precious")
        (self.outside / "precious").unlink()
        self.outside.rmdir()

    def check_p(self):
        """It counts each packet, whatever stands before it in the chain."""
        self.receive(*[frames.plain(60)] * 3)
        self.sent += 3
        self.assertEqual(self.packets("p"), self.sent)

    def check_refused(self, *expected, verbs=(("read", "t"), ("replace", "t", "tally")),
                      shown=True):
        """The verbs say what is wrong, without a crash, and change nothing; so does `status`, if it
        looks at that pin at all."""
        before = harness.pins()
        for words in verbs:
            error = self.refused(harness.REJECTED, *words)
            for text in expected:
                self.assertIn(text, error["message"], words)
            self.assertIn("recover", error["hint"])
        self.assertEqual(harness.pins(), before)
        if not shown:
            return
        problem, = [m["problem"] for m in self.status()["monitors"] if m["name"] == "t"]
        self.assertIn(expected[0], problem)

    def check_recovered(self):
        """`recover` takes `t` away and nothing else; it can be loaded again."""
        actions = self.dynmon("--json", "recover").json()["actions"]
        self.assertTrue(any(action.startswith("removed monitor 't': ") for action in actions),
                        actions)
        self.assertFalse(self.dir.exists() or self.dir.is_symlink())
        status = self.status()
        self.assertEqual([(m["name"], m["health"]) for m in status["monitors"]],
                         [("p", "attached")])
        self.assertEqual([hook["chain"] for hook in status["hooks"] if hook["hook"] == "tc-ingress"],
                         [["p/packets_ingress"]])
        self.check_p()
        self.load("t", "tally")
        self.check_p()
        self.dynmon("unload", "t")
        self.check_p()
