#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What packets cost at worst, and `--limit`, which takes a program out that costs too much."""
import frames
import harness
import published

SLOW = ("--set", "turns=1000")  # some 20 µs a packet
LIMIT = "4us"


class LimitTest(harness.Case):
    HOOKS = ("tc", "xdp")

    def program(self, name, *options):
        monitor, = self.status(name, *options)["monitors"]
        return monitor["programs"][0]

    def send_until_out(self, name):
        with self.traffic(frames.plain(60)):
            return self.eventually(lambda: self.program(name)["taken-out"], f"{name} is taken out")

    def counted(self, name):
        return self.value(self.read(name)[-1], "costly")[0]

    def out_of_chain(self, hook):
        """`slow`, taken out, with `behind` behind it."""
        self.load("slow", "costly", *SLOW, "--hook", hook, "--limit", LIMIT)
        self.load("behind", "packets", "--hook", hook)
        return self.send_until_out("slow")

    def test_a_slow_program_is_taken_out_and_those_behind_it_go_on(self):
        for hook in self.HOOKS:
            with self.subTest(hook):
                out = self.out_of_chain(hook)
                self.assertGreater(out["ns-per-packet"], 4000)
                self.assertEqual(self.program("slow")["limit-ns"], 4000)
                before = self.counted("slow"), self.packets("behind")
                with self.traffic(frames.plain(60)) as sent:
                    self.eventually(lambda: sent[0] > 50, "some packets")
                self.assertEqual(self.packets("behind") - before[1], sent[0])
                self.assertEqual(self.counted("slow"), before[0])
                self.dynmon("unload", "--all")

    def test_a_program_within_its_limit_runs_on(self):
        for hook in self.HOOKS:
            with self.subTest(hook):
                self.load("quick", "costly", "--hook", hook, "--limit", "1ms")
                with self.traffic(frames.plain(60)) as sent:
                    self.eventually(lambda: sent[0] > 1000, "many packets")
                self.assertIsNone(self.program("quick")["taken-out"])
                self.assertEqual(self.counted("quick"), sent[0])
                self.dynmon("unload", "--all")

    def test_every_verb_says_so(self):
        out = self.out_of_chain("tc")
        status = self.dynmon("--json", "status", "slow")
        published.require(self, "status", status.out)
        self.assertEqual(status.json()["monitors"][0]["health"], "over-limit")
        words = f"{out['ns-per-packet']} ns a packet exceed its limit of 4000 ns, since {out['since']}"
        self.assertIn(f"    taken out: {words}\n", self.dynmon("status", "slow").out)
        problem, = [problem for problem in self.dynmon("doctor", "--json").json()["problems"]
                    if "'slow'" in problem["problem"]]
        self.assertEqual(problem["problem"], f"monitor 'slow': program 'costly' was taken out: {words}")
        self.assertIn("dynmon-load replace slow", problem["remedy"])
        read = self.dynmon("read", "slow", "--format", "json")
        self.assertIn(words, read.err)
        self.assertEqual(read.json()["attached"], {"ingress": False})
        self.assertIn('dynmon_hook_attached{monitor="slow",device="blue0",direction="ingress",'
                      'hook="tc-ingress"} 0\n',
                      self.dynmon("read", "slow", "--format", "openmetrics").out)
        self.assertNotIn("exceed", self.dynmon("read", "behind").err)

    def test_replace_lets_it_run_again_under_the_same_limit_or_another(self):
        self.out_of_chain("tc")
        self.replace("slow", "costly", "--keep-maps")
        self.assertEqual(self.program("slow")["limit-ns"], 4000)
        self.assertIsNone(self.program("slow")["taken-out"])
        self.receive(*[frames.plain(60)] * 1000)
        self.assertIsNone(self.program("slow")["taken-out"])
        self.replace("slow", "costly", *SLOW)
        self.send_until_out("slow")
        self.replace("slow", "costly", *SLOW, "--limit", "0")
        self.receive(*[frames.plain(60)] * 100)
        program = self.program("slow")
        self.assertEqual((program["limit-ns"], program["taken-out"]), (None, None))
        self.assertEqual(self.counted("slow"), 100)

    def test_apply_changes_the_limit_when_it_is_named(self):
        def apply(*options):
            return self.dynmon("--json", "apply", "q", "costly", "--dev", "blue0", "--netns", "blue",
                               *options).json()["outcome"]

        self.assertEqual(apply("--limit", "500us"), "loaded")
        self.assertEqual(apply(), "unchanged")
        self.assertEqual(apply("--limit", "500000"), "unchanged")
        self.assertEqual(apply("--limit", "1ms"), "replaced")
        self.assertEqual(self.program("q")["limit-ns"], 1_000_000)

    def test_an_object_without_the_meter_is_refused_with_the_cure(self):
        old = harness.probe("old_meter") / "old_meter.bpf.o"
        place = ("--dev", "blue0", "--netns", "blue")
        error = self.refused(harness.USAGE, "load", "o", old, *place, "--limit", "1us")
        self.assertIn("program 'old_meter' cannot be held to a limit", error["message"])
        self.assertIn("build the probe again", error["hint"])
        self.load("o", "costly", "--limit", "1ms")
        error = self.refused(harness.USAGE, "replace", "o", old)
        self.assertIn("cannot be held to a limit", error["message"])
        self.replace("o", old, "--limit", "0")

    def test_a_limit_that_is_none_is_refused(self):
        for text in ("-1", "2s", "soon", "1.5.2us"):
            error = self.refused(harness.USAGE, "load", "o", "costly", "--dev", "blue0", "--netns",
                                 "blue", f"--limit={text}")
            self.assertIn(f"--limit '{text}' is no time up to 1s", error["message"])

    def test_statistics_have_the_worst_packet_beside_the_average(self):
        self.load("f", "costly", *SLOW)
        with self.traffic(frames.plain(60)):
            program = self.program("f", "--stats", "300ms")
            text = self.dynmon("status", "f", "--stats", "100ms").out
        self.assertGreaterEqual(program["worst-ns"], program["ns-per-run"])
        self.assertGreater(program["ns-per-run"], 4000)
        self.assertRegex(text, r"  \d+ runs, \d+ ns each, at worst \d+ ns\n")

    def test_an_object_of_an_older_header_has_an_average_and_no_worst(self):
        self.load("o", harness.probe("old_meter") / "old_meter.bpf.o")
        with self.traffic(frames.plain(60)):
            program = self.program("o", "--stats", "300ms")
            text = self.dynmon("status", "o", "--stats", "100ms").out
        self.assertGreater(program["run-count"], 0)
        self.assertEqual((program["ns-per-run"], program["worst-ns"]), (7, None))
        self.assertRegex(text, r"  \d+ runs, 7 ns each\n")


if __name__ == "__main__":
    harness.main()
