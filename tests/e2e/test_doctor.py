#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What `doctor` says of the kernel, of this machine and of the store; that it is so, and that
nothing is changed by it."""
import json
import os
import pathlib
import platform
import subprocess

import frames
import harness
import kernel
import published
from harness import STORE

NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


class DoctorTest(harness.Case):
    def doctor(self, *options, **keywords):
        return published.require(self, "doctor",
                                 self.dynmon("--json", *options, "doctor", **keywords).out)

    def problems(self, *options):
        return {entry["problem"]: entry["remedy"] for entry in self.doctor(*options)["problems"]}

    def remedy(self, part):
        """The remedy of the one problem that has `part` in its text."""
        found = [(text, remedy) for text, remedy in self.problems().items() if part in text]
        self.assertEqual(len(found), 1, (part, self.problems()))
        return found[0][1]

    def test_the_kernel_and_the_machine_are_this_one(self):
        document = self.doctor()
        self.assertEqual(document["kernel"]["release"], platform.release())
        self.assertEqual(document["kernel"]["machine"], platform.machine())
        self.assertEqual(document["kernel"]["online-cpus"], os.sysconf("SC_NPROCESSORS_ONLN"))
        environment = document["environment"]
        self.assertEqual(environment["user"], 0)
        self.assertEqual(environment["landlock"], kernel.landlock())
        sysctl = pathlib.Path("/proc/sys/kernel/unprivileged_bpf_disabled").read_text()
        self.assertEqual(environment["unprivileged-bpf-disabled"], int(sysctl))
        self.assertEqual(environment["bpffs"], {"path": "/sys/fs/bpf", "mounted": True,
                                                "mode": "1777", "owner": 0})

    def test_features_are_what_the_kernel_does_when_it_is_asked(self):
        features = self.doctor()["features"]
        self.assertEqual([name for name, value in features.items() if value is None], [])
        self.assertEqual(features["btf"], os.path.exists("/sys/kernel/btf/vmlinux"))
        self.assertEqual(features["tcx"], kernel.has_tcx())
        self.load("p", "packets")
        self.assertEqual(self.hook("tc-ingress")["mode"], harness.tc_mode())
        best = "tai" if features["clock-tai"] else "boot" if features["clock-boot"] else "ktime"
        self.assertEqual(self.status("p")["monitors"][0]["clock"], best)

    def devices(self):
        """What is attached to the devices of this namespace and of blue."""
        found = []
        for words in (["ip", "-j", "-d", "link"], ["ip", "-n", "blue", "-j", "-d", "link"]):
            found += [(device["ifname"], device["ifindex"], device.get("xdp"))
                      for device in json.loads(subprocess.check_output(words))]
        return found, subprocess.check_output(["tc", "-n", "blue", "qdisc"])

    def test_nothing_is_changed(self):
        self.load("p", "packets")
        before = (harness.pins(), self.status(), [kernel.object_id(pin) for pin in harness.pins()])
        devices = self.devices()
        mounts = pathlib.Path("/proc/self/mountinfo").read_text()
        self.doctor()
        self.assertEqual((harness.pins(), self.status(),
                          [kernel.object_id(pin) for pin in harness.pins()]), before)
        self.assertEqual(self.devices(), devices)
        self.assertEqual(pathlib.Path("/proc/self/mountinfo").read_text(), mounts)

    def test_an_empty_machine_has_no_store_and_none_is_made(self):
        document = self.doctor()
        self.assertEqual(document["store"], {"path": str(STORE), "state": "absent", "monitors": [],
                                             "hooks": [], "staged": []})
        self.assertFalse(STORE.exists())

    def test_what_is_loaded_is_listed_with_its_health(self):
        self.load("p", "packets")
        self.load("f", "flows")
        document = self.doctor()
        store = document["store"]
        self.assertEqual(store["state"], "ours")
        self.assertEqual([(monitor["name"], monitor["health"]) for monitor in store["monitors"]],
                         [("f", "attached"), ("p", "attached")])
        self.assertEqual({hook["hook"]: hook["programs"] for hook in store["hooks"]},
                         {"tc-ingress": 2, "tc-egress": 2})
        self.assertEqual(document["problems"], [])

    def test_a_replaced_generation_that_nobody_read_is_counted(self):
        self.load("f", "flows")
        self.receive(*[frames.ipv4(frames.udp(1, 2), frames.UDP)] * 3)
        self.replace("f", "flows")
        self.assertEqual(self.doctor()["store"]["monitors"][0]["unread-generations"], 1)

    def test_generations_that_pile_up_behind_a_reader_of_some_metrics_are_told_and_bounded(self):
        self.load("f", "flows")
        for replaced in range(1, 9):
            self.receive(*[frames.ipv4(frames.udp(1, 2), frames.UDP)] * 3)
            self.replace("f", "flows")
            self.dynmon("read", "f", "flows_missed")
            told = [problem for problem in self.doctor()["problems"]
                    if "replaced generations hold unread windows" in problem["problem"]]
            self.assertEqual(len(told), replaced > 1)
        self.assertRegex(told[0]["problem"], r"8 replaced .* in [1-9]\d+ KiB of maps")
        self.assertIn("dynmon-load read f", told[0]["remedy"])
        error = self.refused(harness.BUSY, "replace", "f", "flows")
        self.assertIn("`dynmon-load read f` takes them", error["hint"])
        self.dynmon("read", "f")
        self.replace("f", "flows")

    def test_without_rights_it_says_what_it_could_not_tell(self):
        self.load("p", "packets")
        done = subprocess.run([*NOBODY, harness.DYNMON, "--json", "doctor"], capture_output=True,
                              env=harness.environment())
        self.assertEqual(done.returncode, harness.FAILED)  # the store is not for this user
        document = published.require(self, "doctor", done.stdout.decode())
        self.assertEqual(document["environment"]["user"], 65534)
        self.assertEqual(set(document["environment"]["capabilities"].values()), {False})
        self.assertTrue(document["features"]["btf"])
        self.assertIsNone(document["features"]["clock-tai"])
        self.assertIsNone(document["features"]["rename-exchange"])
        self.assertEqual(document["store"]["state"], "refused")
        problems = {entry["problem"]: entry["remedy"] for entry in document["problems"]}
        self.assertIn("run as root to load", problems[
            "this process may not load: it lacks CAP_BPF or CAP_NET_ADMIN"])
        self.assertTrue(any(text.startswith("store: ") for text in problems), problems)

    def test_a_store_that_is_not_on_bpffs_is_a_problem_with_a_remedy(self):
        problems = self.problems("--bpffs", self.folder / "here")
        self.assertEqual(problems[f"{self.folder} is not a BPF file system"],
                         f"mount -t bpf bpf {self.folder}")

    def test_a_store_open_to_others_is_refused_with_the_command_that_closes_it(self):
        STORE.mkdir(mode=0o700)
        STORE.chmod(0o777)
        self.assertEqual(self.remedy("is open to others"), f"chmod 0700 {STORE}")
        self.assertEqual(self.doctor()["store"]["state"], "refused")
        STORE.rmdir()

    def test_what_a_killed_loader_staged_is_named(self):
        self.load("p", "packets")
        (STORE / "monitors" / "__stage_12_1").mkdir()
        self.assertEqual(self.doctor()["store"]["staged"], ["monitors/__stage_12_1"])
        self.assertEqual(self.remedy("__stage_12_1"), "dynmon-load recover")
        self.dynmon("recover")
        self.assertEqual(self.problems(), {})

    def test_people_get_a_table_that_says_the_same(self):
        document = self.doctor()
        text = self.dynmon("doctor").out
        for name, value in document["features"].items():
            word = {True: "yes", False: "no", None: r"\?"}[value]
            self.assertRegex(text, rf"(?m)^  {name} +{word} ")
        for part in (platform.release(), "mode 1777, user 0", "problems\n"):
            self.assertIn(part, text)


if __name__ == "__main__":
    harness.main()
