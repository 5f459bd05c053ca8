#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Objects that others wrote: what `check` says of them is what `load` does."""
import json
import resource

import frames
import harness
import published
import sources
from sources import map_of, program

PLACE = ("--dev", "blue0", "--netns", "blue")


class ObjectCase(harness.Case):
    def compiled(self, code, name="object.bpf.o", *options):
        return sources.compiled(self.folder / name, code, *options)

    def problems(self, path, code=harness.USAGE):
        return self.dynmon("--json", "check", path, code=code).json()["problems"]


class DefinitionsTest(ObjectCase):
    """Maps that no kernel makes: `check` says it, with the name of the map."""

    def test_what_no_kernel_makes_is_found_offline(self):
        per_cpu = map_of("WIDE", "BPF_MAP_TYPE_PERCPU_ARRAY", value="struct wide")
        for definition, said in (
                (map_of("ENDLESS", "BPF_MAP_TYPE_HASH", entries=0),
                 "map 'ENDLESS' has no max_entries (hash)"),
                ("struct wide { char bytes[32769]; };\n" + per_cpu,
                 "map 'WIDE' has values of 32769 bytes; the kernel has room for 32768 on each CPU "
                 "(percpu_array)"),
                (map_of("WORDS", "BPF_MAP_TYPE_ARRAY", key="__u64"),
                 "map 'WORDS' has keys of 8 bytes; 4 are possible (array)"),
                (map_of("TRIE", "BPF_MAP_TYPE_LPM_TRIE", key="__u64"),
                 "map 'TRIE' needs BPF_F_NO_PREALLOC in its map_flags (lpm_trie)"),
                (map_of("QUEUE", "BPF_MAP_TYPE_QUEUE"),
                 "map 'QUEUE' has keys of 4 bytes; 0 are possible (queue)"),
                (map_of("RING", "BPF_MAP_TYPE_RINGBUF", "", "", 0),
                 "map 'RING' has no max_entries (ringbuf)"),
                (map_of("FUTURE", "99"), "map 'FUTURE' is of a kind that no probe may have: "
                                         "number 99"),
                (map_of("dynmon_chain", "BPF_MAP_TYPE_HASH"),
                 "map 'dynmon_chain' is the hook's, which is a prog_array, and not a hash")):
            with self.subTest(said):
                path = self.compiled(definition + program())
                self.assertEqual([problem["message"] for problem in self.problems(path)], [said])
                self.refused(harness.USAGE, "load", "o", path, *PLACE)

    def test_a_chain_that_is_filled_with_programs_is_found_offline(self):
        chain = """
        int look(void* packet);
        struct {
            __uint(type, BPF_MAP_TYPE_PROG_ARRAY); __uint(max_entries, 128);
            __uint(key_size, 4); __array(values, int(void*));
        } dynmon_chain SEC(".maps") = {.values = {[1] = (void*)&look}};
        """
        for code in (chain, chain.replace("dynmon_chain", "OWN")):
            error = self.refused(harness.REJECTED, "check", self.compiled(code + program()))
            self.assertIn("a map is to be filled with 'look', which is no map", error["message"])


class MagicTest(ObjectCase):
    def test_an_object_is_known_by_what_is_in_it(self):
        path = self.compiled(map_of("SEEN", "BPF_MAP_TYPE_ARRAY") + program(), "plain_name")
        self.assertIn("good", self.dynmon("check", path).out)
        self.load("o", path)
        self.assertEqual(self.window("o")["ingress-metrics"][0]["name"], "SEEN")
        self.replace("o", path)
        dressed = path.rename(path.with_suffix(".yaml"))
        self.assertIn("good", self.dynmon("check", dressed).out)

    def test_what_is_neither_is_no_probe(self):
        path = self.folder / "notes.txt"
        path.write_text("notes")
        self.assertIn("is no probe", self.refused(harness.USAGE, "check", path)["message"])


class HintsTest(ObjectCase):
    def hint(self, path):
        return self.refused(harness.USAGE, "check", path)["hint"]

    def test_what_libbpf_says_comes_with_what_to_do(self):
        unlinked = "extern int elsewhere(void*);\n" + program(verdict="elsewhere(packet)")
        self.assertIn("bpftool gen object", self.hint(self.compiled(unlinked)))
        static = ("static __attribute__((used)) SEC(\"tc\") int look(void* packet) "
                  "{ return -1; }\n")
        self.assertIn("leave out `static`", self.hint(self.compiled(static)))
        bare = self.compiled(program(), "bare.bpf.o", "-g0")
        self.assertIn("-gbtf (bpf-gcc)", self.hint(bare))
        # As pahole leaves it: no section of its BTF says where the maps are.
        hidden = ("asm(\".section .maps,\\\"aw\\\",@progbits; .globl SEEN; .type SEEN,@object; \"\n"
                  "    \"SEEN: .zero 32; .size SEEN,32; .text\");\n")
        self.assertIn("pahole", self.hint(self.compiled(hidden + program())))


