# SPDX-License-Identifier: BSD-2-Clause
"""Runs of dynmon-load that are killed, or given an error, at one chosen system call.

`calls()` lists the system calls of a run, from the first one that is dynmon's own: what the dynamic
loader does before main() is the same for every program and touches nothing but memory. A call is
(name, how many of that name so far), which is how strace's `when=` counts."""
import json
import os
import re
import subprocess
import sys

import frames
import harness

FRAME = frames.plain(60)
# Every single one with DYNMON_EVERY_SYSCALL=1. Else calls that can change nothing but the process'
# own memory and descriptors are thinned: with a kill on entry of one of them the world is what it
# is with a kill on entry of the next one that can change it, which is always in the list. (The command
# of a bpf(2) call decides; every call that is in neither list counts as one that changes.)
EVERY = os.environ.get("DYNMON_EVERY_SYSCALL") == "1"
STRIDE = 61  # one of so many is killed too, to test that the rule is right
PRIVATE_CALLS = {
    "access", "bind", "brk", "capget", "capset", "clock_gettime", "clock_nanosleep", "close", "dup",
    "dup3", "epoll_create1", "exit_group", "faccessat", "faccessat2", "fcntl", "fstat", "fstatfs",
    "futex", "getdents64", "geteuid", "getpid", "getrandom", "getsockname", "ioctl",
    "landlock_add_rule", "landlock_create_ruleset", "landlock_restrict_self", "lseek", "madvise",
    "membarrier", "mmap", "mprotect", "munmap", "newfstatat", "poll", "prctl", "pread64",
    "prlimit64", "read", "readlink", "readlinkat", "recvfrom", "recvmsg", "rt_sigaction",
    "rt_sigprocmask", "sched_getaffinity", "seccomp", "setns", "setsockopt", "socket", "statfs",
    "sysinfo", "uname"}
PRIVATE_COMMANDS = {
    "BPF_MAP_LOOKUP_ELEM", "BPF_MAP_GET_NEXT_KEY", "BPF_MAP_LOOKUP_BATCH", "BPF_OBJ_GET",
    "BPF_OBJ_GET_INFO_BY_FD", "BPF_BTF_LOAD", "BPF_BTF_GET_FD_BY_ID", "BPF_PROG_GET_FD_BY_ID",
    "BPF_MAP_CREATE", "BPF_MAP_FREEZE", "BPF_PROG_LOAD", "BPF_PROG_QUERY", "BPF_PROG_BIND_MAP",
    "BPF_PROG_TEST_RUN", "BPF_LINK_GET_FD_BY_ID"}


def is_private(name, first):
    """`openat` opens, and creates only in the folder of temporary files, which no verb here uses."""
    if name == "bpf":
        return first in PRIVATE_COMMANDS
    return name in PRIVATE_CALLS or name == "openat"


def parse(line):
    match = re.match(r"(\w+)\(([^,)]*)", line)
    return match.groups() if match else None


def own_calls(lines):
    """[(name, number, first argument)] behind the dynamic loader, whose last act is to unmap its
    cache of libraries."""
    counts, found, cache, linked = {}, [], None, False
    opened = False
    for line in lines:
        call = parse(line)
        if call is None:
            continue
        name, first = call
        counts[name] = counts.get(name, 0) + 1
        if not linked:
            if name == "openat" and '/etc/ld.so.cache"' in line:
                opened = True
            elif opened and cache is None and name == "mmap":
                cache = line.rsplit("= ", 1)[1].strip()
            elif name == "munmap" and first == cache:
                linked = True
            continue
        found.append((name, counts[name], first))
    return found


def main(*names):
    """Runs the tests called `names`, or those that were asked for, each in a sandbox of its own and
    all at once: most of the time they wait for grace periods of the kernel."""
    if len(sys.argv) > 1 or os.environ.get(harness.INSIDE):
        harness.main()
    runs = [(name, subprocess.Popen([sys.executable, sys.argv[0], name], text=True,
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT))
            for name in names]
    failed = 0
    for name, run in runs:
        out, _ = run.communicate()
        print(f"== {name}\n{out}", flush=True)
        failed += run.returncode != 0
    sys.exit(1 if failed else 0)


class CrashCase(harness.Case):
    PROBE = "pair"
    OPTIONS = ()

    def load_words(self):
        return ("load", "m", self.PROBE, "--dev", "blue0", "--netns", "blue", *self.OPTIONS)

    def trace(self, *words):
        """The calls of a run of `words`, which has to succeed."""
        log = self.folder / "trace"
        done = subprocess.run(["strace", "-qq", "-s", "40", "-o", str(log), str(harness.DYNMON),
                               *words], capture_output=True, text=True, timeout=60,
                              env=harness.environment(), cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        calls = own_calls(log.read_text().splitlines())
        self.assertGreater(len(calls), 40)
        return calls

    def run_at(self, call, fault, *words):
        """Runs `words` with `fault` ("signal=KILL", "error=ENOMEM") at one call."""
        name, number, _ = call
        done = subprocess.run(["strace", "-qq", "-o", "/dev/null", "-e", f"trace={name}", "-e",
                               f"inject={name}:{fault}:when={number}", str(harness.DYNMON),
                               *words], capture_output=True, text=True, timeout=60,
                              stdin=subprocess.DEVNULL, env=harness.environment(), cwd=self.folder)
        self.note_pins()
        return done

    def try_dynmon(self, *words):
        return subprocess.run([str(harness.DYNMON), *words], capture_output=True, text=True,
                              timeout=60, env=harness.environment(), cwd=self.folder)

    def start_over(self):
        """The next point is not to suffer for this one."""
        harness.sweep_bpffs()
        self.wire.close()
        self.new_wire()

    # Packets and windows

    def send(self, received, sent):
        """Waits until they have come through: a hook in any state has to let them pass."""
        self.receive(*[FRAME] * received)
        self.transmit(*[FRAME] * sent)

    def counted(self, documents):
        """(received, sent) of the windows; each counts once, as first printed whole."""
        totals = {"ingress": 0, "egress": 0}
        seen = set()
        for document in documents:
            for direction in totals:
                for metric in document.get(f"{direction}-metrics", ()):
                    key = document["window"]["sequence"], direction, metric["name"]
                    if key not in seen:
                        seen.add(key)
                        totals[direction] += metric["value"][0]
        return totals["ingress"], totals["egress"]

    def printed(self, text):
        """The whole documents in what a run printed before it was killed."""
        whole = text[:text.rfind("\n") + 1]
        return [json.loads(line) for line in whole.splitlines() if line.startswith('{"')]

    def totals(self, text):
        found = dict(re.findall(r'^(?!dynmon_).*direction="(\w+)"\} (\d+)$', text, re.M))
        return int(found.get("ingress", -1)), int(found.get("egress", -1))

    # What has to be true after each clean-up

    def assert_one_generation(self):
        status = self.status()
        self.assertEqual([(monitor["name"], monitor["health"]) for monitor in status["monitors"]],
                         [("m", "attached")], status)
        self.assertEqual({len(hook["chain"]) for hook in status["hooks"]}, {1}, status)
        names = [path.name for path in harness.STORE.rglob("*")]
        self.assertEqual([name for name in names if name.startswith("__stage_")], [])
        generations = list((harness.STORE / "monitors" / "m").glob("g*"))
        self.assertEqual(len(generations), 1, generations)

    def clean(self):
        if harness.STORE.exists():
            self.dynmon("unload", "--all")
        self.assertEqual((harness.pins(), harness.STORE.exists()), ([], False))
        self.assert_device_is_free()
