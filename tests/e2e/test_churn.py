#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Maps that change while they are read: what stays is read, once; a warning says when an
entry may be read a second time or missed."""
import collections
import ctypes
import json
import re
import struct
import threading

import numpy

import harness
import kernel
from churn import ChurnCase, number

HASH, PERCPU_HASH, LRU_HASH, LRU_PERCPU_HASH, LPM_TRIE, HASH_OF_MAPS, QUEUE = (
    1, 5, 9, 10, 11, 13, 22)
NO_PREALLOC, NO_COMMON_LRU, ZERO_SEED = 1, 2, 64
STABLE, CHURNING, DUMPS = 1000, 400, 15


class StableKeysTest(ChurnCase):
    """A thousand keys stay while two processes put and delete others."""

    def churn(self, path, key_of, value_size, count=CHURNING):
        """Bodies of the two writers."""
        def body(first):
            opened = self.open(path, len(key_of(0)), value_size)

            def write(_):
                for key in range(first, first + count):
                    opened.put(key_of(key), bytes(value_size))
                for key in range(first, first + count):
                    opened.delete(key_of(key))
            return write
        return body(10_000), body(20_000)

    def fill(self, path, key_of, value_size, count=STABLE):
        kernel.fill(path, ((key_of(key), bytes([1]) * value_size) for key in range(count)))

    def check(self, kind, *, flags=0, entries=8192, key_of=number, name_of=lambda key: key,
              cpus=1, before=(), said=None, dumps=DUMPS):
        path = self.make(kind, len(key_of(0)), 8, entries, flags)
        self.fill(path, key_of, 8 * cpus)
        stable = {name_of(key) for key in range(STABLE)}
        moved = 0
        with self.churning(*self.churn(path, key_of, 8 * cpus)):
            for number_of_dump in range(dumps):
                jobs = ("--read-ahead", str(1 + number_of_dump % 2))
                found, error = self.dump(path, *jobs, before=before)
                keys = collections.Counter(entry["key"] for entry in found)
                self.assertEqual(stable - set(keys), set(), "stable keys were missed")
                twice = [key for key, times in keys.items() if times > 1 and key in stable]
                self.assertEqual(twice, [], "stable keys came twice")
                moved += len(set(keys) - stable)
                if said:
                    self.assertRegex(error, said)
                else:
                    self.assertEqual(error, "")
        self.assertGreater(moved, 0, "nothing changed while the map was read")

    def test_hash(self):
        self.check(HASH)

    def test_hash_without_preallocation(self):
        self.check(HASH, flags=NO_PREALLOC)

    def test_hash_of_each_cpu(self):
        self.check(PERCPU_HASH, cpus=kernel.possible_cpus())

    def test_lru(self):
        self.check(LRU_HASH)

    def test_lru_of_each_cpu(self):
        self.check(LRU_PERCPU_HASH, cpus=kernel.possible_cpus())

    def test_trie_is_read_key_by_key_which_is_said(self):
        self.check(LPM_TRIE, flags=NO_PREALLOC,
                   key_of=lambda key: struct.pack("<I", 32) + struct.pack(">I", key),
                   name_of=lambda key: f"0.0.{key >> 8}.{key & 255}/32",
                   said="read key by key; entries that change meanwhile may be missed")

    def test_without_batches_no_key_comes_twice_and_it_is_said(self):
        """The kernel refuses the first batch: from there on keys are asked for one by one. In a map
        of a monitor, whose types are known: no call depends on what else is on the machine."""
        self.load("t", "tally")
        path = harness.STORE / "monitors" / "t" / "g1" / "TALLY"
        self.fill(path, number, 8, 30)
        log = self.folder / "trace"
        self.dump(path, before=("strace", "-o", str(log), "-e", "trace=bpf"))
        calls = re.findall(r"^bpf\((\w+)", log.read_text(), re.MULTILINE)
        first = calls.index("BPF_MAP_LOOKUP_BATCH") + 1
        before = ("strace", "-qq", "-o", "/dev/null", "-e", "trace=bpf", "-e",
                  f"inject=bpf:error=EINVAL:when={first}")
        said = "read key by key; entries that change meanwhile may be missed"
        entries, error = self.dump(path, before=before)
        self.assertEqual(sorted(entry["key"] for entry in entries), list(range(30)))
        self.assertIn(said, error)
        moved = 0
        with self.churning(*self.churn(path, number, 8, 10)):
            for _ in range(DUMPS):
                entries, error = self.dump(path, before=before)
                self.assertIn(said, error)
                keys = collections.Counter(entry["key"] for entry in entries)
                self.assertEqual([key for key, times in keys.items() if times > 1], [])
                moved += len(set(keys) - set(range(30)))
        self.assertGreater(moved, 0)


def jhash_of_word(words):
    """The kernel's jhash2() of single words, with a seed of zero."""
    mask = numpy.uint64(0xFFFFFFFF)
    start = (0xdeadbeef + (1 << 2)) & 0xFFFFFFFF
    a, b, c = (words + numpy.uint64(start)) & mask, *(numpy.full_like(words, start),) * 2

    def rotated(value, bits):
        return (value << numpy.uint64(bits) | value >> numpy.uint64(32 - bits)) & mask
    for target, source, bits in (("c", "b", 14), ("a", "c", 11), ("b", "a", 25), ("c", "b", 16),
                                 ("a", "c", 4), ("b", "a", 14), ("c", "b", 24)):
        values = {"a": a, "b": b, "c": c}
        values[target] = (values[target] ^ values[source]) - rotated(values[source], bits) & mask
        a, b, c = values["a"], values["b"], values["c"]
    return c


