#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What a probe may do: what its manifest says, and what the machine's policy lets it."""
import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

import harness
import published
from files import FilesCase

PLACE = ("--dev", "blue0", "--netns", "blue")
WRITER = """#include "dynmon.h"
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1 << 18);
    __type(key, __u32);
    __type(value, __u64);
} WRITTEN SEC(".maps");
DYNMON_INGRESS(writer) {
    __u8* byte = pkt->data;

    if (pkt->data + 1 <= pkt->data_end)
        *byte = 2;
    return DYNMON_PASS;
}
"""
STARVER = """#include "dynmon.h"
SEC("tc") int starver(struct __sk_buff* skb) {
    if (skb->len > 60)
        return TC_ACT_UNSPEC;
    return dynmon_leave_tc(skb, DYNMON_PASS);
}
"""

LOOPER = """#include "dynmon.h"
volatile __u64 work;
static long turn(__u32 index, void* context) {
    work += index;
    return 0;
}
DYNMON_INGRESS(looper) {
    bpf_loop(ROUNDS, turn, 0, 0);
    return DYNMON_PASS;
}
"""
WALKER = """#include "dynmon.h"
volatile __u64 work;
DYNMON_INGRESS(walker) {
#pragma clang loop unroll(disable)
    for (__u32 turn = 0; turn < 5000; turn++)
        work += turn;
    return DYNMON_PASS;
}
"""
ENDLESS = """#include "dynmon.h"
volatile __u64 work;
static long turn(__u32 index, void* context) {
    return 0;
}
DYNMON_INGRESS(endless) {
    do
        bpf_loop(1, turn, 0, 0);
    while (work++ != 77);
    return DYNMON_PASS;
}
"""
USURPER = """#include "headers.h"
char _license[] SEC("license") = "GPL";
const volatile __u32 dynmon_slot = 0;
int usurper(struct __sk_buff* skb);
struct {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
    __uint(max_entries, 128);
    __type(key, __u32);
    __array(values, int(void*));
} dynmon_chain SEC(".maps") = {.values = {[0] = (void*)&usurper}};
SEC("tc") int usurper(struct __sk_buff* skb) {
    bpf_tail_call(skb, &dynmon_chain, dynmon_slot);
    return TC_ACT_UNSPEC;
}
"""
# A few hundred bytes of stack at each of many places where paths meet.
WIDE = """#include "frame.h"
char _license[] SEC("license") = "GPL";
SEC("tc") __attribute__((naked)) int wide(struct __sk_buff* skb) {
    asm volatile("r6 = r1;"
                 "STORES"
                 ".rept 50000; if r6 == 1 goto +1; r0 = 1; r0 = 0; .endr;"
                 "r0 = -1; exit");
}
"""
# More in a section than the loader takes for all of it.
LARGE = """#include "dynmon.h"
volatile __u64 more[512] SEC("SECTION") = {1};
DYNMON_INGRESS(NAME) {
    return DYNMON_PASS;
}
"""
# A list of which one part has a value a CPU, where the loader takes one for all of it.
LIST = """#include "prefix_list.h"
struct entry {
    dynmon_time_ns_t expires;
    __u64 packets, bytes;
    __u32 action, padding;
};
#define BPF_MAP_TYPE_ARRAY BPF_MAP_TYPE_PERCPU_ARRAY
DYNMON_IPV4_LIST(DENY, struct entry, 64);
DYNMON_INGRESS(list) {
    return DYNMON_PASS;
}
"""


