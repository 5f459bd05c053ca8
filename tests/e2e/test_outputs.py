#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Every output, read by a parser that is not ours, says what is in the map: nothing more, nothing
less, and nothing that another reader would refuse."""
import contextlib
import copy
import csv
import io
import ipaddress
import json
import math
import os
import re
import shutil
import struct
import subprocess
import zipfile

import numpy
from prometheus_client.openmetrics.parser import text_string_to_metric_families

import frames
import harness
import kernel
import nasty
import published
import wire
from harness import BPFFS, STORE
from nasty import ENTRIES
from published import strict

def real(value):
    return value if math.isfinite(value) else None


def bits(layout, value):
    """What --raw shows: the number, or all its bits where JSON has no number for it."""
    return value if math.isfinite(value) else "0x" + struct.pack(layout, value)[::-1].hex()


def single(value):
    """The value that a float of 4 bytes has."""
    return struct.unpack("<f", struct.pack("<f", value))[0]


class OutputCase(harness.Case):
    def load_nasty(self):
        self.load("n", "nasty")
        for entry in ENTRIES:
            kernel.update(self.pin("NASTY"), entry.key(), entry.value())

    def pin(self, name):
        return STORE / "monitors" / "n" / "g1" / name

    def read_out(self, *words):
        return self.dynmon("read", "n", *words).out

    def binary(self, *words):
        """Standard output as bytes."""
        path = self.folder / "binary"
        with open(path, "wb") as out:
            self.dynmon(*words, stdout=out)
        return path.read_bytes()

    def array(self, *words):
        return numpy.load(io.BytesIO(self.binary(*words, "--format", "npy")), allow_pickle=False)

    def archive(self, *words):
        data = self.binary(*words, "--format", "npz")
        self.assertIsNone(zipfile.ZipFile(io.BytesIO(data)).testzip())
        return numpy.load(io.BytesIO(data), allow_pickle=False)


class NastyTest(OutputCase):
    def setUp(self):
        super().setUp()
        self.load_nasty()

    # What JSON has to say of an entry

    def raw(self, entry):
        value = {"most": entry.most, "least": entry.least, "low": entry.low, "small": entry.small,
                 "wide": entry.wide, "flag": entry.flag, "level": entry.level, "huge": entry.huge,
                 "real": bits("<d", entry.real), "half": bits("<f", single(entry.half)),
                 "order": int.from_bytes(entry.order.to_bytes(4, "big"), "little"),
                 "text": nasty.exact(nasty.padded(entry.text, 12)), "bytes": list(entry.data),
                 "mac": {"bytes": list(entry.mac)},
                 "ip6": {"bytes": list(ipaddress.ip_address(entry.ip6).packed)},
                 "when": entry.when, "list": list(entry.numbers),
                 "grid": [list(entry.grid[:2]), list(entry.grid[2:])],
                 "points": [{"x": x, "seen": seen} for x, seen in entry.points],
                 "word": entry.word, "shorts": [entry.word & 0xffff, entry.word >> 16],
                 "lock": None, "pointer": entry.pointer}
        key = {"addr": int.from_bytes(ipaddress.ip_address(entry.addr).packed, "little"),
               "port": int.from_bytes(entry.port.to_bytes(2, "big"), "little"),
               "name": nasty.exact(nasty.padded(entry.name, 10))}
        return {"key": key, "value": value}

    def people(self, entry):
        both = copy.deepcopy(self.raw(entry))
        both["key"].update(addr=entry.addr, port=entry.port, name=nasty.shown(entry.name))
        both["value"].update(
            flag=bool(entry.flag), level=nasty.LEVELS.get(entry.level, entry.level),
            order=entry.order, text=nasty.shown(entry.text), bytes=entry.data.hex(),
            mac=entry.mac.hex(":"), ip6=both["value"]["ip6"], when=both["value"]["when"],
            pointer=f"0x{entry.pointer:x}", lock="bpf_spin_lock",
            real=real(entry.real), half=real(single(entry.half)))
        return both

    def by_least(self, entries):
        return {entry["value"]["least"]: entry for entry in entries}

    def assert_entries(self, found, expected):
        found, expected = self.by_least(found), self.by_least(expected)
        self.assertEqual(set(found), set(expected))
        for least, entry in expected.items():
            if isinstance(half := found[least]["value"]["half"], (float, int)):
                found[least]["value"]["half"] = single(half)  # as short as a float reads it back
            self.assertEqual(json.loads(json.dumps(found[least], sort_keys=True), parse_float=str),
                             json.loads(json.dumps(entry, sort_keys=True), parse_float=str))

    def test_json_raw_has_every_bit(self):
        expected = [self.raw(entry) for entry in ENTRIES]
        document = strict(self.read_out("nasty", "--format", "json", "--raw"))
        self.assert_entries(self.value(document, "nasty"), expected)
        dumped = strict(self.dynmon("dump", self.pin("NASTY"), "--format", "json", "--raw",
                                    "--value-only").out)
        self.assert_entries(dumped, expected)

    def test_json_as_people_write_it(self):
        def without_address(entry):  # the way addresses and times are written has tests of its own
            entry = copy.deepcopy(entry)
            self.assertIsNotNone(entry["value"].pop("ip6"))
            entry["value"].pop("when")
            return entry

        found = self.value(strict(self.read_out("nasty", "--format", "json")), "nasty")
        texts = {ipaddress.ip_address(entry["value"]["ip6"]) for entry in found}
        self.assertEqual(texts, {ipaddress.ip_address(entry.ip6) for entry in ENTRIES})
        self.assert_entries([without_address(entry) for entry in found],
                            [without_address(self.people(entry)) for entry in ENTRIES])

    def test_json_lines_are_the_entries_of_the_array(self):
        for style in ((), ("--raw",)):
            array = strict(self.read_out("--format", "json", *style))
            lines = [strict(line) for line in
                     self.read_out("--format", "jsonl", *style).splitlines()]
            for line in lines:
                self.assertEqual(line["sequence"], array["window"]["sequence"] + 1)
                self.assertEqual(line["direction"], "ingress")
            entries = [{"key": line["key"], "value": line["value"]} for line in lines
                       if line["metric"] == "nasty"]
            self.assertEqual(entries, self.value(array, "nasty"))
            self.assertEqual(len(entries), len(ENTRIES))
            apart = [(line["key"], line["value"]) for line in lines if line["metric"] == "apart"]
            self.assertEqual(apart, list(enumerate(self.value(array, "apart"))))
            self.assertEqual([line for line in lines if line["metric"] == "empty"], [])

    def test_json_lines_of_a_dump_and_of_values_only_have_key_and_value(self):
        array = strict(self.dynmon("dump", self.pin("NASTY"), "--format", "json",
                                   "--value-only").out)
        for words in (("dump", self.pin("NASTY")), ("read", "n", "nasty", "--value-only")):
            lines = self.dynmon(*words, "--format", "jsonl").out.splitlines()
            self.assertEqual([strict(line) for line in lines], array)

    def test_csv_is_read_by_pythons_reader(self):
        for style, make in (((), self.people), (("--raw",), self.raw)):
            text = self.read_out("nasty", "--format", "csv", *style)
            rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
            self.assertEqual({len(row) for row in rows}, {len(rows[0])})
            self.assertEqual(len(rows), 1 + len(ENTRIES))
            found = {int(row["value.least"]): row
                     for row in (dict(zip(rows[0], row)) for row in rows[1:])}
            for entry in ENTRIES:
                row, expected = found[entry.least], make(entry)
                self.assertEqual(row["key.name"], expected["key"]["name"])
                self.assertEqual(row["value.text"], expected["value"]["text"])
                for name in ("most", "huge", "low", "small", "wide", "word"):
                    self.assertEqual(int(row[f"value.{name}"]), expected["value"][name], name)
                self.assertEqual([int(row[f"value.list[{i}]"]) for i in range(3)],
                                 list(entry.numbers))
                self.assertEqual(struct.pack("<d", float(row["value.real"])),
                                 struct.pack("<d", entry.real))
                self.assertEqual(row["value.bytes"], entry.data.hex())
                self.assertNotIn("value.lock", row)  # a column of one word would say nothing

    def test_tsv_has_the_cells_of_csv_once_its_escapes_are_undone(self):
        meant = {"\\t": "\t", "\\n": "\n", "\\r": "\r", "\\\\": "\\"}
        for style in ((), ("--raw",)):
            words = ("dump", self.pin("NASTY"), *style, "--format")
            expected = list(csv.reader(io.StringIO(self.dynmon(*words, "csv").out, newline=""),
                                       strict=True))
            rows = list(csv.reader(io.StringIO(self.dynmon(*words, "tsv").out, newline=""),
                                   delimiter="\t", quoting=csv.QUOTE_NONE, strict=True))
            self.assertEqual(len(rows), 1 + len(ENTRIES))
            found = [[re.sub(r"\\.", lambda escape: meant[escape[0]], cell) for cell in row]
                     for row in rows]
            self.assertEqual(found, expected)
            escapes = re.findall(r"\\.", "".join(cell for row in rows for cell in row))
            self.assertEqual(set(escapes), set(meant))

    def test_a_table_has_one_line_a_row_whatever_the_texts_are(self):
        lines = self.read_out("nasty", "--sort", "least").split("\n")
        self.assertEqual(len(lines), 2 + 2 + len(ENTRIES) + 1)
        self.assertEqual(lines[-1], "")
        for line in lines:
            self.assertNotRegex(line, "[\0-\x1f\x7f]")
        names = list(re.finditer(r"\S+", lines[3]))
        least = next(name for name in names if name[0] == "least")
        # Numbers stand on the right of their column.
        found = [int(line[:least.end()].split()[-1]) for line in lines[4:-1]]
        self.assertEqual(found, sorted(entry.least for entry in ENTRIES))

    def test_a_table_splits_where_its_columns_begin(self):
        lines = self.read_out("apart").split("\n")[3:-1]
        ends = [name.end() for name in re.finditer(r"\S+", lines[0])]
        cells = [[line[start:end].strip() for start, end in zip([0, *ends], ends)]
                 for line in lines]
        self.assertEqual(cells[0], ["key", "cpu", "value"])
        self.assertEqual(len(cells), 1 + 3 * (len(cells) // 3))
        self.assertEqual([row[0] for row in cells[1:]], sorted(row[0] for row in cells[1:]))
        self.assertEqual({row[2] for row in cells[1:]}, {"0"})

    # NumPy

    def assert_records(self, array, raw=False):
        self.assertEqual(len(array), len(ENTRIES))
        found = {int(record["value.least"]): record for record in array}
        for entry in ENTRIES:
            record = found[entry.least]
            numbers = {"key.port": entry.port, "value.most": entry.most, "value.low": entry.low,
                       "value.small": entry.small, "value.wide": entry.wide,
                       "value.flag": bool(entry.flag), "value.level": entry.level,
                       "value.order": entry.order, "value.when": entry.when,
                       "value.word": entry.word, "value.pointer": entry.pointer,
                       "value.points[1].x": entry.points[1][0],
                       "value.points[0].seen": entry.points[0][1]}
            self.assertEqual({name: record[name].item() for name in numbers}, numbers)
            addresses = {"key.addr": str(ipaddress.ip_address(entry.addr)),
                         "value.mac": entry.mac.hex(":")}
            lists = {"value.huge": list((entry.huge % 2**128).to_bytes(16, "little")),
                     "value.bytes": list(entry.data), "value.list": list(entry.numbers),
                     "value.grid": [list(entry.grid[:2]), list(entry.grid[2:])],
                     "value.shorts": [entry.word & 0xffff, entry.word >> 16]}
            if raw:
                addresses = {}
                lists.update({"key.addr": list(ipaddress.ip_address(entry.addr).packed),
                              "value.mac": list(entry.mac),
                              "value.ip6": list(ipaddress.ip_address(entry.ip6).packed)})
            else:
                self.assertEqual(ipaddress.ip_address(record["value.ip6"]),
                                 ipaddress.ip_address(entry.ip6))
            self.assertEqual({name: str(record[name]) for name in addresses}, addresses)
            self.assertEqual({name: record[name].tolist() for name in lists}, lists)
            self.assertEqual(record["key.name"], entry.name)
            self.assertEqual(record["value.text"], entry.text)
            self.assertEqual(record["value.real"].tobytes(), struct.pack("<d", entry.real))
            self.assertEqual(record["value.half"].tobytes(), struct.pack("<f", entry.half))

    def test_npy_has_typed_fields(self):
        types = {name: str(kind) for name, (kind, _) in
                 self.array("dump", self.pin("NASTY")).dtype.fields.items()}
        self.assertEqual(types["key.addr"], "<U15")
        self.assertEqual(types["value.ip6"], "<U39")
        self.assertEqual(types["value.mac"], "<U17")
        self.assertEqual(types["key.port"], "uint16")
        self.assertEqual(types["key.name"], "|S10")
        self.assertEqual(types["value.small"], "int8")
        self.assertEqual(types["value.wide"], "uint64")
        self.assertEqual(types["value.flag"], "bool")
        self.assertEqual(types["value.half"], "float32")
        self.assertEqual(types["value.grid"], "('i1', (2, 2))")
        self.assertNotIn("value.lock", types)

    def test_npy_has_every_value(self):
        self.assert_records(self.array("dump", self.pin("NASTY")))
        self.assert_records(self.array("read", "n", "nasty"))
        self.assert_records(self.archive("read", "n")["ingress/nasty"])
        self.assert_records(self.archive("read", "n", "--raw")["ingress/nasty"], raw=True)

    def test_each_field_of_a_flow_is_a_column_of_plain_values_as_pandas_takes_them(self):
        self.load("f", "flows")
        self.receive(frames.ipv4(frames.udp(1000, 53), frames.UDP))
        flows = self.archive("read", "f")["ingress/flows"]
        for name, (kind, *_) in flows.dtype.fields.items():
            self.assertEqual((kind.shape, kind.names), ((), None), name)
            self.assertIn(kind.kind, "uibfSU", name)
            self.assertEqual(flows[name].ndim, 1, name)
        self.assertEqual(flows["key.saddr"].tolist(), ["10.0.0.1"])
        self.assertEqual(len(flows[flows["key.daddr"] == "10.0.0.2"]), 1)
        with contextlib.suppress(ImportError):
            import pandas
            self.assertEqual(pandas.DataFrame(flows)["key.saddr"].tolist(), ["10.0.0.1"])

    def test_of_an_empty_map_npy_has_the_columns(self):
        full, empty = (self.array("read", "n", name) for name in ("nasty", "empty"))
        self.assertEqual((empty.shape, empty.dtype), ((0,), full.dtype))

    def test_npz_has_all_metrics_and_their_window(self):
        archive = self.archive("read", "n")
        self.assertEqual(archive.files, ["window", "ingress/nasty", "ingress/empty",
                                         "ingress/apart", "ingress/lengths", "ingress/steps"])
        window, = archive["window"]
        self.assertEqual((window["sequence"], window["generation"]), (1, 1))
        self.assertLess(window["from_ns"], window["to_ns"])
        cpus = len(archive["ingress/apart"]) // 3
        self.assertEqual(archive["ingress/apart"]["cpu"].tolist(), list(range(cpus)) * 3)

    def test_npz_has_room_for_a_window_that_nobody_read_and_npy_has_not(self):
        self.receive(frames.plain(60))
        self.replace("n", "nasty")
        self.receive(frames.plain(60), frames.plain(60))
        error = self.refused_plainly("read", "n", "lengths", "--format", "npy")
        self.assertIn("an earlier window has not been read", error)
        archive = self.archive("read", "n", "lengths")
        totals = [archive[name]["value.total"].tolist()
                  for name in archive.files if name.startswith("ingress/lengths")]
        self.assertEqual(sorted(totals), sorted([[60], [120]] + [[0]] * (len(totals) - 2)))
        self.assertIn("ingress/lengths.2", archive.files)
        self.assertEqual(self.array("read", "n", "lengths")["value.total"].tolist(), [0])

    def test_what_cannot_be_npy_is_refused_before_anything_is_taken(self):
        self.receive(frames.plain(60))
        cases = [(("--format", "npy"), "npy is one array, and these are 5 metrics"),
                 (("--format", "npz", "--interval", "1s"), "--interval makes several files")]
        for words, message in cases:
            error = self.refused_plainly("read", "n", *words)
            self.assertIn(message, error)
        primary, secondary = os.openpty()
        error = self.refused_plainly("read", "n", "--format", "npz", stdout=secondary)
        os.close(primary)
        os.close(secondary)
        self.assertIn("npz is not for a terminal", error)
        self.assertEqual(self.value(self.window("n"), "lengths")[0]["total"], 60)

    def refused_plainly(self, *words, **options):
        return self.dynmon(*words, code=harness.USAGE, **options).err

    def test_a_dump_larger_than_what_is_kept_in_memory(self):
        path = BPFFS / "large"
        count = 20_000
        wire.command("bpftool", "map", "create", str(path), "type", "array", "key", "4", "value",
                     "128", "entries", str(count), "name", "large")
        self.at_end.append(path.unlink)
        for index in (0, 9_999, count - 1):
            kernel.update(path, struct.pack("<I", index), bytes([index % 251]) * 128)
        array = self.array("dump", path)
        self.assertEqual(array["key"].tolist(), list(range(count)))
        sums = array["value"].sum(axis=1, dtype=numpy.uint64)
        self.assertEqual({int(i): int(sums[i]) for i in sums.nonzero()[0]},
                         {i: i % 251 * 128 for i in (9_999, count - 1)})
        empty = self.folder / "no-such-folder"
        result = subprocess.run([str(harness.DYNMON), "dump", str(path), "--format", "npy"],
                                capture_output=True, env=harness.environment(TMPDIR=str(empty)))
        self.assertEqual((result.returncode, result.stdout), (harness.FAILED, b""))
        self.assertIn(b"make a temporary file", result.stderr)


class HistogramTest(OutputCase):
    def setUp(self):
        super().setUp()
        self.load("n", "nasty")

    def families(self, *options):
        text = self.read_out("--format", "openmetrics", *options)
        self.promtool(text)
        return {family.name: family for family in text_string_to_metric_families(text)}

    def buckets(self, family):
        return [(float(sample.labels["le"]), sample.value) for sample in family.samples
                if sample.name.endswith("_bucket")]

    def expected(self, bounds, lengths):
        return [(bound, sum(length <= bound for length in lengths)) for bound in bounds]

    def test_buckets_are_exact_and_go_on_over_windows_and_replaces(self):
        by_power = [2.0**i - 1 for i in range(1, 12)] + [math.inf]
        by_step = [0.099, 0.199, 0.299, math.inf]
        seen, sizes = [], ([60, 63, 64, 127, 128], [], [255, 256, 1023, 1024], [299, 300])
        for number, lengths in enumerate(sizes):
            self.receive(*[frames.plain(length) for length in lengths])
            seen += lengths
            if number == 2:
                self.replace("n", "nasty", "--keep-maps")
            families = self.families()
            family = families["frame_bytes"]
            self.assertEqual((family.type, family.unit), ("histogram", "bytes"))
            self.assertEqual(self.buckets(family), self.expected(by_power, seen))
            rest = {sample.name: sample.value for sample in family.samples
                    if "le" not in sample.labels}
            self.assertEqual(rest, {"frame_bytes_count": len(seen), "frame_bytes_sum": sum(seen)})
            steps = families["frame_kilobytes"]
            self.assertEqual(self.buckets(steps),
                             self.expected(by_step, [length / 1000 for length in seen]))
            self.assertEqual({sample.name for sample in steps.samples}, {"frame_kilobytes_bucket"})
        peeked = self.families("--peek")
        self.assertEqual(self.buckets(peeked["frame_bytes"]), self.expected(by_power, seen))

    def test_totals_of_other_buckets_are_not_mixed_in(self):
        self.receive(frames.plain(60), frames.plain(1000))
        self.assertEqual(self.buckets(self.families()["frame_bytes"])[-1][1], 2)
        folder = self.folder / "other"
        shutil.copytree(harness.probe("nasty"), folder)
        manifest = (folder / "probe.yaml").read_text()
        (folder / "probe.yaml").write_text(manifest.replace("{scale: log2, sum",
                                                            "{scale: log2, multiplier: 8, sum"))
        self.replace("n", folder)
        self.receive(frames.plain(70))
        found = self.buckets(self.families()["frame_bytes"])
        self.assertEqual(found, [(8 * (2.0**i - 1), i > 6) for i in range(1, 12)] + [(math.inf, 1)])

    def test_log2_is_that_of_every_power_and_its_neighbours(self):
        values = sorted({0, *(2**i + d for i in range(64) for d in (-1, 0, 1)), 2**64 - 1})
        for value in values:
            kernel.update(self.pin("NASTY_POWER"), bytes(4), struct.pack("<QQ", value, 99))
            self.receive(frames.plain(60))
            result = struct.unpack("<QQ", kernel.lookup(self.pin("NASTY_POWER"), bytes(4), 16))
            self.assertEqual(result, (value, max(value.bit_length() - 1, 0)))

    def test_check_says_what_no_histogram_can_be_made_of(self):
        good = (harness.probe("nasty") / "probe.yaml").read_text()
        folder = self.folder / "bad"
        shutil.copytree(harness.probe("nasty"), folder)
        cases = [("field: value.slots", "field: value.total",
                  "'value.total' of map 'NASTY_LENGTHS' is not an array of counts"),
                 ("field: value.slots", "field: value.slot", "is not an array of counts"),
                 ("sum: value.total", "sum: value.totals", "no field 'value.totals'"),
                 ("key: key.number", "key: key.numbr", "is no integer that could number buckets"),
                 ("map-name: NASTY_STEPS", "map-name: NASTY_EMPTY",
                  "'value' of map 'NASTY_EMPTY' is no integer that could be a count")]
        for old, new, message in cases:
            self.assertEqual(good.count(old), 1)
            (folder / "probe.yaml").write_text(good.replace(old, new))
            problems = self.dynmon("--json", "check", folder, code=harness.USAGE).json()["problems"]
            self.assertTrue([p for p in problems if message in p["message"] and p["line"] > 0],
                            (new, problems))


class SchemaTest(OutputCase):
    """Whatever is printed as JSON follows the published schema."""

    def follow(self, kind, text):
        return published.require(self, kind, text)

    def result(self, *words, **options):
        return self.dynmon("--json", *words, **options).out

    def test_reads_and_dumps(self):
        self.load_nasty()
        self.receive(frames.plain(60))
        for style in ((), ("--raw",), ("--peek",)):
            self.follow("read", self.read_out("--format", "json", *style))
            self.follow("read-values", self.read_out("--format", "json", "--value-only", *style))
            self.follow("values", self.read_out("nasty", "--format", "json", "--value-only",
                                                *style))
            for line in self.read_out("--format", "jsonl", *style).splitlines():
                self.follow("read-line", line)
        self.follow("dynmon", self.read_out("--format", "dynmon"))
        dump = ("dump", self.pin("NASTY"), "--format")
        self.follow("read", self.dynmon(*dump, "json").out)
        self.follow("values", self.dynmon(*dump, "json", "--value-only").out)
        for line in self.dynmon(*dump, "jsonl").out.splitlines():
            self.follow("line", line)
        self.load("k", "kinds")
        self.receive(frames.plain(60))
        for line in self.dynmon("read", "k", "--format", "jsonl").out.splitlines():
            self.follow("read-line", line)
        self.follow("read", self.dynmon("read", "k", "--format", "json").out)

    def test_the_other_verbs(self):
        place = ("--dev", "blue0", "--netns", "blue")
        self.follow("check", self.result("check", "flows"))
        (self.folder / "bad.yaml").write_text("name: bad\nhok: tc\n")
        self.follow("check", self.result("check", self.folder / "bad.yaml", code=harness.USAGE))
        self.follow("status", self.result("status"))
        self.follow("load", self.result("load", "f", "flows", *place))
        self.follow("replace", self.result("replace", "f", "flows", "--keep-maps"))
        self.follow("apply", self.result("apply", "f", "flows", *place, "--keep-matching-maps"))
        self.follow("apply", self.result("apply", "p", "packets", *place))
        self.receive(frames.plain(60))
        status = self.follow("status", self.result("status"))
        self.assertEqual(len(status["monitors"]), 2)
        self.follow("status", self.result("status", "f", "--stats", "10ms"))
        self.follow("recover", self.result("recover"))
        self.follow("unload", self.result("unload", "f"))
        self.follow("unload", self.result("unload", "--all"))

    def test_errors(self):
        cases = [(harness.FAILED, ("read", "nobody")), (harness.USAGE, ("no-such-verb",)),
                 (harness.USAGE, ("dump", BPFFS / "nothing")),
                 (harness.REJECTED, ("load", "r", "rejected", "--dev", "blue0", "--netns", "blue"))]
        for code, words in cases:
            result = self.dynmon("--json", *words, code=code)
            self.assertEqual(result.out, "")
            self.follow("error", result.err.splitlines()[-1])


if __name__ == "__main__":
    harness.main()
