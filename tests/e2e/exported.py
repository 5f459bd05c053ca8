# SPDX-License-Identifier: BSD-2-Clause
"""What tests of `export` stand on: frames, runs, and what a reader of the folder finds."""
import json

import jsonschema

import frames
import harness
import published


def tcp(sport, dport, flags, data=b"", ack=0, window=1024, **ip):
    segment = bytearray(frames.tcp(sport, dport, flags, data))
    segment[8:12] = ack.to_bytes(4, "big")
    segment[14:16] = window.to_bytes(2, "big")
    build = frames.ipv6 if ":" in ip.get("source", "") else frames.ipv4
    return build(bytes(segment), frames.TCP, **ip)


def udp(sport, dport, data=b"", **ip):
    build = frames.ipv6 if ":" in ip.get("source", "") else frames.ipv4
    return build(frames.udp(sport, dport, data), frames.UDP, **ip)


def back(**changed):
    return {"source": "10.0.0.2", "to": "10.0.0.1", **changed}


SCHEMA = json.loads((harness.SOURCE / "schemas" / "export.schema.json").read_text())


class ExportCase(harness.Case):
    PROFILE = "ddos"

    def setUp(self):
        super().setUp()
        self.out = self.folder / "out"

    def export(self, name, profile, *options, count=1, code=harness.OK, interval="20ms"):
        return self.dynmon("export", name, "--profile", profile, "--out", self.out, "--interval",
                           interval, "--count", count, *options, code=code)

    def reports(self, name, profile, *options, **keywords):
        out = self.export(name, profile, "--json", *options, **keywords).out
        return [published.require(self, "export", line) for line in out.splitlines()]

    def files(self):
        """What a reader of the folder finds."""
        if not self.out.exists():
            return []
        return sorted(path.name for path in self.out.iterdir() if not path.name.startswith("."))

    def leftovers(self):
        """What only a run that is at work, or was killed, has in the folder."""
        return sorted(path.name for path in self.out.iterdir()
                      if path.name.startswith(".") and path.name != ".dynmon-export.json")

    def rows(self, name):
        """{label: [cell, …]} of a transposed CSV."""
        text = (self.out / name).read_text()
        found = {}
        for line in text.split("\n"):
            label, cells = line.split(",\t")
            found[label.rstrip()] = cells.split(", ") if cells else []
        return found

    def result(self, number):
        text = (self.out / f"result_{number}.json").read_text()
        self.check_schema(json.loads(text))
        return json.loads(text, parse_float=str)

    def check_schema(self, document):
        """The definition of its profile fits, and no other one."""
        kinds = {kind for kind in ("ddos", "crypto", "lucid")
                 if jsonschema.Draft202012Validator({**SCHEMA, "anyOf": [
                     {"$ref": f"#/$defs/{kind}"}]}).is_valid(document)}
        self.assertEqual(kinds, {self.PROFILE}, document)
