# SPDX-License-Identifier: BSD-2-Clause
"""Files that dynmon-load is to refuse."""
import hashlib
import shutil
import time

import harness
from harness import STORE


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


class FilesCase(harness.Case):
    def refuse(self, code, *words):
        """The error as one text; it came at once, and nothing is left of the attempt."""
        begun = time.monotonic()
        error = self.refused(code, *words)
        self.assertLess(time.monotonic() - begun, 20)
        self.assertEqual((harness.pins(), STORE.exists()), ([], False))
        return error["message"] + " | " + error.get("hint", "")

    def copy(self, name="tally"):
        folder = self.folder / name
        shutil.copytree(harness.probe(name), folder, dirs_exist_ok=True)
        return folder
