#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Eight writers and four readers at random on one monitor and one interface, under traffic: none
meets half of what another one does, and no packet is lost or counted twice.

    DYNMON_STRESS_SECONDS=60   for so long; default: 25
    DYNMON_SEED=7              repeats the plan of the run that printed this seed
"""
import collections
import json
import os
import pathlib
import random
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

import frames
import harness
import published

SECONDS = float(os.environ.get("DYNMON_STRESS_SECONDS", 25))
SEED = int(os.environ.get("DYNMON_SEED", random.SystemRandom().randrange(1 << 32)))
WRITERS, READERS = 8, 4

FRAME = frames.ipv4(frames.udp(1, 2), frames.UDP)
PLACE = ("--dev", "blue0", "--netns", "blue")
HOOKS = ((), (), ("--hook", "xdp"))
# What the monitor that comes and goes may be, and the metrics that its documents then have.
PROBES = {"mixed": {"one", "two", "kept"}, "flows": {"flows", "flows_missed"}, "events": {"lost"}}
MAPS = ("MIXED_ONE", "MIXED_KEPT", "FLOWS_INGRESS", "PKT_COUNTER")

# A command that comes too late or waits too long says so; nothing else may go wrong.
KINDS = {harness.FAILED: "failed", harness.USAGE: "usage", harness.BUSY: "busy",
         harness.UNSUPPORTED: "unsupported", harness.REJECTED: "rejected"}
ANSWERS = {"no monitor 'm'": "failed", "has no map '": "usage", "is loaded already": "busy",
           "is on another interface or hook": "busy", "is locked by ": "busy",
           "still hold unread windows": "busy"}

WITHOUT_DEVICE = {**ANSWERS, "no monitor 'n'": "failed", "no interface 'blue0'": "failed",
                  "is not attached any more": "failed", "(ENODEV)": "failed"}


class Outcome:
    def __init__(self, words, done, begun, answers):
        self.words, self.code, self.answers = words, done.returncode, answers
        self.out, self.err = done.stdout.decode(), done.stderr.decode()
        if words[0] == "status" and self.out:
            self.code = 0  # it came through, whether all is well or not
        self.begun, self.ended = begun, time.time()

    def answer(self):
        """Which of the answers an error is; None: it is none of them."""
        lines = self.err.splitlines()
        error = json.loads(lines[-1])["error"] if lines else {"message": "", "kind": ""}
        for text, kind in self.answers.items():
            if text in error["message"] and error["kind"] == kind == KINDS.get(self.code):
                return text
        return None

    def __str__(self):
        return f"{' '.join(self.words)}: {self.code}\n{self.out[:500]}{self.err}"


class Worker(threading.Thread):
    """Runs one command after the other as its own random numbers will."""

    def __init__(self, crew, number, plan):
        super().__init__()
        self.crew, self.plan = crew, plan
        self.random = random.Random(f"{SEED}-{number}")
        self.outcomes = []

    def run(self):
        while time.monotonic() < self.crew.deadline and not self.crew.stopped.is_set():
            words = self.plan(self.random)
            begun = time.time()
            done = subprocess.run([str(harness.DYNMON), "--json", *words], capture_output=True,
                                  stdin=subprocess.DEVNULL, timeout=60, cwd=self.crew.folder,
                                  env=harness.environment())
            outcome = Outcome(words, done, begun, self.crew.answers)
            self.outcomes.append(outcome)
            if outcome.code != 0 and outcome.answer() is None:
                self.crew.stopped.set()


class Crew:
    def __init__(self, folder, plans, seconds=SECONDS, answers=ANSWERS):
        self.folder, self.answers = folder, answers
        self.stopped = threading.Event()
        self.deadline = time.monotonic() + seconds
        self.workers = [Worker(self, *numbered) for numbered in enumerate(plans)]

    def work(self):
        for worker in self.workers:
            worker.start()
        for worker in self.workers:
            worker.join()
        return [outcome for worker in self.workers for outcome in worker.outcomes]


def write(rng):
    """A change of m, which comes and goes, or of k, which is always there."""
    probe = rng.choice(tuple(PROBES))
    keep = rng.choice(((), ("--keep-matching-maps",)))
    place = (*PLACE, *rng.choice(HOOKS))
    return rng.choices((("load", "m", probe, *place, *rng.choice(((), ("--first",)))),
                        ("apply", "m", probe, *place, *keep),
                        ("replace", "m", probe, *keep),
                        ("unload", "m"),
                        ("recover",),
                        ("replace", "k", "flows", *rng.choice(((), ("--keep-maps",)))),
                        ("apply", "k", "flows", *PLACE, "--set",
                         f"track_ports={rng.randrange(2)}", "--keep-maps")),
                       (4, 3, 3, 2, 2, 1, 1))[0]


def look(rng):
    return rng.choices((("read", "m", "--format", "json"),
                        ("read", "m", "--peek", "--format", "json"),
                        ("read", "m", "--format", "openmetrics"),
                        ("read", "k", "--format", "json"),
                        ("read", "k", "--peek", "--format", "json"),
                        ("status",), ("status", "--stats", "20ms"),
                        ("dump", f"m/{rng.choice(MAPS)}", "--format", "json"),
                        ("dump", "k/FLOWS_INGRESS", "--format", "json"),
                        ("stream", f"{rng.choice('me')}/ARRIVALS", "--timeout", "50ms")),
                       (4, 2, 1, 4, 1, 2, 1, 1, 1, 1))[0]


def anything(rng):
    """On a device that comes and goes."""
    place = (*PLACE, *rng.choice(((), ("--tc", "clsact"), ("--hook", "xdp"))))
    return rng.choices((("load", "m", "packets", *place), ("load", "n", "flows", *place),
                        ("apply", "m", "flows", *place), ("replace", "m", "packets"),
                        ("unload", "m"), ("unload", "n"), ("recover",), ("status",),
                        ("read", "m", "--format", "json"), ("read", "n", "--peek")),
                       (4, 3, 2, 4, 2, 2, 1, 2, 3, 2))[0]


class StressCase(harness.Case):
    def setUp(self):
        super().setUp()
        print(f"DYNMON_SEED={SEED} DYNMON_STRESS_SECONDS={SECONDS:g}", flush=True)

    def check_answers(self, outcomes, verbs, unlucky=()):
        """`unlucky`: verbs of which none has to come through."""
        wrong = [str(outcome) for outcome in outcomes
                 if outcome.code != 0 and outcome.answer() is None]
        self.assertEqual(wrong, [], f"DYNMON_SEED={SEED}")
        table = collections.defaultdict(collections.Counter)
        for outcome in outcomes:
            table[outcome.words[0]][outcome.answer() if outcome.code else "done"] += 1
        for verb, answers in sorted(table.items()):
            print(f"  {verb:8}", ", ".join(f"{count} {answer.strip()}"
                                           for answer, count in sorted(answers.items())))
        self.assertEqual(set(table), {*verbs, *unlucky})
        for verb in verbs:
            self.assertGreater(table[verb]["done"], 0, f"no {verb} has come through")


class StressTest(StressCase):
    """PROMISES:
    S-25 The order of locks is
    S-10 After the next verb exactly one generation counts"""

    def test_writers_and_readers_at_random(self):
        self.load("w", "packets")  # the witness: no command touches it
        self.load("k", "flows")
        self.load("e", "events")
        with self.traffic(FRAME, pause=0.0005) as sent:
            outcomes = Crew(self.folder, [write] * WRITERS + [look] * READERS).work()
        self.check_answers(outcomes, ("load", "apply", "replace", "unload", "recover", "read",
                                      "status", "dump", "stream"))
        self.check_documents(outcomes)
        reads = self.documents(outcomes, "read", "k")
        reads += [(0, document) for document in self.read("k")]
        self.assertEqual(self.packets("w"), sent[0], "of what was sent the witness saw another "
                                                     "number: the frames were lost on their way")
        self.check_windows([document for _, document in reads], sent[0])
        self.check_lives(outcomes, sent[0])
        self.check_final_state()

    # What came out

    def check_documents(self, outcomes):
        for verb, kind in (("load", "load"), ("apply", "apply"), ("replace", "replace"),
                           ("unload", "unload"), ("recover", "recover"), ("status", "status"),
                           ("dump", "read"), ("read", "read")):
            lines = [line for outcome in outcomes for line in outcome.out.splitlines()
                     if outcome.words[0] == verb and outcome.code == 0
                     and "openmetrics" not in outcome.words]
            self.assertTrue(lines, verb)
            validator = published.validator(kind)
            for line in lines:
                document = published.strict(line)
                self.assertTrue(validator.is_valid(document), line)
                if verb == "status":
                    self.check_status(document)
                if verb == "read":
                    self.check_generation(document)
        exposed = [outcome.out for outcome in outcomes
                   if "openmetrics" in outcome.words and outcome.code == 0]
        for text in exposed:
            self.assertTrue(text.endswith("# EOF\n"), text)

    def check_status(self, document):
        """Taken under the lock: no change is seen half done."""
        for item in document["monitors"] + document["hooks"]:
            self.assertNotIn("problem", item)
            self.assertEqual(item["health"], "attached", item)
        self.assertLessEqual({"w", "k", "e"}, {item["name"] for item in document["monitors"]})

    def check_generation(self, document):
        """All its metrics are those of one probe."""
        names = {metric["name"] for metric in document["ingress-metrics"]}
        self.assertTrue(any(names <= metrics for metrics in PROBES.values()) and names, document)

    def documents(self, outcomes, *words):
        """(when the read began, document) of all reads that took a window away."""
        return [(outcome.begun, json.loads(line)) for outcome in outcomes if outcome.code == 0
                and outcome.words[:2] == words and "--peek" not in outcome.words
                and "openmetrics" not in outcome.words for line in outcome.out.splitlines()]

    # What was counted

    def check_windows(self, documents, sent):
        """The monitor that was always there: its windows follow each other, and all packets are
        in exactly one of them."""
        numbers = sorted(document["window"]["sequence"] for document in documents)
        self.assertEqual(numbers, list(range(1, len(numbers) + 1)))
        documents.sort(key=lambda document: document["window"]["sequence"])
        generations = [document["generation"] for document in documents]
        self.assertEqual(generations, sorted(generations))
        self.assertGreater(generations[-1], 2, "the monitor was hardly ever replaced")
        counted = sum(entry["value"]["packets"] for document in documents
                      for entry in self.value(document, "flows"))
        self.assertEqual(counted, sent)
        print(f"  {sent} packets in {len(numbers)} windows of {generations[-1]} generations")

    def check_lives(self, outcomes, sent):
        """The monitor that came and went: no moment is in two of its windows, and they hold no
        more than there was."""
        total, spans = 0, []
        for _, document in self.documents(outcomes, "read", "m"):
            for metric in document["ingress-metrics"]:
                if metric["name"] == "one":  # beside one that is never emptied: from the load on
                    total += metric["value"][0]
                elif metric["name"] == "flows":
                    total += sum(entry["value"]["packets"] for entry in metric["value"])
                    spans.append((document["window"]["from"], document["window"]["to"]))
        self.assertGreater(total, 0)
        self.assertLess(total, sent)
        spans.sort()
        for earlier, later in zip(spans, spans[1:]):
            self.assertLessEqual(earlier[1], later[0], "two windows overlap")

    def check_final_state(self):
        actions = self.dynmon("--json", "recover").json()["actions"]
        self.assertLessEqual(set(actions), {"kept unread windows of monitor 'm'"})
        status = self.status()
        self.check_status(status)
        for hook in status["hooks"]:
            places = [place.split("/")[0] for place in hook["chain"]]
            self.assertEqual(len(places), len(set(places)), hook)
        self.dynmon("unload", "--all")
        self.assert_nothing_left()


class DeviceTest(StressCase):
    """The device is deleted and made again while six go on at random."""

    def come_and_go(self, ended):
        self.wire.close_sockets()
        while not ended.is_set():
            self.blue.ip("link", "del", "blue0")
            self.rounds += 1
            time.sleep(0.05)
            self.blue.ip("link", "add", "blue0", "type", "veth", "peer", "name", "red0", "netns",
                         "red")
            self.blue.ip("link", "set", "blue0", "up")
            self.red.ip("link", "set", "red0", "up")
            ended.wait(0.15)

    def test_a_device_that_comes_and_goes(self):
        self.rounds = 0
        ended = threading.Event()
        thread = threading.Thread(target=self.come_and_go, args=(ended,))
        thread.start()
        try:
            outcomes = Crew(self.folder, [anything] * 6, SECONDS / 2, WITHOUT_DEVICE).work()
        finally:
            ended.set()
            thread.join()
        print(f"  the device went {self.rounds} times")
        self.assertGreater(self.rounds, 3)
        self.check_answers(outcomes, ("load", "unload", "recover", "read", "status"),
                           unlucky=("apply", "replace"))
        for outcome in outcomes:
            if outcome.words[0] == "status":
                document = json.loads(outcome.out)
                for item in document["hooks"] + document["monitors"]:
                    self.assertIn(item["health"], ("attached", "defunct", "detached"), item)
        self.dynmon("unload", "--all")
        self.assert_nothing_left()
        # And what is loaded now is on the device of now.
        self.load("m", "packets")
        self.receive(*[FRAME] * 3)
        self.assertEqual(self.packets("m"), 3)


if __name__ == "__main__":
    harness.main()