class FullBucketTest(ChurnCase):
    def test_a_bucket_that_is_larger_than_a_batch_is_read_whole(self):
        entries, buckets = 2000, 2048
        words = numpy.arange(1 << 22, dtype=numpy.uint64)
        keys = words[jhash_of_word(words) % numpy.uint64(buckets) == 5][:1500]
        self.assertEqual(len(keys), 1500)
        path = self.make(HASH, 4, 8, entries, ZERO_SEED)
        kernel.fill(path, ((number(int(key)), bytes(8)) for key in keys))
        log = self.folder / "trace"
        for jobs in ("1", "2"):
            found, error = self.dump(path, "--read-ahead", jobs, before=("strace", "-f", "-o", str(log),
                                                                   "-e", "trace=bpf"))
            self.assertEqual(error, "")
            self.assertEqual(sorted(entry["key"] for entry in found), sorted(map(int, keys)))
            refused = re.findall(r"BPF_MAP_LOOKUP_BATCH.*ENOSPC", log.read_text())
            self.assertTrue(refused, "no bucket was too large: nothing was tested")


class EvictionTest(ChurnCase):
    def check(self, flags):
        path = self.make(LRU_HASH, 4, 8, 512, flags)
        opened = self.open(path, 4, 8)

        def insert(number_of_call):
            for key in range(number_of_call * 100, number_of_call * 100 + 100):
                opened.put(number(key & 0xFFFFFFFF), bytes(8))
        with self.churning(insert) as rounds:
            self.eventually(lambda: rounds[0].value > 100, "the map is full")
            for _ in range(DUMPS):
                found, error = self.dump(path)
                self.assertEqual(error, "")
                keys = [entry["key"] for entry in found]
                self.assertEqual(len(keys), len(set(keys)))
                self.assertTrue(keys)  # more than there is room for, if they come behind the reader
        found, _ = self.dump(path)
        self.assertTrue(0 < len(found) <= 512, len(found))
        shown = json.loads(self.dynmon("dump", path, "--format", "json").out)
        self.assertEqual(self.metric(shown, shown["ingress-metrics"][0]["name"])["type"],
                         "lru_hash")

    def test_entries_that_are_evicted_meanwhile_are_no_error(self):
        self.check(0)

    def test_nor_in_lists_of_each_cpu(self):
        self.check(NO_COMMON_LRU)


class QueueTest(ChurnCase):
    def test_two_readers_share_out_what_a_writer_pushes(self):
        path = self.make(QUEUE, 0, 8, 500)
        opened, pushed, total = self.open(path, 0, 8), [0], 4000
        taken, failures = [], []
        ended = threading.Event()

        def push():
            while pushed[0] < total:
                try:
                    opened.put(b"", struct.pack("<Q", pushed[0]))
                    pushed[0] += 1
                except OSError:  # full
                    ended.wait(0.001)
            ended.set()

        def pop():
            while True:
                over = ended.is_set()
                try:
                    found, _ = self.dump(path, "--pop")
                except AssertionError as error:
                    failures.append(error)
                    return
                taken.extend(found)
                if over and not found:
                    return
        threads = [threading.Thread(target=body) for body in (push, pop, pop)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        self.assertEqual((failures, pushed[0]), ([], total))
        self.assertEqual(sorted(taken), list(range(total)))
        self.assertEqual(self.dump(path, "--pop")[0], [])


class InnerMapTest(ChurnCase):
    def test_inner_maps_that_are_replaced_and_freed_meanwhile_are_whole_or_absent(self):
        def inner(generation):
            fd = kernel.make_map(HASH, 4, 4, 64)
            key, value = ctypes.create_string_buffer(4), ctypes.create_string_buffer(4)
            words = struct.pack("<I4xQQQ", fd, ctypes.addressof(key), ctypes.addressof(value), 0)
            for entry in range(50):
                key.raw, value.raw = number(entry), number(generation)
                kernel.bpf(kernel.MAP_UPDATE, words)
            return fd
        with kernel.closing(inner(0)) as template:
            path = self.make(HASH_OF_MAPS, 4, 4, 16, 0, template)
        outer = self.open(path, 4, 4)

        def replace(generation):
            for slot in range(8):
                with kernel.closing(inner(generation & 0x7FFFFFFF)) as fd:
                    outer.put(number(slot), number(fd))
                if (slot + generation) % 5 == 0:
                    outer.delete(number(slot))
        seen = set()

        def look():
            maps = collections.defaultdict(list)
            for entry in self.dump(path)[0]:
                if isinstance(entry["key"], dict):  # else there was none at that moment
                    maps[entry["key"]["outer"], entry["key"]["map_id"]].append(entry)
            for slot, entries in maps.items():
                self.assertEqual(sorted(entry["key"]["key"] for entry in entries),
                                 list(range(50)), slot)
                self.assertEqual(len({entry["value"] for entry in entries}), 1, slot)
                seen.add(slot[1])
            return len(seen) > 16
        with self.churning(replace):
            self.eventually(look, "each inner map was replaced", seconds=30)


if __name__ == "__main__":
    harness.main()
