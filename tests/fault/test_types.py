#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Kernels without types of their own (BTF), files of types that are wrong, and probes that need what
the kernel does not have."""
import json
import pathlib
import struct
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

import frames
import harness
import wire

OWN = pathlib.Path("/sys/kernel/btf/vmlinux")


class TypesTest(harness.Case):
    @classmethod
    def setUpClass(cls):
        if not OWN.exists():
            raise AssertionError(f"no {OWN}: a kernel with BTF is needed to take it away")
        cls.types = OWN.read_bytes()
        text = wire.command("bpftool", "btf", "dump", "file", str(OWN))
        found = re.search(r"^\[\d+\] STRUCT 'sk_buff' size=(\d+) .*\n(?:\t.*\n)*?"
                          r"\t'len' type_id=\d+ bits_offset=(\d+)", text, re.M)
        cls.size, cls.offset = int(found[1]), int(found[2]) // 8

    def setUp(self):
        super().setUp()
        self.file = self.folder / "kernel.btf"
        self.file.write_bytes(self.types)

    def hide(self):
        """The kernel has no types of its own, as far as this test's mounts tell."""
        wire.command("mount", "-t", "tmpfs", "tmpfs", str(OWN.parent))
        self.addCleanup(wire.command, "umount", str(OWN.parent))
        for path in pathlib.Path("/boot").glob("vmlinux*"):
            raise AssertionError(f"{path} would be taken instead")

    def found(self):
        self.receive(frames.plain(60))
        return self.value(self.read("c")[-1], "found")

    def refused_check(self, code, probe, *options):
        return self.refused(code, "check", "--kernel", probe, *options)

    # The types are there, or given

    def test_what_is_found_is_what_the_kernel_has(self):
        self.load("c", "core")
        self.assertEqual(self.found(), [self.offset, self.size, 0])

    def test_without_its_own_types_a_file_of_them_does(self):
        self.hide()
        error = self.refused(harness.UNSUPPORTED, "load", "c", "core", "--dev", "blue0", "--netns",
                             "blue")
        self.assertIn("load 'core': this kernel does not carry its types (BTF)", error["message"])
        self.assertIn("--btf FILE", error["hint"])
        self.assert_nothing_left()
        self.load("c", "core", "--btf", self.file)
        self.assertEqual(self.found(), [self.offset, self.size, 0])
        self.dynmon("replace", "c", "core", "--btf", self.file)
        self.assertEqual(self.found(), [self.offset, self.size, 0])

    def test_doctor_says_that_a_file_is_needed(self):
        self.assertEqual(self.dynmon("--json", "doctor").json()["problems"], [])
        self.hide()
        document = self.dynmon("--json", "doctor").json()
        self.assertFalse(document["features"]["btf"])
        problem, = document["problems"]
        self.assertIn("/sys/kernel/btf/vmlinux", problem["problem"])
        self.assertIn("--btf FILE", problem["remedy"])

    def test_a_probe_that_needs_no_types_loads_without_any(self):
        self.hide()
        self.load("p", "packets")
        self.receive(*[frames.plain(60)] * 3)
        self.assertEqual(self.packets("p"), 3)

    def test_the_little_that_the_makefile_keeps_is_enough(self):
        subprocess.run(["make", "-f", harness.SOURCE / "Makefile.bpf",
                        f"PROBES={self.own_probe('core')}", f"BUILD={self.folder / 'out'}",
                        f"BTF={self.file}", "min-btf"], check=True, capture_output=True)
        little = self.folder / "out" / "btf" / "kernel.btf"
        self.assertLess(little.stat().st_size, 1000)
        self.hide()
        self.load("c", "core", "--btf", little)
        self.assertEqual(self.found()[0], self.offset)

    def own_probe(self, name):
        """A folder with the source of one test probe in it."""
        folder = self.folder / "probes"
        wire.command("mkdir", "-p", str(folder))
        wire.command("cp", "-r", str(harness.SOURCE / "tests/e2e/probes" / name), str(folder))
        return folder

    # The file is wrong

    def test_a_file_that_is_wrong_is_refused_by_name_with_what_is_wrong(self):
        header, size = self.types[:24], len(self.types)
        for content, message in (
                (b"", "it holds no BTF"),
                (b"no types at all, but a text of some length", "it holds no BTF"),
                (self.types[:2], "cut off: it has 2 bytes, its header alone 24"),
                (header, f"cut off: it has 24 of {size} bytes"),
                (self.types[:size // 2], f"cut off: it has {size // 2} of {size} bytes"),
                (self.types[:-1], f"cut off: it has {size - 1} of {size} bytes"),
                (self.types[1::-1] + self.types[2:], "it is of a machine with the other byte order"),
                (header[:12] + bytes(12), "damaged BTF"),
                (header + b"\xff" * (size - 24), "damaged BTF")):
            self.file.write_bytes(content)
            for probe in ("core", "packets"):  # also where no type is needed
                error = self.refused_check(harness.USAGE, probe, "--btf", self.file)
                self.assertIn(f"--btf {self.file}: {message}", error["message"])
                if "damaged" not in message:
                    self.assertIn("/sys/kernel/btf/vmlinux", error["hint"])

    def test_a_file_that_is_not_there_or_no_file_is_refused(self):
        for path, message in ((self.folder / "absent", "absent: no such file or directory (ENOENT)"),
                              (self.folder, "is a directory"), ("/dev/zero", "is a device")):
            error = self.refused_check(harness.USAGE, "core", "--btf", path)
            self.assertIn(message, error["message"])

    def test_types_of_something_else_lack_what_the_probe_needs(self):
        a_single_int = struct.pack("<IIII", 1, 1 << 24, 4, 32)
        names = b"\0int\0"
        self.file.write_bytes(self.types[:8] + struct.pack("<4I", 0, len(a_single_int),
                                                           len(a_single_int), len(names))
                              + a_single_int + names)
        error = self.refused_check(harness.UNSUPPORTED, "core", "--btf", self.file)
        self.assertIn("the kernel's types have no 'struct sk_buff", error["message"])
        self.assertIn("'core' needs", error["message"])
        self.assertIn("--btf", error["hint"])

    def test_a_kernel_whose_type_lacks_the_field_is_told_with_both_names(self):
        other = self.types.replace(b"\0len\0", b"\0lex\0")
        self.assertNotEqual(other, self.types)
        self.file.write_bytes(other)
        error = self.refused_check(harness.UNSUPPORTED, "core", "--btf", self.file)
        self.assertIn("the kernel's types have no 'struct sk_buff.len', which 'core' needs",
                      error["message"])

    # The kernel lacks it

    def test_a_field_that_no_kernel_has_is_named(self):
        error = self.refused(harness.UNSUPPORTED, "load", "c", "core_absent", "--dev", "blue0",
                             "--netns", "blue")
        self.assertIn("no 'struct sk_buff___absent.dynmon_absent', which 'core_absent' needs",
                      error["message"])
        self.assertIn("bpf_core_field_exists()", error["hint"])
        self.assert_nothing_left()

    def test_types_of_modules_that_may_not_be_read_do_not_matter(self):
        # A type that the kernel itself does not have is looked for in its modules, by their ids.
        done = subprocess.run(
            ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin", harness.DYNMON,
             "--json", "check", "--kernel", "core"], capture_output=True, cwd=self.folder,
            env=harness.environment())
        self.assertEqual((done.returncode, done.stderr), (harness.OK, b""))
        self.assertTrue(json.loads(done.stdout)["ok"])


if __name__ == "__main__":
    harness.main()
