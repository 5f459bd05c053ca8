#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Parameters that decide how large a map is made, and of which type."""
import frames
import harness


class SizesTest(harness.Case):
    def send(self, *lengths):
        self.receive(*[frames.plain(length) for length in lengths])

    def maps(self):
        return {entry["name"]: (entry["type"], entry["max-entries"])
                for entry in self.status("s")["monitors"][0]["maps"]}

    def counts(self, document):
        return {entry["key"]: entry["value"] for entry in self.value(document, "by_length")}

    def test_without_a_word_the_defaults_of_the_manifest_hold(self):
        self.load("s", "sized")
        self.assertEqual(self.maps()["BY_LENGTH"], ("percpu_hash", 4))
        self.assertEqual(self.maps()["LENGTHS"], ("queue", 8))
        self.send(*range(60, 80))
        document = self.window("s")
        self.assertEqual(self.counts(document), {60: 1, 61: 1, 62: 1, 63: 1})
        self.assertEqual(self.value(document, "lengths"), list(range(60, 68)))

    def test_set_decides_type_and_size_on_both_sides_of_a_swap(self):
        for table in ("hash", "BPF_MAP_TYPE_LRU_HASH", "percpu_hash"):
            self.load("s", "sized", "--set", f"table={table}", "--set", "rows=100", "--set",
                      "columns=3")
            for _ in range(3):
                self.send(60, 60, *range(100, 140))
                document = self.window("s")
                self.assertEqual(self.counts(document),
                                 {60: 2, **dict.fromkeys(range(100, 140), 1)})
                self.assertEqual(len(self.value(document, "lengths")), 42)
            short = table.lower().removeprefix("bpf_map_type_")
            self.assertEqual(self.maps()["BY_LENGTH"], (short, 100))
            self.assertEqual(self.maps()["LENGTHS"], ("queue", 300))
            self.dynmon("unload", "s")

    def test_a_replace_keeps_maps_of_the_same_size_and_names_the_difference_otherwise(self):
        self.load("s", "sized", "--set", "rows=50")
        self.send(60)
        self.dynmon("replace", "s", "sized", "--set", "rows=50", "--keep-maps")
        self.send(60)
        self.assertEqual(self.counts(self.window("s")), {60: 2})
        for change, difference in (("rows=51", "max_entries is 50 and would be 51"),
                                   ("table=hash", "the map type differs")):
            more = [] if change.startswith("rows") else ["--set", "rows=50"]
            error = self.refused(harness.REJECTED, "replace", "s", "sized", "--set", change, *more,
                                 "--keep-maps")
            self.assertIn(f"map 'BY_LENGTH' cannot be kept: {difference}", error["message"])

    def test_what_no_map_can_be_is_refused_by_name(self):
        for change, message in (
                ("rows=0", "map 'BY_LENGTH': 'max-entries' becomes 0"),
                ("rows=4000000000", "map 'LENGTHS': 'max-entries' becomes too large"),
                ("table=queue", "map 'BY_LENGTH': 'queue' cannot stand for the type"),
                ("table=hsh", "'hsh' is not a type of map such as hash, percpu_hash or lru_hash"),
                ("columns=101", "'101' is above the maximum 100")):
            error = self.refused(harness.USAGE, "load", "s", "sized", "--dev", "blue0", "--netns",
                                 "blue", "--set", change)
            self.assertIn(message, error["message"])

    def test_check_names_the_line_of_a_map_that_is_not_there(self):
        folder = self.folder / "sized"
        folder.mkdir()
        (folder / "sized.bpf.o").write_bytes((harness.probe("sized") / "sized.bpf.o").read_bytes())
        text = (harness.probe("sized") / "probe.yaml").read_text()
        for old, new, message in (
                ("BY_LENGTH: {", "BY_LENGHT: {", "12:3: map 'BY_LENGHT': there is none in"),
                ("type: table", "type: rows", "parameter 'rows' is no enum bpf_map_type"),
                ("rows * columns * 1", "raws * 2", "parameter 'raws' has no value"),
                ("rows * columns * 1", "rows + 2", "13:26: 'max-entries' must be whole numbers and "
                                                   "parameters with * in between")):
            self.assertIn(old, text)
            (folder / "probe.yaml").write_text(text.replace(old, new))
            done = self.dynmon("check", folder, code=harness.USAGE)
            self.assertIn(message, done.out + done.err)


if __name__ == "__main__":
    harness.main()
