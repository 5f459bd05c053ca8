#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""--dry-run: nothing changes, and the command takes just the steps that were shown."""
import json
import os
import re

import frames
import harness
import published
import wire
from harness import STORE


def pins():
    """Every name in the store."""
    return sorted(os.path.join(folder, name) for folder, folders, files in os.walk(STORE)
                  for name in folders + files)


class DryRunTest(harness.Case):
    PLACE = ("--dev", "blue0", "--netns", "blue")

    def slots(self):
        return {chain: wire.command("bpftool", "-j", "map", "dump", "pinned", str(chain))
                for chain in sorted(STORE.glob("hooks/*/chain"))}

    def check(self, *words):
        """The steps that are shown are those that are taken."""
        before = pins(), self.slots()
        shown = self.dynmon(*words, "--dry-run").out.splitlines()
        document = self.dynmon("--json", *words, "--dry-run").out
        published.require(self, "dry-run", document)
        self.assertEqual(json.loads(document)["steps"], shown)
        self.assertEqual((pins(), self.slots()), before)
        taken = re.findall(r"step: (.*)$", self.dynmon("-v", *words).err, re.M)
        self.assertEqual([step for step in taken if not step.startswith("check ")], shown)
        self.assertNotEqual((pins(), self.slots()), before)
        return shown

    def test_load(self):
        steps = self.check("load", "a", "pair", *self.PLACE)  # there is not even a store
        self.assertEqual(len([step for step in steps if step.startswith("make hook")]), 2)
        self.assertIn("load generation 1 of a", steps)
        self.assertEqual(steps[-1], "write monitors/a/state: running")
        self.check("load", "b", "flows", *self.PLACE, "--first")
        self.refused(harness.BUSY, "load", "a", "pair", *self.PLACE, "--dry-run")

    def test_replace(self):
        for name in "ab":
            self.load(name, "pair")
        steps = self.check("replace", "a", "pair", "--keep-maps")
        self.assertIn("rename monitors/a/__stage to monitors/a/g2", steps)
        self.assertIn("retire generation 1 of a", steps)

    def test_replace_that_leaves_a_window(self):
        self.load("a", "pair")
        self.receive(*[frames.plain(60)] * 3)
        self.assertNotIn("remove monitors/a/__stage", self.check("replace", "a", "pair"))

    def test_apply(self):
        words = ("apply", "a", "packets", *self.PLACE)
        self.check(*words)
        self.assertEqual(self.dynmon(*words, "--dry-run").out, "nothing to do\n")
        self.check("apply", "a", "pair", *self.PLACE)

    def test_apply_to_a_hook_that_was_detached(self):
        self.load("a", "packets")
        for link in STORE.glob("hooks/*/link"):
            wire.command("bpftool", "link", "detach", "pinned", str(link))
        words = ("apply", "a", "packets", *self.PLACE)
        shown = self.dynmon(*words, "--dry-run").out.splitlines()
        self.assertEqual([step.split()[0] for step in shown], ["attach", "attach"])
        self.assertEqual(self.hook("tc-ingress")["health"], "detached")
        self.dynmon(*words)
        self.assertEqual(self.hook("tc-ingress")["health"], "attached")

    def test_unload(self):
        self.load("a", "pair")
        self.load("b", "pair")
        self.assertIn("unpin monitors/a/g1/prog-ingress-a", self.check("unload", "a"))
        self.assertIn("remove the empty store", self.check("unload", "b"))

    def test_unload_of_all_is_one_list(self):
        for name in "ab":
            self.load(name, "packets")
        steps = self.check("unload", "--all")
        detached = [step for step in steps if step.startswith("detach")]
        self.assertEqual(len(detached), 2)  # behind the last monitor, once a hook
        self.assertLess(steps.index("write monitors/b/state: unloading"),
                        steps.index(detached[0]))

    def test_recover(self):
        self.load("a", "packets")
        (STORE / "monitors" / "__stage_1_1").mkdir()
        for order in STORE.glob("hooks/*/order"):
            order.unlink()
        steps = self.check("recover")
        self.assertEqual(steps[0], "remove monitors/__stage")
        self.assertEqual(self.dynmon("recover", "--dry-run").out, "nothing to do\n")


if __name__ == "__main__":
    harness.main()
