#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Values whose text depends on more than their bytes: interfaces, enums, wide integers, locks."""
import json
import shutil

import frames
import harness

LARGE = (1 << 53) + 1


class TypesTest(harness.Case):
    def setUp(self):
        super().setUp()
        self.load("t", "typed")
        self.path = harness.STORE / "monitors" / "t" / "g1" / "TYPED"

    def entry(self, *options):
        self.receive(*[frames.plain(60, ethertype=frames.IPV6)] * 2)
        found, = self.value(self.window("t", *options), "typed")
        return found

    def dump(self, *options):
        return json.loads(self.dynmon("dump", self.path, *options, "--format", "json",
                                      "--value-only").out)[0]

    def test_people_see_names(self):
        self.assertEqual(self.entry(), {
            "key": {"ifindex": "blue0", "nowhere": 4000000000, "proto": "IPv6", "size": "SMALL"},
            "value": {"lock": "bpf_spin_lock", "traits": "EVEN|SHORT|0x40", "packets": 2,
                      "large": LARGE}})

    def test_raw_has_the_numbers(self):
        self.assertEqual(self.entry("--raw"), {
            "key": {"ifindex": self.blue.ifindex("blue0"), "nowhere": 4000000000,
                    "proto": 0xdd86, "size": 1},
            "value": {"lock": None, "traits": 0x43, "packets": 2, "large": LARGE}})

    def test_wide_integers_are_strings_for_who_asks(self):
        for options in (), ("--raw",):
            value = self.entry("--u64", "string", *options)["value"]
            self.assertEqual((value["packets"], value["large"]), (str(value["packets"]), str(LARGE)))
        window = self.window("t", "--u64", "string", "--raw")["window"]
        self.assertIsInstance(window["from"], str)
        self.assertEqual(self.dump("--u64", "string")["value"]["large"], str(LARGE))
        self.refused(harness.USAGE, "read", "t", "--u64", "text")

    def test_a_dump_of_a_monitors_map_has_the_formats_of_its_metric(self):
        entry = self.entry()
        with self.blue.inside():
            self.assertEqual(self.dump(), entry)
            self.assertEqual(self.dump("--where", "ifindex == blue0 && size == SMALL && "
                                       "traits & EVEN && proto == IPv6"), entry)
            document = json.loads(self.dynmon("dump", "t/typed", "--format", "json",
                                              "--value-only").out)
        self.assertEqual(document, [entry])
        condition = "ifindex in (blue0, lo) && size != LARGE && traits == EVEN|SHORT|0x40"
        found = self.value(self.window("t", "--where", condition), "typed")
        self.assertEqual(found, [entry])

    def test_a_dump_names_the_interfaces_of_the_monitors_namespace_wherever_it_runs(self):
        self.entry()
        for namespace in (self.blue, self.red):
            with namespace.inside():
                self.assertEqual(self.dump()["key"]["ifindex"], "blue0")
        self.assertEqual(self.dump()["key"]["ifindex"], "blue0")
        self.assertEqual(self.dump("--raw")["key"]["ifindex"], self.blue.ifindex("blue0"))

    def test_a_renamed_interface_has_its_new_name(self):
        self.entry()
        self.blue.ip("link", "set", "blue0", "down")
        self.blue.ip("link", "set", "blue0", "name", "a\"b,c")
        self.blue.ip("link", "set", "a\"b,c", "up")
        found, = self.value(self.window("t"), "typed")
        self.assertEqual(found["key"]["ifindex"], "a\"b,c")
        rows = self.dynmon("read", "t", "--format", "csv").out.split("\r\n")
        self.assertEqual(rows[1].split(",", 9)[2], "blue0")  # as it was called when it was loaded
        self.assertEqual(rows[1].split(",", 9)[9],
                         "\"a\"\"b,c\",4000000000,IPv6,SMALL,EVEN|SHORT|0x40,2,"
                         f"{LARGE}")
        text = self.dynmon("read", "t", "--format", "openmetrics").out
        self.assertIn('interface="a\\"b,c",proto="IPv6"', text)

    def test_labels_and_tables_have_names_too(self):
        self.entry()
        self.assertIn('interface="blue0",proto="IPv6",size="SMALL"',
                      self.dynmon("read", "t", "--format", "openmetrics").out)
        lines = self.dynmon("read", "t").out.splitlines()
        row = next(line.split() for line in lines if "blue0" in line)
        self.assertEqual(row, ["blue0", "4000000000", "IPv6", "SMALL",
                               "EVEN|SHORT|0x40", "2", str(LARGE)])

    def test_an_enum_that_is_not_there_is_found_by_check(self):
        folder = self.folder / "typed"
        shutil.copytree(harness.probe("typed"), folder)
        manifest = folder / "probe.yaml"
        text = manifest.read_text().replace("enum:size", "enum:sise")
        manifest.write_text(text)
        line = text[:text.index("key.size")].count("\n") + 1
        result = self.dynmon("check", folder, code=harness.USAGE)
        self.assertIn(f"{line}:9", result.out + result.err)
        self.assertIn("no enum 'sise' in the BTF of the object", result.out + result.err)
        self.assertIn("did you mean 'enum:size'?", result.out + result.err)


if __name__ == "__main__":
    harness.main()