class PolicyTest(FilesCase):
    def setUp(self):
        super().setUp()
        self.policy = self.folder / "policy.yaml"

    def build(self, name, source, manifest):
        folder = self.folder / "mine" / name
        folder.mkdir(parents=True)
        (folder / f"{name}.bpf.c").write_text(source)
        (folder / "probe.yaml").write_text(f"name: {name}\n{manifest}\ningress-path: {{}}\n")
        subprocess.run(["make", "-f", str(harness.SOURCE / "Makefile.bpf"), "PROBES=mine"],
                       check=True, capture_output=True, cwd=self.folder)
        return self.folder / "build" / "probes" / name

    def test_a_policy_says_what_manifests_may_claim(self):
        # PROMISES:
        # P-9 Without a word in its manifest
        self.policy.write_text("may: [loops]\n")
        for words in (("load", "d", "dropper", *PLACE), ("apply", "d", "dropper", *PLACE),
                      ("check", "dropper")):
            error = self.refused(harness.REJECTED, "--policy", self.policy, *words)
            self.assertIn(f"probe 'dropper' decides over packets, which {self.policy} does not allow",
                          error["message"])
            self.assertIn("drop", error["hint"])
        self.dynmon("--policy", self.policy, "load", "t", "tally", *PLACE)
        error = self.refused(harness.REJECTED, "--policy", self.policy, "replace", "t", "dropper")
        self.assertIn("does not allow", error["message"])
        self.policy.write_text("may: [drop]\n")
        self.dynmon("--policy", self.policy, "replace", "t", "dropper")
        self.dynmon("unload", "t")

    def test_a_policy_with_a_mistake_or_that_others_can_change_lets_nothing_in(self):
        self.policy.write_text("may: [dorp]\n")
        error = self.refused(harness.REJECTED, "--policy", self.policy, "load", "t", "tally", *PLACE)
        self.assertIn("policy.yaml:1:7: 'may' must be drop, ", error["message"])
        self.policy.write_text("may: []\n")
        self.policy.chmod(0o666)
        error = self.refused(harness.REJECTED, "--policy", self.policy, "load", "t", "tally", *PLACE)
        self.assertIn("chmod go-w", error["hint"])

    def test_what_a_probe_does_is_listed_with_its_line(self):
        document = self.dynmon("--json", "check", "dropper").out
        published.require(self, "check", document)
        text = self.dynmon("check", "dropper").out
        line = (harness.SOURCE / "tests/e2e/probes/dropper/dropper.bpf.c").read_text().splitlines()
        number = 1 + next(i for i, code in enumerate(line) if code.startswith("DYNMON_INGRESS"))
        self.assertIn(f"  dropper decides over packets: TC_ACT_SHOT in dropper.bpf.c:{number}\n", text)
        self.assertIn(f"  dropper_xdp decides over packets: XDP_DROP in dropper.bpf.c:{number}\n", text)

    def test_a_bare_program_that_stops_others_is_refused_with_the_cure(self):
        keeper = harness.probe("keeper") / "keeper.bpf.o"
        error = self.refused(harness.USAGE, "load", "k", keeper, *PLACE)
        self.assertIn("TC_ACT_OK (which stops every program behind it) in keeper.bpf.c:13",
                      error["message"])
        for word in ("DYNMON_PASS", "TC_ACT_UNSPEC", "`verdict: drop`"):
            self.assertIn(word, error["hint"])

    def test_writes_and_their_memory_need_a_word_and_room(self):
        silent = self.build("writer", WRITER, "description: says nothing")
        problems = self.dynmon("--json", "check", silent, code=harness.USAGE).json()["problems"]
        self.assertEqual([problem["message"] for problem in problems],
                         [f"the manifest does not allow what program '{name}' does: writes packets: "
                          "a store to its bytes in writer.bpf.c:12" for name in
                          ("writer", "writer_xdp")])
        self.assertIn("may: [write-packets]", problems[0]["hint"])
        (silent / "probe.yaml").write_text("name: writer\nmay: [write-packets]\ningress-path: {}\n")
        self.dynmon("load", "w", silent, *PLACE)
        self.dynmon("unload", "w")
        self.policy.write_text("map-memory-mib: 1\n")
        error = self.refused(harness.REJECTED, "--policy", self.policy, "load", "w", silent, *PLACE)
        self.assertIn("of which 'WRITTEN' takes 2 MiB; at most 1 MiB are allowed", error["message"])

    def counted(self, probe, *options):
        """Program → (at most, how plain loops were counted), as `check` says."""
        result = self.dynmon("--json", "check", probe, *options)
        published.require(self, "check", result.out)
        return {program["program"]: (program["at-most"], program["plain-loops"])
                for program in result.json()["instructions"]}

    def test_a_loop_by_a_helper_is_multiplied_without_root_and_refused_by_name(self):
        endless = self.build("looper", LOOPER.replace("ROUNDS", "pkt->len"), "may: [loops]")
        for words in (("check", endless), ("load", "l", endless, *PLACE)):
            error = self.refused(harness.REJECTED, *words)
            self.assertRegex(error["message"], r"program 'looper' may run \d{8,} instructions a packet; "
                             r"at most 1000000 are allowed: bpf_loop in looper\.bpf\.c:8 goes round up "
                             r"to 8388608 times, as far as is known here")
            self.assertIn("a constant number of rounds", error["hint"])
        self.policy.write_text("instructions: 1000000000\n")
        self.dynmon("--policy", self.policy, "check", endless)

    def test_a_loop_of_constant_length_may_go_round_as_often_as_the_policy_says(self):
        probe = self.build("looper", LOOPER.replace("ROUNDS", "1000"), "may: [loops]")
        most, loops = self.counted(probe)["looper"]
        self.assertTrue(2000 < most < 50_000, most)
        self.assertEqual(loops, "counted")
        self.policy.write_text(f"instructions: {most - 1}\n")
        error = self.refused(harness.REJECTED, "--policy", self.policy, "load", "l", probe, *PLACE)
        self.assertIn("bpf_loop in looper.bpf.c:8 goes round up to 1000 times", error["message"])
        self.assertIn("`instructions`", error["hint"])
        self.policy.write_text("instructions: 0\n")
        error = self.refused(harness.REJECTED, "--policy", self.policy, "check", probe)
        self.assertIn("policy.yaml:1:15: 'instructions' must be a whole number", error["message"])

    def test_a_plain_loop_is_what_the_verifier_counts_of_it(self):
        probe = self.build("walker", WALKER, "description: walks")
        few, loops = self.counted(probe)["walker"]
        self.assertEqual(loops, "counted once")
        self.assertLess(few, 1000)
        many, loops = self.counted(probe, "--kernel", "--hook", "tc")["walker"]
        self.assertEqual(loops, "counted")
        self.assertGreater(many, 10_000)
        self.policy.write_text("instructions: 5000\n")
        self.dynmon("--policy", self.policy, "check", probe)
        for words in (("check", "--kernel", "--hook", "tc", probe), ("load", "w", probe, *PLACE)):
            error = self.refused(harness.REJECTED, "--policy", self.policy, *words)
            self.assertIn(f"program 'walker' may run {many} instructions a packet; at most 5000 are "
                          "allowed", error["message"])
        self.assertEqual(self.status(), {"monitors": [], "hooks": [], "problems": []})

    def test_every_probe_of_the_house_keeps_to_a_tenth_of_what_is_allowed(self):
        # What the verifier follows of a forest, of whatever shape, is several times what a packet can do.
        of_forests = {"detect": 400_000}
        for path in sorted((harness.SOURCE / "probes").glob("*/probe.yaml")):
            most_here = of_forests.get(path.parent.name, 100_000)
            for hook in ("tc", "xdp"):
                counted = self.counted(path.parent.name, "--kernel", "--hook", hook)
                with self.subTest(path.parent.name):
                    self.assertLessEqual(max(most for most, _ in counted.values()), most_here)

    def test_a_loop_without_an_end_that_the_verifier_accepts_is_refused(self):
        endless = self.build("endless", ENDLESS, "may: [loops]")
        self.policy.write_text("instructions: 1000000000000\n")
        for words in (("check", endless), ("load", "l", endless, *PLACE)):
            error = self.refused(harness.REJECTED, "--policy", self.policy, *words)
            self.assertIn("the plain loop around bpf_loop in endless.bpf.c:", error["message"])
            self.assertIn("goes round endlessly often", error["message"])

    def test_a_probe_puts_itself_into_no_slot_of_the_chain(self):
        self.dynmon("load", "t", "tally", *PLACE)
        usurper = self.build("usurper", USURPER, "hook: tc")
        error = self.refused(harness.REJECTED, "load", "u", usurper, *PLACE)
        self.assertIn("a map is to be filled with 'usurper'", error["message"])
        self.assertEqual([monitor["name"] for monitor in self.status()["monitors"]], ["t"])
        self.dynmon("unload", "t")

    def test_what_the_loader_reads_of_a_program_has_the_size_that_it_takes_it_for(self):
        for number, section in enumerate((".data.dynmon", ".data.dynmon_meter",
                                          ".data.dynmon_limit")):
            name = f"large{number}"
            large = self.build(name, LARGE.replace("SECTION", section).replace("NAME", name),
                               "hook: tc")
            error = self.refused(harness.UNSUPPORTED, "load", "l", large, *PLACE)
            self.assertIn(f"map {section} is of another dynmon.h: ", error["message"])

    @unittest.skipIf(harness.sanitized(), "AddressSanitizer needs more memory than that")
    def test_no_program_takes_gigabytes_to_look_at(self):
        stores = "".join(f"r2 = {at}; *(u32*)(r10 - {at}) = r2;" for at in range(4, 513, 4))
        wide = self.build("wide", WIDE.replace("STORES", stores), "hook: tc")
        most = 1_500_000  # KiB of addresses, with those of the program itself
        done = subprocess.run(["sh", "-c", f'ulimit -v {most}; exec "$@"', "sh", str(harness.DYNMON),
                               "check", str(wide)], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, harness.USAGE, done.stderr)
        self.assertIn("more paths than dynmon follows", done.stderr)

    def test_a_list_with_parts_of_another_type_is_none(self):
        self.dynmon("load", "l", self.build("list", LIST, "hook: tc"), *PLACE)
        self.refused(harness.USAGE, "deny", "l", "add", "10.0.0.1")
        self.dynmon("unload", "l")

    def test_a_probe_that_would_starve_the_next_is_refused(self):
        folder = self.build("starver", STARVER, "hook: tc")
        problems = self.dynmon("--json", "check", folder, code=harness.USAGE).json()["problems"]
        self.assertIn("a way out that does not hand the packet over to the next probe",
                      problems[0]["message"])


if __name__ == "__main__":
    harness.main()
