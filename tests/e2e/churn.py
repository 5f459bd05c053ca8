# SPDX-License-Identifier: BSD-2-Clause
"""Maps without a monitor, and processes that change them while they are dumped."""
import contextlib
import ctypes
import json
import multiprocessing
import os
import struct
import subprocess

import harness
import kernel
from harness import BPFFS


def number(value):
    return struct.pack("<I", value)


class OpenMap:
    """A pinned map, for many calls."""

    def __init__(self, path, key_size, value_size):
        self.fd = kernel.open_pin(path)
        self.key = ctypes.create_string_buffer(max(key_size, 1))
        self.value = ctypes.create_string_buffer(value_size)
        pointer = ctypes.addressof(self.key) if key_size else 0
        self.to_key = struct.pack("<I4xQ", self.fd, pointer)
        self.to_value = struct.pack("<Q", ctypes.addressof(self.value))

    def put(self, key, value):
        self.key[:len(key)] = key
        self.value[:len(value)] = value
        kernel.bpf(kernel.MAP_UPDATE, self.to_key + self.to_value)

    def delete(self, key):
        self.key[:len(key)] = key
        with contextlib.suppress(FileNotFoundError):
            kernel.bpf(kernel.MAP_DELETE, self.to_key)


class ChurnCase(harness.Case):
    def make(self, kind, key_size, value_size, entries, flags=0, inner=0):
        """A pinned map of no monitor."""
        path = BPFFS / f"churn{kind}"
        with kernel.closing(kernel.make_map(kind, key_size, value_size, entries, flags,
                                            inner)) as fd:
            kernel.pin(fd, path)
        self.addCleanup(lambda: path.unlink(missing_ok=True))
        self.at_end.append(path.unlink)
        return path

    def open(self, *what):
        opened = OpenMap(*what)
        self.at_end.append(lambda: os.close(opened.fd))
        return opened

    @contextlib.contextmanager
    def churning(self, *bodies):
        """Each of `bodies` is called again and again, with a rising number, by a process of its
        own."""
        stopped = multiprocessing.Event()
        rounds = [multiprocessing.Value("Q", 0) for _ in bodies]

        def run(body, count):
            while not stopped.is_set():
                body(count.value)
                count.value += 1
        workers = [multiprocessing.Process(target=run, args=pair) for pair in zip(bodies, rounds)]
        for worker in workers:
            worker.start()
        try:
            self.eventually(lambda: all(count.value for count in rounds), "the writers write")
            yield rounds
        finally:
            stopped.set()
            for worker in workers:
                worker.join(10)
                if worker.exitcode is None:
                    worker.kill()
        self.assertEqual([worker.exitcode for worker in workers], [0] * len(workers))

    def dump(self, path, *words, before=()):
        """(entries, warnings, but for the one that nothing knows the types of these maps)"""
        done = subprocess.run([*before, str(harness.DYNMON), "dump", str(path), "--format", "json",
                               "--value-only", *words], capture_output=True, text=True, timeout=60,
                              env=harness.untraceable() if before else harness.environment(),
                              cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        said = [line for line in done.stderr.splitlines(True)
                if "the types of the map are not known" not in line]
        return json.loads(done.stdout), "".join(said)
