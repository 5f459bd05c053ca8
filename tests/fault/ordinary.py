# SPDX-License-Identifier: BSD-2-Clause
"""dynmon-load run by an ordinary user, with the capabilities that a test gives it."""
import os
import shutil
import subprocess

import harness
from harness import BPFFS

USER = 65534
ALL = ("CAP_SYS_ADMIN", "CAP_NET_ADMIN", "CAP_BPF", "CAP_PERFMON")
HERE = ("--dev", "blue0")


def load(probe, *options, place=HERE):
    return ("load", "p", probe, *place, *options)


def reachable(folder, *probes):
    """Copies of the binary and of probes that everybody can reach: the build may lie below a folder
    that is closed to others, as /root is."""
    folder.chmod(0o755)
    binary, copies = folder / "dynmon-load", folder / "probes"
    binary.write_bytes(harness.DYNMON.read_bytes())
    binary.chmod(0o755)
    for name in probes:
        shutil.copytree(harness.probe(name), copies / name)
    for path in (copies, *copies.rglob("*")):
        path.chmod(0o755)
    return binary, copies


class RightsCase(harness.Case):
    """An ordinary user with a store of its own, and copies of binary and probes that it can read."""

    def setUp(self):
        super().setUp()
        self.copy, self.probes = reachable(self.folder, "packets", "flows", "crypto", "dropper",
                                           "events", "ssdp", "template")
        self.store = BPFFS / "mine"
        self.store.mkdir(0o700)
        os.chown(self.store, USER, USER)
        self.at_end.append(self.empty_store)

    def empty_store(self):
        self.user(ALL, "unload", "--all")
        if self.store.exists():  # in an open folder it goes with its last monitor
            self.store.rmdir()

    def words(self, rights, *words, uid=USER, here=True):
        caps = ",".join(["-all", *("+" + right.removeprefix("CAP_").lower() for right in rights)])
        return [*(("nsenter", f"--net={self.blue.path}") if here else ()),
                "setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups",
                f"--inh-caps={caps}", f"--ambient-caps={caps}", f"--bounding-set={caps}",
                str(self.copy), "--bpffs", str(self.store), *map(str, words)]

    def options(self):
        return {"cwd": self.folder, "stdin": subprocess.DEVNULL,
                "env": harness.environment(DYNMON_PROBE_PATH=str(self.probes))}

    def attempt(self, rights, *words, here=True, uid=USER):
        done = subprocess.run(self.words(rights, *words, here=here, uid=uid), capture_output=True,
                              timeout=60, **self.options())
        self.note_pins()
        return harness.Result(done.returncode, done.stdout, done.stderr)

    def user(self, rights, *words, here=True):
        """dynmon-load of the user, which has to succeed; unloading all of nothing does not."""
        result = self.attempt(rights, *words, here=here)
        if words[0] != "unload" or "--all" not in words:
            self.assertEqual(result.code, 0, f"{rights} {words}: {result.err}")
        return result
