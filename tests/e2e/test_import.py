#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""`import`: documents of Dynmon become probes that load under TC and XDP and read what Polycube
would have shown; what cannot is refused with its place. Each with the oldest clang and the newest."""
import json
import os
import shutil
import time

import documents
import frames
import harness
import published
from documents import COUNTER, DECHAINY, DROP, HANDLER, both, metric, path


class ImportCase(documents.SessionCase):
    def document(self, document, name="document.json"):
        file = self.folder / name
        if isinstance(document, bytes):
            file.write_bytes(document)
        else:
            file.write_text(document if isinstance(document, str) else json.dumps(document))
        return file

    def imported(self, document, *options, name="probe"):
        """The folder of the probe, and what the command printed."""
        folder = self.folder / name
        if folder.exists():
            shutil.rmtree(folder)
        file = document if isinstance(document, os.PathLike) else self.document(document)
        made = published.require(self, "import", self.dynmon(
            "--json", "import", file, "--out", folder, *options).out)
        self.dynmon("check", "--kernel", folder)
        return folder, made

    def refused_at(self, document, where, *options, code=harness.USAGE):
        """The error of a document, which names the place where the text `where` stands."""
        text = document if isinstance(document, str) else json.dumps(document)
        before = text[:text.index(where)]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        error = self.refused(code, "import", self.document(text), *options)
        self.assertIn(f"document.json:{line}:{column}: ", error["message"])
        self.assertFalse((self.folder / "document").exists())
        return error


class ShapesTest(ImportCase):
    CODE = COUNTER.replace("\n", "\r\n")
    METRICS = [metric("packets_total", "C", **{"open-metrics-metadata": {
        "help": "Packets.", "type": "Counter", "labels": [{"name": "L3", "value": "any"}]}})]

    def shapes(self):
        flat = {"name": "probe", "code": self.CODE, "metrics": self.METRICS}
        of_path = {"name": "probe", "code": self.CODE, "metric-configs": self.METRICS}
        return {"paths": both(of_path), "metrics": {"ingress-path": flat},
                "flat": flat, "dataplane": {"dataplane": flat},
                "create": {"dataplane-config": both(of_path), "type": "TC", "loglevel": "OFF"},
                "catalogue": {"id": "probe", "description": "d", "parameters": [],
                              "config": {"code": self.CODE, "metrics": self.METRICS}}}

    def test_all_shapes_of_a_document_are_the_same_probe(self):
        digests = set()
        for name, document in self.shapes().items():
            with self.subTest(name):
                folder, made = self.imported(document)
                digests.add(made["ingress"])
                self.assertNotIn("egress", made)
                self.assertEqual((folder / "document.json").read_text(), json.dumps(document))
                self.load("p", folder)
                self.receive(*[frames.plain(60)] * 7)
                self.assertEqual(self.polycube(), [{"packets_total": [7]}, {}])
                out = self.dynmon("read", "p", "--format", "openmetrics").out
                self.assertIn('packets_total{', out)
                self.assertIn('L3="any"', out)
                self.dynmon("unload", "p")
        self.assertEqual(len(digests), 1)

    def test_a_source_with_metrics_is_the_same_probe_as_its_document(self):
        _, made = self.imported(self.shapes()["paths"])
        source = self.document(self.CODE, "probe.c")
        self.document(json.dumps(self.METRICS), "metrics.json")
        _, of_source = self.imported(source, "--metrics", "metrics.json")
        self.assertEqual(made["ingress"], of_source["ingress"])

    def test_a_source_alone_has_a_metric_of_each_table_and_an_egress_path_beside_it(self):
        source = self.document(COUNTER.replace("BPF_ARRAY(C, ", "BPF_TABLE_SHARED(\"array\", int, ")
                               .replace("uint64_t, 1)", "uint64_t, C, 1)"), "in.c")
        egress = self.document(COUNTER.replace("BPF_ARRAY(C, uint64_t",
                                               "BPF_TABLE(\"extern\", int, uint64_t, C"), "out.c")
        folder, _ = self.imported(source, "--egress", egress)
        self.load("p", folder)
        self.receive(*[frames.plain(60)] * 3)
        self.transmit(*[frames.plain(60)] * 2)
        self.assertEqual(self.polycube()[0], {"C": [5]})

    def test_quotes_that_a_shell_has_escaped_are_taken_for_quotes(self):
        code = COUNTER.replace("BPF_ARRAY(C, uint64_t, 1)",
                               'BPF_TABLE(\\"array\\", int, uint64_t, C, 1)').replace('"counter', '\\"counter').replace('%P"', '%P\\"')
        folder, made = self.imported(self.document(code, "shell.c"))
        self.assertIn("backslashes", made["remarks"][0])
        self.load("p", folder)
        self.receive(frames.plain(60))
        self.assertEqual(self.polycube()[0], {"C": [1]})

    def test_the_type_of_the_cube_is_the_hook(self):
        folder, _ = self.imported({"dataplane-config": self.shapes()["paths"], "type": "XDP_SKB"})
        loaded = self.load("p", folder)
        self.assertIn("xdp", json.dumps(loaded))

    def test_several_documents_are_several_probes(self):
        files = [self.document(self.shapes()["paths"], f"{name}.json") for name in ("one", "two")]
        self.dynmon("import", *files)
        self.assertTrue((self.folder / "one" / "one.bpf.o").exists())
        self.assertTrue((self.folder / "two" / "two.bpf.o").exists())
        error = self.refused(harness.USAGE, "import", files[0])
        self.assertIn("is there already", error["message"])

    def test_the_manifest_names_the_document_and_its_digests(self):
        folder, made = self.imported(both(path(COUNTER, "C"), path(COUNTER, "C")))
        text = (folder / "probe.yaml").read_text()
        for digest in (made["ingress"], made["egress"], "document.json"):
            self.assertIn(digest, text)
        self.assertEqual(made["ingress"], made["egress"])
        wrong = text.replace(f'  egress: "{made["egress"]}"\n', "")
        self.assertNotEqual(wrong, text)
        (folder / "probe.yaml").write_text(wrong)
        error = self.dynmon("check", folder, code=harness.USAGE)
        self.assertIn("'imported' has no 'egress'", error.out + error.err)


@documents.tests_of(documents.SESSIONS)
class SessionsTest(ImportCase):
    """What is imported counts what it counted there, under TC and, where it can, XDP."""

    def played(self, session):
        for compiler, options in documents.compilers().items():
            folder, made = self.imported(session.write(self.folder), *session.options, *options)
            self.play(session, compiler, folder, made)


class PathsTest(ImportCase):
    def test_a_table_that_no_path_defines_is_an_error_that_names_it(self):
        code = documents.EXTERN + documents.BOTH_WAYS
        error = self.refused_at({"egress-path": path(code, "C")}, 'BPF_TABLE(\\"extern')
        self.assertIn("table 'SESSIONS_TRACKED_A' is \"extern\"", error["message"])
        self.assertIn("egress-path, line 2, column 1 of its code", error["message"])


class ResultsTest(ImportCase):
    def test_dropping_is_asked_for(self):
        """PROMISES:
        D-4 Without `--allow-drop` nothing"""
        error = self.refused_at(both(path(DROP)), "RX_DROP")
        self.assertIn("RX_DROP", error["message"])
        self.assertIn("--allow-drop", error["hint"])

    def test_what_a_monitor_cannot_do_is_refused_with_the_reason(self):
        for word, why in (("RX_REDIRECT", "another port"), ("RX_CONTROLLER", "slow path"),
                          ("RX_RECIRCULATE", "no cube"),
                          ("pcn_pkt_controller(ctx, md, 1)", "slow path"),
                          ("pcn_pkt_redirect(ctx, md, 1)", "another port")):
            with self.subTest(word):
                error = self.refused(harness.USAGE, "import", self.document(
                    both(path(HANDLER + "return " + word + ";}"))))
                self.assertIn(why, error["message"])
                self.assertIn("line 2, column", error["message"])


class DechainyTest(ImportCase):
    def test_a_macro_of_the_command_line_is_in_the_digest(self):
        source = self.document(DECHAINY.replace("uint64_t, SEEN, 1", "uint64_t, SEEN, ENTRIES")
                               .replace("EXPORT, SWAP, EMPTY", "EXPORT"), "ebpf.c")
        self.assertIn("ENTRIES", self.refused(harness.USAGE, "import", source)["message"])
        digests = set()
        for entries in (2, 3):
            _, made = self.imported(source, "--define", f"ENTRIES=1 + {entries - 1}")
            digests.add(made["ingress"])
        self.assertEqual(len(digests), 2)
        for bad in ("A B=1", "A=1\n#include", 'A="/etc/x"', "dynmon_x=1", "=1"):
            self.refused(harness.USAGE, "import", source, "--define", bad)

    def test_what_it_sends_elsewhere_or_drops_is_refused(self):
        for word, says in (("REDIRECT(lo)", "another port"), ("DROP", "RX_DROP"),
                           ("pkt_to_controller(ctx, md)", "user space")):
            error = self.refused(harness.USAGE, "import", self.document(
                DECHAINY.replace("return PASS;\n}", f"return {word};\n}}"), "ebpf.c"))
            self.assertIn(says, error["message"])
            self.assertIn("ebpf.c:21:12: ", error["message"])


class FaultsTest(ImportCase):
    def test_a_page_is_no_document(self):
        error = self.refused_at("\n\n<!DOCTYPE html>\n<html></html>", "<!")
        self.assertIn("HTML", error["message"])

    def test_a_missing_comma_is_found(self):
        error = self.refused_at('{"ingress-path": {\n  "name": "é"\n  "code": ""}}', '"code"')
        self.assertIn("','", error["hint"])

    def test_an_unknown_key_and_a_metric_of_no_table_have_their_lines(self):
        text = json.dumps(both(path(COUNTER, metric("a", "NONE"))), indent=1)
        error = self.refused_at(text, '"NONE"')
        self.assertIn("'NONE'", error["message"])
        self.assertIn("its tables are C", error["hint"])
        text = text.replace('"map-name"', '"map-names"')
        error = self.refused_at(text, '"map-names"')
        self.assertIn("map-name", error["hint"])

    def test_two_metrics_of_one_name_are_refused_and_names_become_identifiers(self):
        error = self.refused_at(json.dumps(both(path(COUNTER, "C", "C"))), '{"name": "C", "map-name": "C"}]')
        self.assertIn("'C' stands there twice", error["message"])
        folder, made = self.imported(both(path(COUNTER, metric("Total packets", "C"),
                                               metric("Total-packets", "C"), metric("Total_packets", "C"))))
        self.load("p", folder)
        self.assertEqual(list(self.polycube()[0]), ["Total_packets", "Total-packets", "Total_packets_2"])

    def test_a_fault_of_the_code_has_its_line_there_and_in_the_document(self):
        code = COUNTER.replace("*counter += 1;", "*counter += pcn_no_such(1);")
        text = json.dumps(both(path(code, "C")), indent=1)
        for options in documents.compilers().values():
            error = self.refused_at(text, "pcn_no_such", *options)
            self.assertIn("ingress-path, line 8, column 17 of its code", error["message"])
            self.assertIn("pcn_no_such", error["message"])

    def test_code_without_a_handler_or_with_two_tables_of_a_name(self):
        self.assertIn("handle_rx", self.refused_at(both(path("int x;")), "int x")["message"])
        code = "BPF_ARRAY(C, u64, 1);\nBPF_ARRAY(C, u64, 1);\n" + HANDLER + "return 0;}"
        self.assertIn("declared twice", self.refused_at(both(path(code)), 'BPF_ARRAY(C, u64, 1);\\nstatic')["message"])

    def test_a_packed_value_that_is_added_to_atomically_is_refused_by_field(self):
        code = """struct v { u8 a; u64 n; } __attribute__((packed));