class PinsTest(ObjectCase):
    def test_a_pin_by_name_is_not_made_and_that_is_said(self):
        path = self.compiled(map_of("SHARED", "BPF_MAP_TYPE_ARRAY",
                                    more="__uint(pinning, LIBBPF_PIN_BY_NAME);") + program())
        said = "map 'SHARED' asks to be pinned by its name (LIBBPF_PIN_BY_NAME)"
        note, = published.require(self, "check",
                                  self.dynmon("--json", "check", path).out)["notes"]
        self.assertTrue(note.startswith(said), note)
        self.assertIn(said, self.dynmon("check", path).out)
        self.assertIn(said, self.dynmon("load", "o", path, *PLACE).err)
        self.assertFalse((harness.BPFFS / "SHARED").exists())


class LookupTest(ObjectCase):
    """A value that is used without a look at whether there is one, as the verifier refuses it."""

    LOOKUP = """static void* (*const lookup)(void*, const void*) = (void*)1;
    SEC("tc") int look(void* packet) {
        __u32 key = 7;
        __u64* value = lookup(&COUNT, &key);
        %s
        return -1;
    }
    """

    def object_of(self, use, kind="HASH"):
        return self.compiled(map_of("COUNT", f"BPF_MAP_TYPE_{kind}", value="__u64") +
                             self.LOOKUP % use)

    def test_a_missing_check_for_null_is_found_offline(self):
        for use in ("*value = 1;", "__sync_fetch_and_add(value, 1);", "key = value[0]; key ^= 1; "
                    "*(volatile __u32*)&key = key;"):
            path = self.object_of(use)
            problem, = self.problems(path)
            self.assertRegex(problem["message"],
                             r"^program 'look' uses what it looked up in 'COUNT' without a check for "
                             r"NULL, in object.bpf.o.c:\d+$")
            self.assertIn("if (!value)", problem["hint"])

    def test_a_check_that_is_there_is_seen(self):
        for use in ("if (value) *value = 1;", "if (!value) return -1; *value = 1;",
                    "if (value != 0 && key) __sync_fetch_and_add(value, 1);"):
            self.assertEqual(self.dynmon("--json", "check", "--kernel",
                                         self.object_of(use)).json()["problems"], [])

    def test_of_arrays_only_older_kernels_refuse_it(self):
        note, = self.dynmon("--json", "check", self.object_of("*value = 1;", "ARRAY")).json()["notes"]
        self.assertIn("without a check for NULL", note)
        self.assertIn("kernels before 6.14 refuse that", note)


class DirectionTest(ObjectCase):
    def test_a_program_for_the_other_direction_is_named(self):
        folder = harness.changed_probe(self.folder / "turned", "packets", "turned",
                                       {"program: packets_egress": "program: packets_ingress"})
        note, = self.dynmon("--json", "check", folder).json()["notes"]
        self.assertEqual(note, "program 'packets_ingress' is used for egress, but is one for ingress: "
                               "DYNMON_INGRESS made it, with 'packets_ingress_xdp' for XDP")
        self.assertEqual(self.dynmon("--json", "check", "packets").json()["notes"], [])


class NotTriedTest(ObjectCase):
    def test_check_says_what_it_did_not_try(self):
        open_ = published.require(self, "check",
                                  self.dynmon("--json", "check", "packets").out)["not-tried"]
        self.assertIn("whether this kernel's verifier accepts it: --kernel asks", open_)
        self.assertTrue(any("types of their maps" in what for what in open_))
        out = self.dynmon("check", "packets").out
        for what in open_:
            self.assertIn(f"\n  not tried: {what}", out)
        asked = self.dynmon("--json", "check", "--kernel", "packets").json()["not-tried"]
        self.assertNotIn("verifier accepts", " ".join(asked))
        self.assertIn("whether it is accepted for XDP: --kernel --hook xdp asks", asked)


