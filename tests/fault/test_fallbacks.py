#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What dynmon does where the kernel lacks something, or refuses: it takes the other way, counts are
as exact as that way allows, and an error names what fails."""
import contextlib
import errno
import json
import pathlib
import struct
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

import frames
import harness
import kernel
import old_kernel
import wire
from harness import STORE

ONLINE = "/sys/devices/system/cpu/online"


def udp(port):
    return frames.ipv4(frames.udp(port, 2), frames.UDP)


class FenceTest(harness.Case):
    """A swap without membarrier.

    PROMISES:
    H-6 After a slot write a fence waits until no CPU runs what stood there"""

    def flow_packets(self, **keywords):
        """The packets of all windows that were not read yet."""
        out = self.dynmon("read", "f", "--format", "json", **keywords).out
        return sum(entry["value"]["packets"] for line in out.splitlines()
                   for entry in self.value(json.loads(line), "flows"))

    def exact(self, **keywords):
        self.load("f", "flows")
        packets = 0
        with self.traffic(udp(1)) as sent:
            for _ in range(10):
                packets += self.flow_packets(**keywords)
        packets += self.flow_packets(**keywords)
        self.assertEqual(packets, sent[0])

    def test_counts_are_exact_where_membarrier_is_refused(self):
        self.exact(preexec_fn=old_kernel.refusing(
            membarrier={old_kernel.GLOBAL: errno.EINVAL}))

    def test_counts_are_exact_where_there_is_no_membarrier(self):
        self.exact(preexec_fn=old_kernel.refusing(
            membarrier={old_kernel.QUERY: errno.ENOSYS, old_kernel.GLOBAL: errno.ENOSYS}))

    def test_with_one_cpu_online_the_fence_is_a_map_of_maps(self):
        possible = self.dynmon("--json", "doctor").json()["kernel"]["possible-cpus"]
        one = self.folder / "online"
        one.write_text("0\n")
        wire.command("mount", "--bind", str(one), ONLINE)
        try:
            document = self.dynmon("--json", "doctor").json()
            self.assertEqual(document["kernel"]["online-cpus"], 1)
            self.assertEqual(document["environment"]["fence"], "map-of-maps")
            self.assertEqual(document["kernel"]["possible-cpus"], possible)
            self.exact()
            # The other way alone would not do: it is the map of maps that is needed now.
            error = self.refused(harness.FAILED, "read", "f", preexec_fn=old_kernel.refusing(
                bpf={old_kernel.MAP_CREATE: errno.ENOMEM}))
            self.assertIn("create map 'fence_inner'", error["message"])
        finally:
            wire.command("umount", ONLINE)

    def test_when_both_ways_fail_it_is_said_and_nothing_is_lost(self):
        self.load("f", "flows")
        self.receive(*[udp(1)] * 5)
        error = self.refused(harness.FAILED, "read", "f", preexec_fn=old_kernel.refusing(
            bpf={old_kernel.MAP_CREATE: errno.ENOMEM},
            membarrier={old_kernel.GLOBAL: errno.EINVAL}))
        self.assertIn("wait until no packet is in a program that was taken out "
                      "(no membarrier, EINVAL): create map 'fence_inner': "
                      "cannot allocate memory (ENOMEM)", error["message"])
        self.assertIn("memory", error["hint"])
        self.receive(*[udp(1)] * 2)
        self.assertEqual(self.flow_packets(), 7)


class NoBatchTest(harness.Case):
    """Kernels that answer a batch with 524, EINVAL or EOPNOTSUPP."""

    REFUSALS = (old_kernel.ENOTSUPP, errno.EINVAL, errno.EOPNOTSUPP)

    def refusing(self, error):
        return old_kernel.refusing(bpf=dict.fromkeys(old_kernel.BATCHES, error))

    def entries(self, *options, **keywords):
        """The flows by their key as text, and the warnings."""
        done = self.dynmon("--json", "read", "f", "--format", "json", *options, **keywords)
        document = json.loads(done.out)
        entries = [(str(entry["key"]), entry["value"]["packets"])
                   for entry in self.value(document, "flows")]
        return entries, done.err

    def fill(self):
        self.load("f", "flows", "--set", "track_ports=1")
        self.receive(*[udp(port) for port in range(100, 300)], *[udp(150)] * 9)

    def test_every_entry_is_read_once_key_by_key_and_called_approximate(self):
        self.fill()
        wanted, said = self.entries("--peek")
        self.assertEqual(said, "")
        self.assertEqual((len(wanted), sum(packets for _, packets in wanted)), (200, 209))
        for error in self.REFUSALS:
            found, said = self.entries("--peek", preexec_fn=self.refusing(error))
            self.assertEqual(len(found), len(dict(found)), error)
            self.assertEqual(sorted(found), sorted(wanted), error)
            self.assertIn("read key by key", said, error)
            self.assertNotIn("Unknown error", said)

    def test_a_read_has_one_warning_for_all_maps_that_it_reads_key_by_key(self):
        self.load("s", "ssdp")
        said = self.dynmon("read", "s", preexec_fn=self.refusing(old_kernel.ENOTSUPP)).err
        self.assertEqual(len(said.splitlines()), 1, said)
        for name in ("DENY_IPV4", "DENY_IPV6"):
            self.assertIn(f"'{name}'", said)

    def test_a_window_is_taken_whole_and_only_once(self):
        self.fill()
        found, _ = self.entries(preexec_fn=self.refusing(old_kernel.ENOTSUPP))
        self.assertEqual((len(found), sum(packets for _, packets in found)), (200, 209))
        self.receive(*[udp(7)] * 3)
        found, _ = self.entries(preexec_fn=self.refusing(old_kernel.ENOTSUPP))
        self.assertEqual([packets for _, packets in found], [3])

    def test_arrays_are_read_and_emptied_element_by_element(self):
        self.load("p", "packets")
        self.receive(*[frames.plain(60)] * 7)
        out = self.dynmon("read", "p", "--format", "json",
                          preexec_fn=self.refusing(old_kernel.ENOTSUPP)).out
        self.assertEqual(self.value(json.loads(out), "packets_total"), [7])

    def test_doctor_finds_it_out(self):
        features = self.dynmon("--json", "doctor", preexec_fn=old_kernel.refusing(
            bpf={**dict.fromkeys(old_kernel.BATCHES, old_kernel.ENOTSUPP),
                 old_kernel.LOOKUP_AND_DELETE: old_kernel.ENOTSUPP})).json()["features"]
        names = [name for name in features if name.startswith(("batch-", "drain-", "take-"))]
        self.assertGreater(len(names), 10)
        self.assertEqual({name: features[name] for name in names}, dict.fromkeys(names, False))
        self.assertTrue(features["ringbuf"])

    def test_an_errno_of_the_kernels_inside_is_called_by_its_name(self):
        self.fill()
        error = self.refused(harness.FAILED, "read", "f", preexec_fn=old_kernel.refusing(
            bpf={1: old_kernel.ENOTSUPP}))  # look up an element
        self.assertEqual(error["errno"], "ENOTSUPP")
        self.assertNotIn("524", error["message"])


class NoTcxTest(harness.Case):
    def test_a_kernel_without_tcx_gets_a_filter_and_counts_the_same(self):
        old = old_kernel.refusing(bpf={old_kernel.PROG_QUERY: errno.EINVAL})
        self.assertFalse(self.dynmon("--json", "doctor", preexec_fn=old).json()["features"]["tcx"])
        self.load("p", "packets", preexec_fn=old)
        self.assertEqual(self.hook("tc-ingress")["mode"], "clsact")
        self.receive(*[frames.plain(60)] * 5)
        self.assertEqual(self.packets("p"), 5)
        error = self.refused(harness.UNSUPPORTED, "load", "q", "packets", "--dev", "red0",
                             "--netns", "red", "--tc", "tcx", preexec_fn=old)
        self.assertIn("this kernel has no TCX", error["message"])
        self.dynmon("unload", "p", preexec_fn=old)


class RefusedCallTest(harness.Case):
    """bpf(2) is forbidden by a filter, or memory for maps is short."""

    EVERYTHING = dict.fromkeys(range(40), errno.EPERM)

    def test_a_seccomp_filter_is_told_from_missing_rights(self):
        forbidden = old_kernel.refusing(bpf=self.EVERYTHING)
        document = self.dynmon("--json", "doctor", preexec_fn=forbidden).json()
        self.assertEqual(document["environment"]["seccomp"], "filter")
        self.assertTrue(document["environment"]["capabilities"]["CAP_BPF"])
        self.assertIsNone(document["features"]["tcx"])
        remedies = {entry["problem"]: entry["remedy"] for entry in document["problems"]}
        self.assertIn("seccomp",
                      remedies["bpf(2) is refused although the capabilities are there"])
        error = self.refused(harness.FAILED, "load", "p", "packets", "--dev", "blue0", "--netns",
                             "blue", preexec_fn=forbidden)
        self.assertEqual(error["errno"], "EPERM")
        self.assertIn("seccomp", error["hint"])
        self.assertFalse(STORE.exists())

    def test_memory_that_is_short_is_named_with_what_limits_it(self):
        error = self.refused(harness.FAILED, "load", "p", "packets", "--dev", "blue0", "--netns",
                             "blue", preexec_fn=old_kernel.refusing(
                                 bpf={old_kernel.MAP_CREATE: errno.ENOMEM}))
        self.assertEqual(error["errno"], "ENOMEM")
        self.assertIn("memory", error["hint"])
        self.assert_nothing_left()


@unittest.skipIf(harness.sanitized(), "AddressSanitizer needs more memory than that")
class LittleMemoryTest(harness.Case):
    def group(self, limit):
        """A control group with so many bytes of memory, of either version."""
        for parent, name in ((pathlib.Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"),
                             (pathlib.Path("/sys/fs/cgroup"), "memory.max")):
            folder = parent / self.folder.name
            with contextlib.suppress(OSError):
                folder.mkdir()
                if (folder / name).exists():
                    self.at_end.append(folder.rmdir)
                    (folder / name).write_text(str(limit))
                    return folder
                folder.rmdir()
        return self.skipTest("no control group for memory can be made here")

    def test_the_limit_of_the_control_group_is_named_and_nothing_is_left(self):
        large = self.make_large_probe()
        if not self.dynmon("--json", "doctor").json()["features"]["memcg-accounting"]:
            self.skipTest("maps do not count against control groups on this kernel")
        processes = self.group(32 << 20) / "cgroup.procs"
        error = self.refused(harness.FAILED, "check", "--kernel", large,
                             preexec_fn=lambda: processes.write_text("0"))
        self.assertEqual(error["errno"], "ENOMEM")
        self.assertIn("memory.max", error["hint"])

    def make_large_probe(self):
        (self.folder / "mine" / "large").mkdir(parents=True)
        (self.folder / "mine" / "large" / "large.bpf.c").write_text("""#include "dynmon.h"
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1 << 24);
    __type(key, __u32);
    __type(value, __u64);
} LARGE SEC(".maps");
DYNMON_INGRESS(large) {
    __u32 zero = 0;
    __u64* place = bpf_map_lookup_elem(&LARGE, &zero);

    if (place)
        *place = 1;
    return DYNMON_PASS;
}
""")
        subprocess.run(["make", "-f", str(harness.SOURCE / "Makefile.bpf"), "PROBES=mine"],
                       check=True, capture_output=True, cwd=self.folder)
        return self.folder / "build" / "probes" / "large" / "large.bpf.o"


class StrangeMapTest(harness.Case):
    """Foreign maps with flags and sizes that a reader may not count on."""

    def make(self, *words):
        pin = harness.BPFFS / "strange"
        wire.command("bpftool", "map", "create", str(pin), "value", "8", "name", "strange", *words)
        self.at_end.append(lambda: pin.unlink(missing_ok=True))
        return pin

    def lines(self, pin):
        return [json.loads(line) for line in
                self.dynmon("dump", pin, "--format", "jsonl").out.splitlines()]

    def test_maps_whose_maker_could_only_read_or_only_write_are_read_and_so_are_frozen_ones(self):
        for flag in (1 << 3, 1 << 4):  # BPF_F_RDONLY, BPF_F_WRONLY: of the maker's descriptor
            pin = self.make("type", "hash", "key", "4", "entries", "2", "flags", str(flag))
            kernel.fill(pin, [(bytes(4), struct.pack("<Q", 7))])
            self.assertEqual([line["value"] for line in self.lines(pin)], [7])
            wire.command("bpftool", "map", "freeze", "pinned", str(pin))
            self.assertEqual([line["value"] for line in self.lines(pin)], [7])
            pin.unlink()

    def test_a_trie_of_keys_of_64_bytes_is_read_whole_in_several_batches(self):
        pin = self.make("type", "lpm_trie", "key", "68", "entries", "4000", "flags", "1")
        kernel.fill(pin, [(struct.pack("<I", 512) + number.to_bytes(64, "big"),
                           struct.pack("<Q", number)) for number in range(3000)])
        lines = self.lines(pin)
        self.assertEqual(len(lines), 3000)
        self.assertEqual(len({json.dumps(line["key"]) for line in lines}), 3000)


if __name__ == "__main__":
    harness.main()
