#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The units of systemd: sound, closed up to a degree, and dynmon-load does its work under exactly
what they say (user, capabilities, system calls, address families, what is writable)."""
import functools
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

import frames
import harness
import ordinary
import served
import test_compile
import wire
from harness import BPFFS, STORE

UNITS = harness.BUILD / "systemd"
USER = 65534  # stands for the user `dynmon`, whom a test does not make
MOST_EXPOSURE = 2.0  # of 10, as `systemd-analyze security` counts
INSTALLED = r"/[\w./-]*bin/dynmon-(load|serve|compile)"

# Runs in the place of systemd's executor: installs the filter that it would, then becomes argv.
EXECUTOR = r"""
import ctypes, os, sys
program = bytes.fromhex(sys.argv[1])
class Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_char_p)]
libc = ctypes.CDLL(None, use_errno=True)
filter = Filter(len(program) // 8, program)
if libc.prctl(22, 2, ctypes.byref(filter), 0, 0) != 0:
    sys.exit(f"seccomp: {os.strerror(ctypes.get_errno())}")
os.execve(sys.argv[2], sys.argv[2:], dict(os.environ))
"""

ALLOW, REFUSE = 0x7fff0000, 0x00050000 | 1  # SECCOMP_RET_ERRNO with EPERM
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06


class Unit:
    def __init__(self, name):
        self.path = UNITS / name
        self.settings = {}
        for line in self.path.read_text().splitlines():
            if found := re.match(r"(\w+)=(.*)", line):
                self.settings.setdefault(found[1], []).append(found[2])

    def words(self, name):
        return " ".join(self.settings[name]).split()

    def system_calls(self):
        """Names that SystemCallFilter= lets through, by systemd's own lists."""
        allowed = set()
        for line in self.settings["SystemCallFilter"]:
            names = set().union(*(members(word) for word in line.removeprefix("~").split()))
            allowed = allowed - names if line.startswith("~") else allowed | names
        return allowed


@functools.cache
def members(word):
    if not word.startswith("@"):
        return {word}
    names = [line.strip() for line in wire.command("systemd-analyze", "syscall-filter", word)
             .splitlines()[1:]]
    return set().union(*(members(name) for name in names if name and not name.startswith("#")))


@functools.cache
def numbers():
    """{name: number} of this machine's system calls."""
    macros = subprocess.run(["cc", "-E", "-dM", "-include", "asm/unistd.h", "-xc", "/dev/null"],
                            capture_output=True, text=True, check=True).stdout
    return {name: int(number) for name, number in re.findall(r"__NR_(\w+) (\d+)\n", macros)}


def seccomp(names, families):
    """The classic BPF program for it, as bytes: pairs of `is it this call?` and `then allow`."""
    def step(code, yes, no, value):
        return code.to_bytes(2, sys.byteorder) + bytes([yes, no]) + value.to_bytes(4, sys.byteorder)

    program = step(LOAD, 0, 0, 0)  # seccomp_data.nr
    for number in sorted(numbers()[name] for name in names if name in numbers()):
        if number != numbers()["socket"]:
            program += step(EQUAL, 0, 1, number) + step(RETURN, 0, 0, ALLOW)
    program += step(EQUAL, 1, 0, numbers()["socket"]) + step(RETURN, 0, 0, REFUSE)
    program += step(LOAD, 0, 0, 16)  # its first argument
    for family in families:
        program += step(EQUAL, 0, 1, family) + step(RETURN, 0, 0, ALLOW)
    return program + step(RETURN, 0, 0, REFUSE)


class SoundTest(harness.Case):
    def copies(self):
        """The units in a folder, with the binary of this build in place of the installed one."""
        for path in (*UNITS.glob("*.service"), harness.SOURCE / "systemd/dynmon-export@.timer",
                     *(harness.SOURCE / "systemd").glob("*.socket")):
            text = re.sub(INSTALLED, lambda found: str(harness.BUILD / f"dynmon-{found[1]}"),
                          path.read_text())
            (self.folder / path.name).write_text(text)
        return sorted(self.folder.glob("dynmon*"))

    def test_systemd_finds_no_fault(self):
        paths = self.copies()
        self.assertEqual([path.name for path in paths],
                         ["dynmon-compile.socket", "dynmon-compile@.service",
                          "dynmon-control.service", "dynmon-control.socket",
                          "dynmon-export@.service", "dynmon-export@.timer",
                          "dynmon-polycube.service", "dynmon-polycube.socket",
                          "dynmon-read.service", "dynmon-read.socket", "dynmon@.service"])
        for path in paths:
            done = subprocess.run(["systemd-analyze", "verify", "--man=no", "--recursive-errors=no",
                                   str(path)], capture_output=True, text=True, timeout=60)
            self.assertEqual((done.returncode, done.stderr), (0, ""), path)

    def test_a_fault_would_be_found(self):
        path = self.copies()[-1]
        path.write_text(path.read_text().replace("Type=oneshot", "Type=daft"))
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", "--recursive-errors=no",
                               str(path)], capture_output=True, text=True, timeout=60)
        self.assertIn("Failed to parse service type", done.stderr)

    def generated(self, files, enabled=()):
        """What dynmon-generator makes of the files of /etc/dynmon."""
        etc, wanted, units = (self.folder / name for name in ("etc", "wanted", "units"))
        for folder in (etc, wanted, units):
            folder.mkdir()
        for name, text in files.items():
            (etc / name).write_text(text)
        for unit in enabled:
            (wanted / unit).touch()
        subprocess.run(["sh", harness.BUILD / "systemd" / "dynmon-generator", units, "/x", "/y"],
                       check=True, env={"PATH": os.environ["PATH"], "DYNMON_ETC": str(etc),
                                        "DYNMON_WANTED": str(wanted)})
        return {str(path.relative_to(units)): path.read_text() if not path.is_symlink()
                else os.readlink(path).rpartition("/")[2]
                for path in units.rglob("*") if path.is_symlink() or path.is_file()}

    def test_a_monitor_is_bound_to_its_interface_and_comes_back_with_it(self):
        made = self.generated({"web.env": "PROBE=flows\nDEVICE=eth0.7\nOPTIONS=\n",
                               "off.env": "PROBE=flows\nDEVICE=\"br-lan\"\n",
                               "far.env": "PROBE=flows\nDEVICE=eth1\nOPTIONS=--netns x\n",
                               "allow.yaml": "allow: []\n"}, ["dynmon@web.service"])
        bound = "[Unit]\nBindsTo={0}\nAfter={0}\n"
        eth0 = "sys-subsystem-net-devices-eth0.7.device"
        bridge = "sys-subsystem-net-devices-br\\x2dlan.device"
        self.assertEqual(made, {
            "dynmon@web.service.d/interface.conf": bound.format(eth0),
            "dynmon@off.service.d/interface.conf": bound.format(bridge),
            f"{eth0}.wants/dynmon@web.service": "dynmon@.service"})

    def test_their_folder_is_made(self):
        text = (harness.SOURCE / "systemd" / "dynmon.tmpfiles").read_text()
        self.assertIn("\nd /etc/dynmon 0755 root root -\n", text)

    def test_the_compile_helper_is_a_component_of_its_own(self):
        """What is installed by default brings no compiler's socket."""
        wire.command("cmake", "--install", str(harness.BUILD), "--component", "compile",
                     "--prefix", str(self.folder / "compile"))
        installed = sorted(str(path.relative_to(self.folder / "compile"))
                           for path in (self.folder / "compile").rglob("*") if path.is_file())
        self.assertEqual(installed, ["bin/dynmon-compile", "lib/systemd/system/dynmon-compile.socket",
                                     "lib/systemd/system/dynmon-compile@.service"])
        script = (harness.BUILD / "cmake_install.cmake").read_text()
        for name in ("dynmon-compile@.service", "dynmon-compile.socket"):
            before = script[:script.index(name)]
            self.assertTrue(before[before.rindex("if(CMAKE_INSTALL_COMPONENT"):].startswith(
                'if(CMAKE_INSTALL_COMPONENT STREQUAL "compile")\n'), name)

    def test_they_are_closed(self):
        for path in self.copies():
            if path.suffix == ".service":
                out = wire.command("systemd-analyze", "security", "--offline=yes", "--no-pager",
                                   str(path), check=False)
                exposure = float(re.search(r"Overall exposure level .*: ([0-9.]+)", out)[1])
                self.assertLessEqual(exposure, MOST_EXPOSURE, f"{path.name}\n{out}")


    def test_memory_tasks_starts_and_time_have_a_limit(self):
        self.assertIn("RuntimeMaxSec", Unit("dynmon-compile@.service").settings)
        for limit in ("MaxConnections=4", "SocketMode=0600", "SocketUser=dynmon", "Accept=yes"):
            self.assertIn(limit + "\n", (harness.SOURCE / "systemd/dynmon-compile.socket").read_text())
        for limit in ("MemoryMax", "TasksMax"):
            self.assertIn(limit, Unit("dynmon-compile@.service").settings)
        for name in ("dynmon@.service", "dynmon-export@.service", "dynmon-read.service",
                     "dynmon-control.service"):
            settings = Unit(name).settings
            for limit in ("MemoryMax", "TasksMax", "StartLimitBurst", "StartLimitIntervalSec",
                          "TimeoutStartSec"):
                self.assertNotIn(settings.get(limit, ["infinity"]), (["infinity"], ["0"]), name)

    def test_tries_come_to_an_end(self):
        """All tries that are allowed lie within the interval in which they are counted."""
        settings = Unit("dynmon@.service").settings
        tries = int(settings["StartLimitBurst"][0]) * int(settings["RestartSec"][0])
        self.assertEqual(settings["StartLimitIntervalSec"], ["10min"])
        self.assertLess(tries, 10 * 60)


