#!/usr/bin/python3
"""What a probe may do: what its manifest says, and what the machine's policy lets it."""
import pathlib
import subprocess
import sys

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
        # P-8 Without a word in its manifest
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

    def test_a_probe_that_would_starve_the_next_is_refused(self):
        folder = self.build("starver", STARVER, "hook: tc")
        problems = self.dynmon("--json", "check", folder, code=harness.USAGE).json()["problems"]
        self.assertIn("a way out that does not hand the packet over to the next probe",
                      problems[0]["message"])


if __name__ == "__main__":
    harness.main()
