# SPDX-License-Identifier: BSD-2-Clause
"""Verbs that are killed at one system call after the other, and what has to be true after each."""
import sys

import crash
import harness

KILL = "signal=KILL"


class KilledCase(crash.CrashCase):
    def points(self, *words):
        """Where to be killed: see crash.EVERY."""
        calls = self.trace(*words)
        if crash.EVERY:
            return calls
        return [call for index, call in enumerate(calls)
                if not crash.is_private(call[0], call[2]) or index % crash.STRIDE == 0]

    def every_point(self, *words, prepare, check, between=lambda: None):
        """prepare(); for each point: between(), kill, check(what was printed, number)."""
        prepare()
        between()
        points = self.points(*words)
        self.clean()
        self.assertGreater(len(points), 10)
        missed, ready = 0, False
        for number, point in enumerate(points):
            with self.subTest(point=point, number=number, of=len(points)):
                try:
                    if not ready:
                        prepare()
                        ready = True
                    between()
                    done = self.run_at(point, KILL, *words)
                    missed += done.returncode == 0
                    if done.returncode != 0:
                        self.assertEqual(done.returncode, -9, (point, done.stderr))
                    check(done.stdout, number)
                    ready = harness.STORE.exists()
                except BaseException:
                    ready = False
                    self.start_over()
                    raise
        print(f"{' '.join(words[:3])}: killed at {len(points) - missed} of {len(points)} calls",
              file=sys.stderr)
        # A run may make some calls fewer than the one that was traced.
        self.assertLess(missed, 6 + len(points) // 20)


class RunningCase(KilledCase):
    def prepare(self):
        self.dynmon(*self.load_words())
        self.sent = (0, 0)

    def count(self, received, sent):
        self.send(received, sent)
        self.sent = (self.sent[0] + received, self.sent[1] + sent)

    def next_verb(self, number, *words):
        """The next verb has to find its way."""
        if number % 3 == 0:
            return self.printed(self.dynmon(*words).out)
        if number % 3 == 1:
            self.dynmon("recover")
        return []

    def check_windows(self, *words, kill=None, between=lambda: None):
        """Kills `kill`, else `words`; `words` are sometimes run again. No window is lost or counted
        twice. `between` comes before each kill."""
        first = between

        def between():
            first()
            self.read("m")
            self.sent = (0, 0)
            self.count(3, 2)

        def check(printed, number):
            documents = self.printed(printed)
            self.count(2, 1)
            documents += self.next_verb(number, *words)
            self.count(1, 1)
            self.assertEqual(self.counted(documents + self.read("m")), self.sent)
            self.dynmon("recover")
            self.assert_one_generation()
        self.every_point(*(kill or words), prepare=self.prepare, between=between, check=check)
