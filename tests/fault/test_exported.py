#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""`export` is killed at one system call after the other, and finds its disk full at one page after
the other: every packet is in the files once."""
import json
import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

import crash
import frames
import harness
import killed
import wire
from exports import fill_disk

HEADER_CELLS = 20


LENGTHS = 1400  # of payloads


class Ledger:
    """Packets with a number each, which their payload's length and their client's port tell, and
    where they went."""

    def __init__(self, case, out):
        self.case, self.out, self.sent = case, out, 0

    def send(self, count, sessions=2):
        """Over the line they go in turns to so many sessions, of both directions."""
        for _ in range(count):
            self.sent += 1
            block, length = divmod(self.sent, LENGTHS)
            ports, data = (2000 + 100 * block + self.sent % sessions, 53), bytes(length)
            if self.sent % 3:
                self.case.receive(frames.ipv4(frames.udp(*ports, data), frames.UDP))
            else:
                self.case.transmit(frames.ipv4(frames.udp(*ports[::-1], data), frames.UDP,
                                               "10.0.0.2", "10.0.0.1"))

    @staticmethod
    def number(port, length):
        return (port - 2000) // 100 * LENGTHS + length

    def written(self):
        """The numbers in all files, and an error when one is not whole. A window that is written
        twice has sessions without packets: those are in no queue any more."""
        found = []
        for path in self.out.glob("result_*.json"):
            for session in json.loads(path.read_text()):
                self.case.assertTrue(session["packets"], path)
                found += [self.number(session["id"][1], packet[4])
                          for packet in session["packets"]]
        for path in self.out.glob("*-iter*.csv"):
            text = path.read_text()
            self.case.assertEqual(len(text.split("\n")), 7, path)
            port = int(path.name.split("___")[0].split("-")[1])
            cells = text.split("\n")[5].split(",\t")[1]
            found += [self.number(port, int(cell)) for cell in cells.split(", ")]
        return sorted(found)

    def check(self):
        self.case.assertEqual(self.written(), list(range(1, self.sent + 1)))
        self.check_folder()

    def check_folder(self):
        """Nothing is left that a run at work needs."""
        self.case.assertEqual([path.name for path in self.out.iterdir()
                               if path.name.startswith(".")], [".dynmon-export.json"])


class CountedLedger(Ledger):
    """A ledger of the profile `crypto`: how many packets there were."""

    def written(self):
        path = self.out / "results.csv"
        lines = path.read_text().split("\n")[1:-1] if path.exists() else []
        rows = [line.split(", ") for line in lines]
        for row in rows:
            self.case.assertEqual(len(row), HEADER_CELLS, row)
        return sum(int(row[7]) + int(row[8]) for row in rows)

    def check(self):
        self.case.assertEqual(self.written(), self.sent)
        self.check_folder()


class Words:
    """The run that fails and is repeated."""
    PROBE, PROFILE, OPTIONS_OF_EXPORT, LEDGER = "ddos", "ddos", ("--format", "json"), Ledger

    def words(self):
        return ("export", "m", "--profile", self.PROFILE, "--out", str(self.out), "--interval",
                "1ms", "--count", "1", *self.OPTIONS_OF_EXPORT)


class KilledTest(Words, killed.KilledCase):
    def prepare(self):
        self.dynmon(*self.load_words())
        shutil.rmtree(self.out, ignore_errors=True)
        self.ledger = self.LEDGER(self, self.out)
        self.ledger.send(1)
        self.dynmon(*self.words())  # from now on the folder is there, for every run

    def test_a_killed_export_writes_every_packet_once(self):
        self.out = self.folder / "out"

        def between():
            self.ledger.send(6)

        def check(_, number):
            self.ledger.written()  # no half file, whatever is missing yet
            self.ledger.send(2)
            if number % 3 == 1:
                self.dynmon("recover")
            if number % 3 == 2:
                self.dynmon("replace", "m", self.PROBE)
                self.ledger.send(1)
            self.dynmon(*self.words())
            self.ledger.check()
            self.assert_one_generation()
        self.every_point(*self.words(), prepare=self.prepare, between=between, check=check)


class KilledCsvTest(KilledTest):
    OPTIONS_OF_EXPORT = ()


class KilledCryptoTest(KilledTest):
    PROBE, PROFILE, OPTIONS_OF_EXPORT, LEDGER = "crypto", "crypto", (), CountedLedger


class FullDiskTest(Words, harness.Case):
    PAGES = 64

    def setUp(self):
        super().setUp()
        self.out = self.folder / "out"
        self.out.mkdir()
        wire.command("mount", "-t", "tmpfs", "-o", f"size={self.PAGES * 4096}", "tmpfs",
                     str(self.out))
        self.addCleanup(wire.command, "umount", "-l", str(self.out))

    def test_nothing_is_lost_on_a_full_disk_and_nothing_is_there_twice(self):
        self.dynmon("load", "m", self.PROBE, "--dev", "blue0", "--netns", "blue")
        ledger = self.LEDGER(self, self.out)
        failures = 0
        for pages in (0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 30):
            with self.subTest(pages=pages):
                ledger.send(8, sessions=12)
                fill_disk(self.out, pages)
                run = self.try_export()
                if run.code != harness.OK:
                    failures += 1
                    self.assertEqual(run.code, harness.FAILED, run.err)
                    self.assertIn("ENOSPC", run.err)
                    self.assertIn("make room and run it again", run.err)
                    before = ledger.written()
                    fill_disk(self.out, 0)
                    self.dynmon(*self.words(), code=harness.FAILED)
                    self.assertEqual(ledger.written(), before)
                (self.out / "filler").unlink()
                ledger.send(1)
                self.dynmon(*self.words())
                ledger.check()
                self.clear_disk(ledger)
        self.assertGreater(failures, 2)

    def try_export(self):
        done = subprocess.run([str(harness.DYNMON), *self.words()], capture_output=True, timeout=60,
                              env=harness.environment())
        self.note_pins()
        return harness.Result(done.returncode, done.stdout, done.stderr)

    def clear_disk(self, ledger):
        """Takes away what was written, as a reader would."""
        ledger.sent = 0
        for path in self.out.iterdir():
            if not path.name.startswith("."):
                path.unlink()


class FullDiskCsvTest(FullDiskTest):
    OPTIONS_OF_EXPORT = ()


class FullDiskCryptoTest(FullDiskTest):
    PROBE, PROFILE, OPTIONS_OF_EXPORT, LEDGER = "crypto", "crypto", (), CountedLedger


class OtherFolderTest(Words, harness.Case):
    def test_what_one_folder_had_no_room_for_goes_to_another(self):
        self.dynmon("load", "m", self.PROBE, "--dev", "blue0", "--netns", "blue")
        full, self.out = self.folder / "full", self.folder / "other"
        full.mkdir()
        wire.command("mount", "-t", "tmpfs", "-o", "size=4096,nr_inodes=2", "tmpfs", str(full))
        self.addCleanup(wire.command, "umount", "-l", str(full))
        ledger = Ledger(self, self.out)
        ledger.send(9)
        words = list(self.words())
        words[words.index(str(self.out))] = str(full)
        self.assertIn("ENOSPC", self.dynmon(*words, code=harness.FAILED).err)
        self.dynmon(*self.words())
        ledger.check()


if __name__ == "__main__":
    crash.main("KilledTest", "KilledCsvTest", "KilledCryptoTest", "FullDiskTest",
               "FullDiskCsvTest", "FullDiskCryptoTest", "OtherFolderTest")