class WorkTest(harness.Case):
    PROBE, DEVICE, OPTIONS, READ_OPTIONS = "flows", "blue0", "", ""

    def setUp(self):
        super().setUp()
        self.binary, self.probes = ordinary.reachable(self.folder, "flows", "rejected")
        # What systemd/dynmon.tmpfiles does.
        BPFFS.chmod(0o711)
        self.addCleanup(BPFFS.chmod, 0o1777)
        STORE.mkdir(0o700)
        os.chown(STORE, USER, USER)

    def tearDown(self):
        if list(STORE.iterdir()):
            self.run_unit("dynmon@.service", "ExecStop")
        STORE.rmdir()
        super().tearDown()

    def command_of(self, unit, what):
        words = {"%i": "web", "${PROBE}": self.PROBE, "${DEVICE}": self.DEVICE, "$OPTIONS": self.OPTIONS,
                 "$READ_OPTIONS": self.READ_OPTIONS, "${RUNTIME_DIRECTORY}": str(self.folder / "run")}
        text = unit.settings[what][0]
        for word, value in words.items():
            text = text.replace(word, value)
        return re.sub(INSTALLED, lambda found: str(self.binary.with_name(f"dynmon-{found[1]}")), text)

    def run_unit(self, name, what, code=0, keep=()):
        unit = Unit(name)
        caps = ",".join(["-all", *("+" + cap.removeprefix("CAP_").lower()
                                   for cap in unit.words("AmbientCapabilities"))])
        self.assertEqual(unit.words("AmbientCapabilities"), unit.words("CapabilityBoundingSet"))
        self.assertEqual(unit.words("NoNewPrivileges"), ["yes"])
        self.assertEqual(unit.words("RestrictNamespaces"), ["yes"])
        self.assertEqual(unit.words("ProtectSystem"), ["strict"])
        families = [int(getattr(harness.wire.socket, family))
                    for family in unit.words("RestrictAddressFamilies") if family != "none"]
        names = unit.system_calls() - {"setns", "unshare"}
        # ProtectSystem=strict: all is read-only but what is named, and what is no file system on a
        # disk. The run-time directory is of the test.
        named = [path.replace("%i", "web") for path in unit.settings.get("ReadWritePaths", [""])[0].split()]
        writable = [*(path.removeprefix("-") for path in named
                      if not path.startswith("-") or os.path.exists(path[1:])), str(self.folder)]
        mounts = "".join(f"mount --bind {path} {path}; " for path in writable)
        script = (f"{mounts} mount -o remount,bind,ro {BPFFS}; mount -o remount,bind,ro /; "
                  'exec "$@"')
        command = ["nsenter", f"--net={self.blue.path}", "unshare", "--mount", "sh", "-ec", script,
                   "sh", "setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups",
                   "--no-new-privs", f"--inh-caps={caps}", f"--ambient-caps={caps}",
                   f"--bounding-set={caps}", "/usr/bin/python3", "-c", EXECUTOR,
                   seccomp(names, families).hex(), "/bin/sh", "-c",
                   f"umask {unit.words('UMask')[0]}; exec {self.command_of(unit, what)}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=self.folder,
                              pass_fds=keep,
                              env=harness.untraceable() | {"DYNMON_PROBE_PATH": str(self.probes)})
        self.note_pins()
        self.assertEqual(done.returncode, code, f"{what} of {name}: {done.stderr}")
        return done

    def test_a_monitor_is_loaded_replaced_exported_and_unloaded(self):
        self.run_unit("dynmon@.service", "ExecStart")
        self.receive(*[frames.ipv4(frames.udp(1234, 53, b"x"), frames.UDP)] * 9)
        (self.folder / "run").mkdir()
        os.chown(self.folder / "run", USER, USER)
        self.run_unit("dynmon-export@.service", "ExecStart")
        exported = self.folder / "run" / "web.prom"
        self.assertRegex(exported.read_text(), r"(?m)^dynmon_flows_packets_total\{.*\} 9$")
        self.assertIn("# TYPE dynmon_flows_packets_total counter\n", exported.read_text())
        self.assertEqual(os.listdir(exported.parent), ["web.prom"])
        self.assertEqual(exported.stat().st_mode & 0o777, 0o644)
        self.receive(*[frames.ipv4(frames.udp(1234, 53, b"x"), frames.UDP)] * 2)
        self.OPTIONS = "--set table=hash"
        self.run_unit("dynmon@.service", "ExecReload")
        self.run_unit("dynmon-export@.service", "ExecStart")  # and takes nothing away
        self.assertRegex(exported.read_text(), r"(?m)^dynmon_flows_packets_total\{.*\} 11$")
        self.assertEqual({path.name for path in (STORE / "monitors" / "web").glob("g*")},
                         {"g1", "g2"})
        self.run_unit("dynmon@.service", "ExecStop")
        self.assertEqual(list(STORE.iterdir()), [])
        self.run_unit("dynmon-export@.service", "ExecStart", harness.FAILED)
        self.assertEqual(os.listdir(exported.parent), [])  # its last value would stay for ever
        self.run_unit("dynmon@.service", "ExecStart")

    def test_an_exporter_with_a_name_empties_the_tables(self):
        self.READ_OPTIONS = "--as metrics"
        (self.folder / "run").mkdir()
        os.chown(self.folder / "run", USER, USER)
        self.run_unit("dynmon@.service", "ExecStart")
        self.run_unit("dynmon@.service", "ExecStartPost")
        for total in (9, 18):
            self.receive(*[frames.ipv4(frames.udp(1234, 53, b"x"), frames.UDP)] * 9)
            self.run_unit("dynmon-export@.service", "ExecStart")
            self.assertRegex((self.folder / "run" / "web.prom").read_text(),
                             rf"(?m)^dynmon_flows_packets_total\{{.*\}} {total}$")
            left = [pin for pin in (STORE / "monitors" / "web").rglob("FLOWS_INGRESS*")
                    if json.loads(wire.command("bpftool", "-j", "map", "dump", "pinned", str(pin)))]
            self.assertEqual(left, [])

    def answer_of(self, name, method, target, body=None, options=""):
        """What a server under its unit answers; systemd hands it the socket, and it exits idle."""
        place = 9  # a number that a shell can redirect
        with socket.socket(socket.AF_UNIX) as listener:
            path = self.folder / f"{name}.sock"
            listener.bind(str(path))
            listener.listen(4)
            os.dup2(listener.fileno(), place)
            client = served.UnixConnection(path, 60)
            client.request(method, target, body)
            unit = Unit(name)
            command = re.sub(INSTALLED, str(self.binary.with_name("dynmon-serve")),
                             unit.settings["ExecStart"][0].replace("$SERVE_OPTIONS", options)
                             .replace("2min", "200ms"))
            self.command_of = lambda *_: ("/bin/sh -c 'exec 3<&9; export LISTEN_FDS=1 LISTEN_PID=$$; "
                                          f"exec {command}'")
            answers = []
            asking = threading.Thread(target=lambda: answers.append(
                served.Answer(client.getresponse())) or client.close())
            asking.start()
            try:
                self.run_unit(name, "ExecStart", keep=[place])
            finally:
                asking.join()
                os.close(place)
                del self.command_of
                path.unlink()
        return answers[0]

    def test_the_servers_answer_under_their_units(self):
        shutil.copy(served.SERVE, self.binary.with_name("dynmon-serve"))
        loaded = self.answer_of("dynmon-control.service", "PUT", "/api/v1/monitors/web",
                                '{"probe": "flows", "device": "blue0"}')
        self.assertEqual(loaded.status, 201, loaded.text)
        self.receive(*[frames.ipv4(frames.udp(1234, 53, b"x"), frames.UDP)] * 9)
        scraped = self.answer_of("dynmon-read.service", "GET", "/metrics")
        self.assertRegex(scraped.text, r"(?m)^dynmon_flows_packets_total\{.*\} 9$")
        taken = self.answer_of("dynmon-control.service", "POST", "/api/v1/monitors/web/windows",
                               '{"reader": "r"}')
        self.assertEqual(taken.status, 200, taken.text)
        doctor = self.answer_of("dynmon-read.service", "GET", "/api/v1/doctor")
        self.assertEqual(doctor.json()["store"]["state"], "ours")

    def test_the_server_reaches_the_compile_helper_under_its_unit(self):
        shutil.copy(served.SERVE, self.binary.with_name("dynmon-serve"))
        helper = test_compile.Helper(self)
        helper.path.chmod(0o666)
        for name in ("cubes", "imported"):
            (self.folder / name).mkdir(0o700)
            os.chown(self.folder / name, USER, USER)
        made = self.answer_of("dynmon-polycube.service", "POST", "/polycube/v1/dynmon/c",
                              json.dumps({"dataplane-config": test_compile.SESSIONS}),
                              f"--compiler unix:{helper.path} --imported {self.folder}/imported "
                              f"--cubes {self.folder}/cubes")
        self.assertEqual((made.status, made.text), (201, ""))
        self.assertEqual(len(list((self.folder / "imported").iterdir())), 1)

    def test_the_compile_helper_makes_a_probe_under_its_unit(self):
        """A user that owns nothing, no capability, no socket of its own, and one folder to write to,
        which PrivateTmp= gives."""
        shutil.copy(harness.BUILD / "dynmon-compile", self.binary.with_name("dynmon-compile"))
        shutil.copytree(harness.SOURCE / "bpf", self.folder / "bpf")
        temporary = self.folder / "tmp"
        temporary.mkdir()
        os.chown(temporary, USER, USER)
        place = 9  # a number that a shell can redirect
        ours, theirs = socket.socketpair()
        os.dup2(theirs.fileno(), place)
        theirs.close()
        command = self.command_of(Unit("dynmon-compile@.service"), "ExecStart")
        self.command_of = lambda *_: (f"/bin/sh -c 'export TMPDIR={temporary}; "
                                      f"exec {command} <&{place} >&{place} {place}<&-'")
        document = json.dumps(test_compile.SESSIONS)
        with ours:
            ours.sendall(test_compile.framed("document", document=document))
            ours.shutdown(socket.SHUT_WR)
            answers = []
            hearing = threading.Thread(target=lambda: answers.append(ours.makefile("rb").read()))
            hearing.start()
            try:
                self.run_unit("dynmon-compile@.service", "ExecStart", keep=[place])
            finally:
                os.close(place)
                hearing.join(60)
        kind, fields = test_compile.fields_of(answers[0])
        self.assertEqual(kind, "probe", fields)
        self.assertEqual(fields["document.bpf.o"][:4], b"\x7fELF")
        self.assertEqual(list(temporary.iterdir()), [])

    def test_root_reads_the_store_of_the_user_dynmon_and_no_other_ones(self):
        self.run_unit("dynmon@.service", "ExecStart")
        self.receive(*[frames.ipv4(frames.udp(1234, 53, b"x"), frames.UDP)] * 4)
        for verb in ("status", "read"):
            error = self.refused(harness.REJECTED, *[verb, "web"])
            self.assertIn(f"belongs to user {USER}", error["message"])
        users = self.folder / "passwd"
        users.write_text(f"root:x:0:0::/:/bin/sh\ndynmon:x:{USER}:{USER}::/:/usr/sbin/nologin\n")
        wire.command("mount", "--bind", str(users), "/etc/passwd")
        self.addCleanup(wire.command, "umount", "/etc/passwd")
        monitor, = self.dynmon("--json", "status", "web").json()["monitors"]
        self.assertEqual(monitor["health"], "attached")
        document = self.dynmon("read", "web", "--format", "json").json()
        self.assertEqual(sum(entry["value"]["packets"] for entry in self.value(document, "flows")), 4)
        # What it made there belongs to the user, and the unit goes on.
        self.assertEqual({path.stat().st_uid for path in STORE.rglob("*")}, {USER})
        self.run_unit("dynmon@.service", "ExecReload")

    def test_a_refused_probe_is_not_tried_again_and_an_interface_may_come_later(self):
        final = [int(code) for code in Unit("dynmon@.service").words("RestartPreventExitStatus")]
        self.assertEqual(final, [harness.USAGE, harness.UNSUPPORTED, harness.REJECTED])
        self.PROBE = "rejected"
        self.run_unit("dynmon@.service", "ExecStart", harness.REJECTED)
        self.PROBE, self.DEVICE = "flows", "later0"
        self.run_unit("dynmon@.service", "ExecStart", harness.FAILED)
        self.assertNotIn(harness.FAILED, final)

    def test_the_exporter_changes_no_other_monitor(self):
        self.run_unit("dynmon@.service", "ExecStart")
        web, hooks = STORE / "monitors" / "web", STORE / "hooks"
        for path in (STORE / "x", STORE / "monitors" / "x", hooks / "x", BPFFS / "x"):
            self.command_of = lambda *_, path=path: f"/bin/mkdir {path}"
            self.assertRegex(self.run_unit("dynmon-export@.service", "ExecStart", 1).stderr,
                             "Read-only file system|Permission denied")
        self.command_of = lambda *_: f"/bin/sh -c 'mkdir {web}/x && rmdir {web}/x'"
        self.run_unit("dynmon-export@.service", "ExecStart")
        del self.command_of

    def test_it_closes_itself_in(self):
        """What the units let through is enough for it."""
        for name in ("dynmon@.service", "dynmon-export@.service"):
            self.assertLessEqual({"seccomp", "landlock_create_ruleset", "landlock_add_rule",
                                  "landlock_restrict_self"}, Unit(name).system_calls())

    def test_the_fence_around_it_holds(self):
        """A call that the unit does not list is refused here too: else this would prove nothing."""
        allowed = Unit("dynmon@.service").system_calls()
        self.assertIn("bpf", allowed)
        for refused in ("mount", "ptrace", "setuid", "kexec_load", "perf_event_open", "chown"):
            self.assertNotIn(refused, allowed)
        self.command_of = lambda *_: "/usr/bin/python3 -c 'import os; os.chown(\"/dev/null\", 0, 0)'"
        self.assertIn("Operation not permitted", self.run_unit("dynmon@.service", "ExecStart", 1).stderr)
        self.command_of = lambda *_: "/usr/bin/python3 -c 'import socket; socket.socket()'"
        self.assertIn("Operation not permitted", self.run_unit("dynmon@.service", "ExecStart", 1).stderr)
        self.command_of = lambda *_: f"/usr/bin/python3 -c 'open(\"{harness.BUILD}/x\", \"w\")'"
        self.assertRegex(self.run_unit("dynmon@.service", "ExecStart", 1).stderr,
                         "Read-only file system|Permission denied")


if __name__ == "__main__":
    harness.main()
