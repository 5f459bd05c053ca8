#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""`new`: the source of a new probe builds, is good, loads and passes its own test, as it is; what
goes wrong leaves nothing."""
import os
import shutil
import subprocess

import frames
import harness
import published
import wire

FILES = ["README.md", "probe.yaml", "test_hello.py"]


class NewTest(harness.Case):
    def new(self, name, *options, **keywords):
        return published.require(self, "new",
                                 self.dynmon("--json", "new", name, *options, **keywords).out)

    def shell(self, command, **environment):
        """Runs a printed command as root, without its sudo."""
        done = subprocess.run(["sh", "-ec", command.removeprefix("sudo ")], cwd=self.folder,
                              env={**harness.environment(), **environment}, capture_output=True,
                              text=True, timeout=120 * wire.PATIENCE)
        self.assertEqual(done.returncode, 0, f"{command}\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def names(self, folder=""):
        return sorted(path.name for path in (self.folder / folder).iterdir())

    def test_a_new_probe_builds_is_good_and_passes_its_own_test_at_once(self):
        made = self.new("hello")
        self.assertEqual((made["probe"], made["folder"]), ("hello", str(self.folder / "hello")))
        self.assertEqual(self.names("hello"), sorted([*FILES, "hello.bpf.c"]))
        self.shell(made["build"])
        self.assertRegex(self.dynmon("check", "--kernel", "build/probes/hello").out,
                         r"^build/probes/hello: good, and this kernel accepts it\n"
                         r"(  hello_\w+ runs (at most )?\d+ instructions a packet.*\n)+(  not tried: .*\n)+$")
        out = self.shell(made["test"])
        self.assertRegex(out, r"Ran [4-9] tests")
        self.assertTrue(out.endswith("\nOK\n"), out)

    def test_its_readme_says_the_commands_that_work(self):
        self.new("hello")
        text = (self.folder / "hello" / "README.md").read_text()
        build = next(line for line in text.splitlines() if line.startswith("make "))
        test = next(line for line in text.splitlines() if line.startswith("sudo hello/"))
        self.shell(build)
        self.assertIn("\nOK\n", self.shell(test))

    def test_it_counts_by_layer_as_its_parameters_say(self):
        made = self.new("hello")
        self.shell(made["build"])
        self.load("h", self.folder / "build/probes/hello", "--set", "link=0", "--set",
                  "per_session=1")
        self.receive(*[frames.ipv6(frames.udp(40000, 53), frames.UDP)] * 3,
                     frames.ipv4(frames.tcp(40000, 443, frames.SYN), frames.TCP))
        document = self.window("h")
        self.assertEqual(self.value(document, "link"), [])
        self.assertEqual(sorted((row["key"]["protocol"], row["key"]["port"],
                                 row["value"]["packets"])
                                for row in self.value(document, "transport")),
                         [("TCP", 443, 1), ("UDP", 53, 3)])
        self.assertEqual(len(self.value(document, "sessions")), 2)
        out = self.dynmon("read", "h", "--format", "openmetrics").out
        self.assertIn("hello_packets_total{", out)

    def test_the_model_is_named_nowhere(self):
        self.new("a_much_longer_name_than_that_of_the_model_1", "--dir", self.folder)
        for path in (self.folder / "a_much_longer_name_than_that_of_the_model_1").iterdir():
            self.assertNotIn("template", path.read_text().lower(), path)

    def test_it_works_from_an_installation_too(self):
        prefix = self.folder / "prefix"
        subprocess.run(["cmake", "--install", str(harness.BUILD), "--prefix", str(prefix)],
                       check=True, capture_output=True)
        probes, = prefix.glob("lib*/**/dynmon/probes")
        (self.folder / "mine").mkdir()
        done = subprocess.run([prefix / "bin" / "dynmon-load", "--json", "new", "hello", "--dir",
                               "mine"], cwd=self.folder, capture_output=True, text=True, check=True,
                              env=harness.environment(DYNMON_PROBE_PATH=str(probes)))
        made = published.require(self, "new", done.stdout)
        self.assertIn(f"{prefix}/share/dynmon/Makefile.bpf ", made["build"])
        self.shell(made["build"])
        self.assertIn("\nOK\n", self.shell(made["test"]))

    def plant(self, folder):
        """A template of another user, and a Makefile above it."""
        shutil.copytree(harness.probe("template"), folder / "probes" / "template")
        with open(folder / "probes" / "template" / "test_template.py", "a") as test:
            test.write("print('planted')\n")
        (folder / "Makefile.bpf").write_text("all:\n")
        (folder / "bpf").mkdir()
        (folder / "bpf" / "dynmon.h").write_text("")

    def test_it_begins_with_what_is_installed_and_never_with_the_current_folder(self):
        """The printed commands ask root to run what comes of it."""
        self.plant(self.folder)
        self.plant(self.folder / "build")
        made = self.new("hello", env=harness.environment(DYNMON_PROBE_PATH=""))
        self.assertNotIn("planted", (self.folder / "hello" / "test_hello.py").read_text())
        self.assertNotIn(str(self.folder) + "/Makefile.bpf", made["build"])

    def test_a_makefile_of_somebody_else_above_the_model_is_not_named(self):
        self.plant(self.folder)
        env = harness.environment(DYNMON_PROBE_PATH=str(self.folder / "probes"))
        makefile = self.folder / "Makefile.bpf"
        self.assertIn(f"make -f {makefile} ", self.new("mine", env=env)["build"])
        os.chown(makefile, 65534, 65534)
        self.assertNotIn(str(makefile), self.new("yours", env=env)["build"])

    def test_a_model_of_somebody_else_is_refused(self):
        self.plant(self.folder)
        test = self.folder / "probes" / "template" / "test_template.py"
        for change in (lambda: os.chown(test, 65534, 0), lambda: test.chmod(0o666)):
            change()
            env = harness.environment(DYNMON_PROBE_PATH=str(self.folder / "probes"))
            error = self.refused(harness.REJECTED, "new", "hello", env=env)
            self.assertIn(str(test), error["message"])
            self.assertFalse((self.folder / "hello").exists())

    def test_for_people_it_says_what_to_do_next(self):
        lines = self.dynmon("new", "hello").out.splitlines()
        self.assertEqual(lines[0], f"made {self.folder}/hello")
        self.assertIn("Makefile.bpf PROBES=", lines[1])
        self.assertTrue(lines[2].endswith(f"sudo {self.folder}/hello/test_hello.py"))

    def test_what_is_no_name_is_refused(self):
        for name, says in (("", "no name"), ("my-probe", "A-Z a-z 0-9 _"), ("1st", "no digit first"),
                           ("../up", "no name"), ("a/b", "no name"), ("a.b", "no name"),
                           ("é", "no name"), ("x" * 64, "no name"), ("dynmon_x", "taken"),
                           ("__stage_1", "taken")):
            with self.subTest(name):
                error = self.refused(harness.USAGE, "new", "--", name)
                self.assertIn(says, error["message"] + error["hint"])
                self.assertEqual(self.names(), [])
        self.new("x" * 63)

    def test_what_is_there_is_left_alone(self):
        (self.folder / "hello").mkdir()
        (self.folder / "file").write_text("mine")
        (self.folder / "nowhere").symlink_to("gone")
        for name in ("hello", "file", "nowhere"):
            error = self.refused(harness.USAGE, "new", name)
            self.assertIn("is there already, and is left alone", error["message"])
        self.assertEqual((self.names(), self.names("hello")), (["file", "hello", "nowhere"], []))
        self.assertEqual((self.folder / "file").read_text(), "mine")

    def test_a_folder_that_is_not_there_is_named_with_the_command_that_makes_it(self):
        error = self.refused(harness.USAGE, "new", "hello", "--dir", "no such")
        self.assertEqual((error["errno"], error["hint"]), ("ENOENT", "mkdir -p 'no such'"))
        (self.folder / "file").write_text("")
        self.assertEqual(self.refused(harness.FAILED, "new", "hello", "--dir", "file")["errno"],
                         "ENOTDIR")

    def test_a_full_disk_leaves_nothing(self):
        small = self.folder / "small"
        small.mkdir()
        wire.command("mount", "-t", "tmpfs", "-o", "size=12k", "tmpfs", str(small))
        self.addCleanup(wire.command, "umount", str(small))
        error = self.refused(harness.FAILED, "new", "hello", "--dir", small)
        self.assertEqual(error["errno"], "ENOSPC")
        self.assertEqual(list(small.iterdir()), [])

    def test_a_model_that_is_not_whole_is_told_and_leaves_nothing(self):
        folder = self.folder / "probes" / "template"
        folder.mkdir(parents=True)
        (folder / "probe.yaml").write_text("name: template\n")
        error = self.refused(harness.USAGE, "new", "hello",
                             env=harness.environment(DYNMON_PROBE_PATH=str(folder.parent)))
        self.assertIn("the probe 'template' is not whole", error["message"])
        self.assertIn("template.bpf.c", error["message"])
        self.assertEqual(self.names(), ["probes"])


if __name__ == "__main__":
    harness.main()
