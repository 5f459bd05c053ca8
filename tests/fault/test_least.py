#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Every line of the table of dynmon-rights(7), as an ordinary user: what it needs is
enough, and each capability of it is needed and named when it is missing."""
import json
import os
import pathlib
import re
import shutil
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

import frames
import harness
import wire
from harness import BPFFS
from ordinary import ALL, HERE, RightsCase, USER, load

TABLE = harness.SOURCE / "docs" / "user" / "dynmon-rights.7.md"
THERE = (*HERE, "--netns", "blue")
UNIQUE = f"u{os.urandom(6).hex()}"  # names of maps are the machine's

# A line of the table: what comes before it with all rights, the command, and whether it runs in
# the network namespace of the device (else outside).
XDP = ("--hook", "xdp", "--mode", "generic")
CLSACT = ("--tc", "clsact")
OUT = "/dev/shm/export-of-least"  # every test has its own there
LINES = {
    "`new`": ((), ("new", "mine", "--dir", "DIR"), True),
    "`import`": ((), ("import", "DOCUMENT"), True),
    "`check`": ((), ("check", "packets"), True),
    "`check --kernel`": ((), ("check", "packets", "--kernel"), True),
    "`load` onto XDP": ((), load("dropper", *XDP), True),
    "`load` onto TCX": ((), load("packets"), True),
    "`load` onto clsact": ((), load("packets", *CLSACT), True),
    "`load` of programs without arithmetic on pointers": ((), load("events"), True),
    "`load --netns` onto TCX": ((), load("packets", place=THERE), False),
    "`load --netns` onto clsact": ((), load("packets", *CLSACT, place=THERE), False),
    "`apply`": ((), ("apply", "p", "packets", *HERE), True),
    "`replace`": ((load("packets"),), ("replace", "p", "packets"), True),
    "`unload` from XDP": ((load("dropper", *XDP),), ("unload", "p"), True),
    "`unload` from TCX": ((load("packets"),), ("unload", "p"), True),
    "`unload` from clsact": ((load("packets", *CLSACT),), ("unload", "p"), True),
    "`unload` in another network namespace":
        ((load("packets", place=THERE),), ("unload", "p"), False),
    "`read`": ((load("flows"),), ("read", "p"), True),
    "`export`": ((load("crypto"),), ("export", "p", "--profile", "crypto", "--out", OUT,
                                     "--interval", "1ms", "--count", "1"), True),
    "`read --format openmetrics`":
        ((load("flows"),), ("read", "p", "--format", "openmetrics"), True),
    "`read --as`, the first of a monitor": ((load("flows"),), ("read", "p", "--as", "a"), True),
    "`read --as` after that":
        ((load("flows"), ("read", "p", "--as", "a")), ("read", "p", "--as", "a"), True),
    "`dump` of a path or MONITOR/MAP": ((load("flows"),), ("dump", "p/flows"), True),
    "`dump id`": ((load("packets"),), ("dump", "id", "MAP-ID"), True),
    "`dump name`": ((), ("dump", "name", UNIQUE), True),
    "`stream` of a ring buffer":
        ((load("events"),), ("stream", "p/ARRIVALS", "--timeout", "1ms"), True),
    "`stream` of a perf event array":
        ((load("events"),), ("stream", "p/PERF_ARRIVALS", "--timeout", "1ms"), True),
    "`set`": ((load("ssdp"),), ("set", "p/PORTS", "9999", "WATCH"), True),
    "`delete`": ((load("ssdp"), ("set", "p/PORTS", "9999", "WATCH")),
                 ("delete", "p/PORTS", "9999"), True),
    "`deny add`": ((load("ssdp"),), ("deny", "p", "add", "10.9.0.0/16", "--for", "10m"), True),
    "`deny add` in another network namespace":
        ((load("ssdp", place=THERE),), ("deny", "p", "add", "10.9.0.0/16"), False),
    "`deny add --force`":
        ((load("ssdp", place=THERE),), ("deny", "p", "add", "10.9.0.0/16", "--force"), False),
    "`deny remove`": ((load("ssdp"), ("deny", "p", "add", "10.9.0.0/16")),
                      ("deny", "p", "remove", "10.9.0.0/16"), True),
    "`deny list`": ((load("ssdp"),), ("deny", "p", "list"), True),
    "`deny purge`": ((load("ssdp"),), ("deny", "p", "purge"), True),
    "`allow add`": ((load("ssdp", place=THERE),), ("allow", "p", "add", "10.9.0.0/16"), False),
    "`allow list`": ((load("ssdp"),), ("allow", "p", "list"), True),
    "`status`": ((load("packets"),), ("status", "p"), True),
    "`status --stats`": ((load("packets"),), ("status", "--stats", "1ms"), True),
    "`recover` of what is well": ((load("packets"),), ("recover",), True),
    "`recover` that removes a hook of TC": ((load("packets"), "orphan"), ("recover",), True),
}


def documented():
    """{what: capabilities} of the table."""
    rows = re.findall(r"^\| (`.*?) \| (.*) \|$", TABLE.read_text(), re.M)
    return {what: () if needs == "nothing" else tuple(re.findall(r"CAP_\w+", needs))
            for what, needs in rows}


class TableTest(RightsCase):
    """PROMISES:
    S-31 What a verb lacks a capability for is refused by the capability's name before"""

    def test_every_line_is_tried(self):
        self.assertEqual(sorted(documented()), sorted(LINES))

    def prepare(self, before):
        self.user(ALL, "unload", "--all")
        if not self.store.exists():  # it went with its last monitor
            self.store.mkdir(0o700)
            os.chown(self.store, USER, USER)
        for step in before:
            if step == "orphan":
                shutil.rmtree(self.store / "monitors" / "p")
            else:
                self.user(ALL, *step)

    def document(self):
        """A document of Dynmon, where its probe is to be made, and the headers beside the binary."""
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
        os.chown(folder, USER, USER)
        if not (self.folder / "bpf").exists():
            shutil.copytree(harness.SOURCE / "bpf", self.folder / "bpf")
        document = folder / "document.json"
        document.write_text(json.dumps({"ingress-path": {"name": "p", "code": "BPF_ARRAY(C, u64, 1);\nint "
                            "handle_rx(struct CTXTYPE *ctx, struct pkt_metadata *md) { return RX_OK; }"}}))
        return document, "--out", folder / "made"

    def run_line(self, what, rights):
        before, words, here = LINES[what]
        self.prepare(before)
        if UNIQUE in words and not (BPFFS / UNIQUE).exists():
            wire.command("bpftool", "map", "create", str(BPFFS / UNIQUE), "type", "array", "key",
                         "4", "value", "4", "entries", "1", "name", UNIQUE)
            self.at_end.append((BPFFS / UNIQUE).unlink)
        if "MAP-ID" in words:
            number = harness.kernel.object_id(self.store / "monitors/p/g1/PKT_COUNTER")[1]
            words = [number if word == "MAP-ID" else word for word in words]
        if "DIR" in words:
            words = [tempfile.mkdtemp(dir=self.folder) if word == "DIR" else word for word in words]
            os.chown(words[-1], USER, USER)
        if "DOCUMENT" in words:
            words = ["import", *self.document()]
        # The kernel's own list of maps is for its owner to read; where it cannot be read, every map
        # of the machine is opened, which the tests that run beside this one would notice.
        uid = 0 if "name" in words else USER
        return self.attempt(rights, *words, here=here, uid=uid)

    def test_what_is_documented_is_enough(self):
        for what, needed in documented().items():
            with self.subTest(what):
                result = self.run_line(what, needed)
                self.assertEqual(result.code, 0, result.err)

    def test_each_of_it_is_needed_and_named(self):
        for what, needed in documented().items():
            for missing in needed:
                with self.subTest(what, missing=missing):
                    rights = [right for right in needed if right != missing]
                    result = self.run_line(what, rights)
                    self.assertNotEqual(result.code, 0)
                    self.assertEqual(result.out, "")
                    self.assertRegex(result.err, rf"needs (CAP_\w+(, | and ))*{missing}")
                    self.assertIn("run as root", result.err)
                    for right in rights:
                        self.assertNotIn(f"needs {right}", result.err)

    def test_what_lacks_a_right_changes_nothing(self):
        self.prepare([load("packets")])
        before = self.user((), "--json", "status").json()
        for words in (("replace", "p", "packets"), ("unload", "p"), load("packets", "--tc", "clsact")):
            self.assertNotEqual(self.attempt((), *words).code, 0)
            self.assertEqual(self.user((), "--json", "status").json(), before)
        self.receive(*[frames.plain(60)] * 5)
        document = self.user((), "--json", "read", "p").json()
        self.assertEqual(self.value(document, "packets_total"), [5])

    def test_a_whole_life_without_root(self):
        rights = ("CAP_BPF", "CAP_NET_ADMIN", "CAP_PERFMON")
        self.user(rights, *load("packets"))
        self.receive(*[frames.plain(60)] * 7)
        document = self.user(rights, "--json", "read", "p").json()
        self.assertEqual(self.value(document, "packets_total"), [7])
        self.user(rights, "replace", "p", "packets", "--keep-maps")
        self.assertEqual(self.user(rights, "--json", "status").json()["monitors"][0]["health"],
                         "attached")
        self.user(rights, "recover")
        self.user(rights, "unload", "p")
        self.assertEqual(harness.pins(), [])

    def test_a_store_that_was_made_for_the_user_stays(self):
        BPFFS.chmod(0o711)  # only root makes or removes anything right here
        self.addCleanup(BPFFS.chmod, 0o1777)
        self.user(ALL, *load("packets"))
        self.assertEqual(self.user(ALL, "unload", "p").err, "")
        self.assertEqual((self.store.is_dir(), list(self.store.iterdir())), (True, []))
        self.user(ALL, *load("packets"))


if __name__ == "__main__":
    harness.main()
