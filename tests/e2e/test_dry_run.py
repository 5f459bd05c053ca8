#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""--dry-run: nothing changes, and the command takes just the steps that were shown."""
import json
import os
import re

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