BPF_ARRAY(A, struct v, 1);
""" + HANDLER + """int i = 0; struct v *v = A.lookup(&i); if (v) __sync_fetch_and_add(&v->n, 1); return 0; }"""
        error = self.refused(harness.REJECTED, "import", self.document(both(path(code, "A"))))
        self.assertIn("A", error["message"])
        self.assertFalse((self.folder / "document").exists())

    def test_a_compiler_that_is_too_old_or_none_is_named(self):
        error = self.refused(harness.UNSUPPORTED, "import", self.document(both(path(COUNTER))),
                             "--clang", "/bin/true")
        self.assertIn("--clang", error["hint"])


class SandboxTest(ImportCase):
    """What strangers' code could ask of a compiler."""

    def test_files_and_assembly_are_refused_with_the_line(self):
        """PROMISES:
        D-3 Code that asks for"""
        for text, says in (('#include "/etc/hostname"', "absolute"), ('#include <../../etc/hostname>', "'..'"),
                           ('#define F "/etc/hostname"\n#include F', "macro"), ('#inc\\\nlude "/etc/hostname"', "absolute"),
                           ('#if __has_include("/etc/hostname")\n#endif', "asks for a file"),
                           ('asm(".incbin \\"/etc/hostname\\"");', "assembly"),
                           ('#pragma clang section text="x"', "pragma"), ('_Pragma("once")', "_Pragma"),
                           ('#define A __asm\\\n__\nA("nop");', "assembly"),
                           ('int x __attribute__((section("tc")));', "section"), ('int x SEC("tc");', "section"),
                           ('int dynmon_may_drop;', "taken")):
            with self.subTest(text):
                error = self.refused(harness.USAGE, "import", self.document(
                    both(path("\n" + text + "\n" + COUNTER, "C"))))
                self.assertIn(says, error["message"])
                self.assertRegex(error["message"], "line [234], column")

    def test_a_compile_without_end_is_ended(self):
        code = "#define A0(x) x x x x x x x x\n" + "".join(
            f"#define A{i}(x) A{i - 1}(A{i - 1}(x))\n" for i in range(1, 6)) + "int x = A5(0);\n" + COUNTER
        began = time.monotonic()
        error = self.refused(harness.REJECTED, "import", self.document(both(path(code, "C"))))
        self.assertRegex(error["message"], "the compiler, on this code, (did not end|crashed|wrote more)")
        self.assertLess(time.monotonic() - began, 60)

    def test_it_works_for_a_user_without_rights(self):
        self.folder.chmod(0o777)
        file = self.document(both(path(COUNTER, "C")))
        self.dynmon("import", file, "--out", "mine", user=65534, group=65534)
        self.assertEqual((self.folder / "mine" / "mine.bpf.o").stat().st_uid, 65534)


if __name__ == "__main__":
    harness.main()