class KeptTest(ObjectCase):
    def test_maps_to_which_the_kernel_adds_a_flag_are_kept(self):
        maps = "".join(map_of(kind.upper(), f"BPF_MAP_TYPE_{kind.upper()}", value="__u32")
                       for kind in ("devmap", "devmap_hash", "cpumap"))
        self.compiled(maps + program())
        (self.folder / "probe.yaml").write_text(
            "name: mover\nobject: object.bpf.o\nmay: [redirect]\ningress-path: {}\n")
        self.load("m", self.folder)
        kept = self.replace("m", self.folder, "--keep-maps")
        self.assertEqual(sorted(kept["carried-maps"]), ["CPUMAP", "DEVMAP", "DEVMAP_HASH"])

    def test_so_are_maps_of_which_it_changes_the_number_of_entries(self):
        path = self.compiled(
            map_of("EACH_CPU", "BPF_MAP_TYPE_LRU_HASH", entries=7, more="__uint(map_flags, 2);") +
            map_of("EVENTS", "BPF_MAP_TYPE_PERF_EVENT_ARRAY", value="__u32", entries=0) +
            map_of("RING", "BPF_MAP_TYPE_RINGBUF", "", "", entries=5000) + program())
        self.load("m", path)
        self.assertEqual(sorted(self.replace("m", path, "--keep-maps")["carried-maps"]),
                         ["EACH_CPU", "EVENTS", "RING"])

    def test_flags_that_differ_are_named(self):
        code = map_of("SEEN", "BPF_MAP_TYPE_HASH") + program()
        self.load("m", self.compiled(code))
        other = self.compiled(code.replace("__uint(type", "__uint(map_flags, 1); __uint(type"))
        error = self.refused(harness.REJECTED, "replace", "m", other, "--keep-maps")
        self.assertIn("the flags differ: BPF_F_NO_PREALLOC", error["message"])


class ManyMapsTest(ObjectCase):
    """An object may have many more maps than the 64 that the kernel lets a program use."""

    def many(self, count):
        maps = [map_of(f"SEEN_{number}", "BPF_MAP_TYPE_ARRAY") for number in range(count)]
        uses = [f"if ((seen = bpf_map_lookup_elem(&SEEN_{number}, &zero))) "
                "__sync_fetch_and_add(seen, 1);" for number in range(0, count, -(-count // 60))]
        return self.compiled("".join(maps) + "SEC(\"tc\") int look(void* packet) {\n"
                             "__u32 zero = 0; __u64* seen;\n" + "\n".join(uses) +
                             "\nreturn -1; }\n", f"many{count}.bpf.o")

    def cpu_seconds(self, *words):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.dynmon(*words)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime - before.ru_utime

    def test_five_thousand_are_loaded_and_read(self):
        """A monitor has 64 metrics: the maps that the program uses are among them."""
        path = self.many(5000)
        said = self.dynmon("load", "m", path, *PLACE).err
        self.assertIn("of its 5000 maps 64 are metrics", said)
        self.receive(*[frames.plain(60)] * 3)
        metrics = self.window("m")["ingress-metrics"]
        self.assertEqual(len(metrics), 64)
        values = {metric["name"]: metric["value"] for metric in metrics}
        self.assertEqual((values["SEEN_0"], values["SEEN_84"], values["SEEN_4956"]),
                         ([3], [3], [3]))
        for number, packets in ((84, 3), (4999, 0)):
            rows = self.dynmon("dump", f"m/SEEN_{number}", "--format", "json", "--value-only").out
            self.assertEqual(json.loads(rows), [packets])

    def test_more_metrics_than_a_monitor_can_have_are_refused(self):
        self.many(65)
        lines = [f"    - {{name: m{number}, map-name: SEEN_{number}}}\n" for number in range(65)]
        (self.folder / "probe.yaml").write_text(
            "name: many\nobject: many65.bpf.o\ningress-path:\n  metric-configs:\n" +
            "".join(lines))
        problem, = self.problems(self.folder)
        self.assertEqual((problem["message"], problem["line"]), ("more than 64 metrics", 69))

    def test_the_time_grows_with_their_number_and_no_faster(self):
        few, many = self.many(1000), self.many(5000)
        self.cpu_seconds("check", few)  # whatever the first run alone costs
        for verb in ("check", "load"):
            took = []
            for path in (few, many):
                took.append(self.cpu_seconds(*(("check", path) if verb == "check" else
                                               ("load", "m", path, *PLACE))))
                if verb == "load":
                    self.dynmon("unload", "m")
            self.assertLess(took[1], 10 * took[0] + 0.5, f"{verb}: {took}")

    def test_atomic_changes_are_followed_into_maps_of_any_number(self):
        """Of 100 maps the last one alone is changed, off its alignment."""
        maps = [map_of(f"SEEN_{number}", "BPF_MAP_TYPE_ARRAY") for number in range(99)]
        path = self.compiled("struct odd { __u8 first; __u64 second; } __attribute__((packed));\n" +
                             "".join(maps) + map_of("ODD", "BPF_MAP_TYPE_ARRAY", value="struct odd")
                             + """
            SEC("tc") int look(void* packet) {
                __u32 zero = 0;
                struct odd* odd = bpf_map_lookup_elem(&ODD, &zero);
                if (odd) __sync_fetch_and_add(&odd->second, 1);
                return -1;
            }
            """)
        problem, = self.problems(path)
        self.assertIn("'ODD'", problem["message"])


if __name__ == "__main__":
    harness.main()
