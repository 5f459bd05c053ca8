#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""An error from one system call of a verb: the verb is done, or refused with a message that names
what failed; packets flow, counts are exact, and the same verb works the next time."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

import crash
import harness

ERRORS = ("ENOMEM", "EPERM", "EINTR", "EAGAIN", "ENOSPC", "EMFILE")
# No other error is known of these.
MEMORY = {"mmap", "mprotect", "brk"}
# These cannot fail so, or their failure has no effect.
NEVER = {"close", "exit_group", "futex", "getpid", "geteuid", "munmap", "rt_sigaction",
         "rt_sigprocmask", "uname", "sysinfo", "clock_nanosleep", "clock_gettime"}
# Done again or done without: then the verb succeeds.
RETRIED = {("flock", "EINTR"), ("flock", "EAGAIN"), ("write", "EINTR"), ("write", "EAGAIN"),
           ("recvmsg", "EINTR"), ("recvfrom", "EINTR")}


def injected(call, error):
    """What strace has to inject. brk never returns an error: the kernel answers with the break as it is,
    and the C library compares; a negative number would be taken for a very large success."""
    return "retval=0" if call == "brk" else f"error={error}"


class ErrorCase(crash.CrashCase):
    """PROMISES:
    S-1 Traffic is never stopped
    S-7 Any verb, killed anywhere, succeeds when it is run again, or says that it is done
    S-19 An error of a system call ends the verb as a kill would, but for what can be taken
    S-20 What cannot be looked at"""

    def faults(self, *words):
        """(call, error): all of them, or each call with one error, in turn, and the private calls
        thinned as in crash.py."""
        calls = [call for call in self.trace(*words) if call[0] not in NEVER]
        if crash.EVERY:
            return [(call, error) for call in calls for error in ERRORS
                    if call[0] not in MEMORY or error == "ENOMEM"]
        chosen = [call for index, call in enumerate(calls)
                  if not crash.is_private(call[0], call[2]) or index % crash.STRIDE == 0]
        once = [(call, "ENOMEM" if call[0] in MEMORY else ERRORS[index % len(ERRORS)])
                for index, call in enumerate(chosen)]
        # What has to be done again is tried at every call, whatever its turn was.
        return once + [(call, error) for call in chosen for name, error in sorted(RETRIED)
                       if call[0] == name and (call, error) not in once]

    def says_who_holds_it(self, done, call, error):
        """EAGAIN is how flock(2) says that another process holds the lock. The lock of a reader is one
        that no verb waits for."""
        return call[0] == "flock" and error == "EAGAIN" and done.returncode == harness.BUSY and \
            "another reader takes the windows of monitor 'm'" in done.stderr

    def check_message(self, done, call, error):
        """One sentence on stderr that says what failed, by name."""
        if call[0] == "setns" and done.returncode == -6:  # going on would act on others' devices
            self.assertIn("cannot return to own network namespace", done.stderr)
            return
        self.assertIn(done.returncode, (harness.FAILED, harness.USAGE, harness.BUSY,
                                        harness.UNSUPPORTED, harness.REJECTED), done.stderr)
        lines = [line for line in done.stderr.splitlines() if line.startswith("dynmon-load: ")]
        self.assertTrue(lines, done.stderr)
        # libbpf takes a probe of the kernel that fails for whatever reason for a lack of the kernel,
        # and goes on without the map.
        if "is referenced but wasn't created" in lines[-1] and call[0] == "bpf":
            return
        if error not in lines[-1]:
            self.unnamed.append((call, error, done.returncode, lines[-1][:150]))

    def every_fault(self, *words, prepare, check, between=lambda: None):
        """prepare(); for each fault: between(), run, check(run)."""
        prepare()
        between()
        faults = self.faults(*words)
        self.clean()
        ready, failed = False, 0
        self.unnamed = []
        for call, error in faults:
            with self.subTest(call=call, error=error):
                try:
                    if not ready:
                        prepare()
                        ready = True
                    between()
                    done = self.run_at(call, injected(call[0], error), *words)
                    if self.says_who_holds_it(done, call, error):
                        failed += 1
                    elif done.returncode != 0:
                        failed += 1
                        self.check_message(done, call, error)
                        self.assertNotIn((call[0], error), RETRIED, done.stderr)
                    check(done)
                    ready = harness.STORE.exists()
                except BaseException:
                    ready = False
                    self.start_over()
                    raise
        print(f"{' '.join(words[:3])}: {len(faults)} errors, {failed} refused", file=sys.stderr)
        self.assertGreater(failed, len(faults) // 4)
        self.assertEqual(self.unnamed, [])


class LoadErrorTest(ErrorCase):
    def check(self, done):
        self.send(1, 1)
        known = 1
        if self.status()["monitors"]:  # it was done, and could not say so
            self.assert_one_generation()
        else:
            known = 0
            self.assertNotEqual(done.returncode, 0)
            self.dynmon(*self.load_words())
        self.send(3, 2)
        self.assert_one_generation()
        self.assertEqual(self.counted(self.read("m")), (3 + known, 2 + known))
        self.dynmon("unload", "m")
        self.dynmon("recover")
        self.assertEqual((harness.pins(), harness.STORE.exists()), ([], False))
        self.assert_device_is_free()

    def test_a_load_that_fails_leaves_nothing(self):
        self.every_fault(*self.load_words(), prepare=lambda: None, check=self.check)


class ClsactErrorTest(LoadErrorTest):
    OPTIONS = ("--tc", "clsact")


class RunningErrorTest(ErrorCase):
    def prepare(self):
        self.dynmon(*self.load_words())

    def between(self):
        self.read("m")
        self.send(3, 2)

    def check_verb(self, *words):
        def check(done):
            documents = self.printed(done.stdout)
            self.send(2, 1)
            if done.returncode != 0:
                documents += self.printed(self.dynmon(*words).out)
            self.assertEqual(self.counted(documents + self.read("m")), (5, 3))
            self.dynmon("recover")
            self.assert_one_generation()
        self.every_fault(*words, prepare=self.prepare, between=self.between, check=check)

    def test_replace(self):
        self.check_verb("replace", "m", self.PROBE)

    def test_replace_that_keeps_maps(self):
        self.check_verb("replace", "m", self.PROBE, "--keep-maps")

    def test_read(self):
        self.check_verb("read", "m", "--format", "json")

    def test_unload(self):
        def check(done):
            self.send(2, 1)
            again = self.try_dynmon("unload", "m")
            if again.returncode != 0:  # it was done but for the last directory
                self.assertIn("no monitor 'm'", again.stderr)
            self.dynmon("recover")
            self.assertEqual((harness.pins(), harness.STORE.exists()), ([], False), done.stderr)
            self.assert_device_is_free()
        self.every_fault("unload", "m", prepare=self.prepare, between=self.between, check=check)


if __name__ == "__main__":
    crash.main("LoadErrorTest", "ClsactErrorTest", "RunningErrorTest.test_replace",
               "RunningErrorTest.test_replace_that_keeps_maps", "RunningErrorTest.test_read",
               "RunningErrorTest.test_unload")
