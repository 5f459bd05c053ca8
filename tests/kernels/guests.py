# SPDX-License-Identifier: BSD-2-Clause
"""The guests that kernels are booted with, and what each runs."""
import dataclasses

import golden

TESTS = "/dynmon/tests"
PYTHON = "/usr/bin/python3"
IMPORTED = "Imported"
CORPUS = "corpus"


@dataclasses.dataclass
class Guest:
    name: str
    steps: list
    seconds: int = 1800
    cpus: str = "2"
    append: str = ""
    ends: bool = False  # only on the oldest and the newest kernel of a run
    asked: bool = False  # only where it is named

    def with_patience(self, factor):
        steps = [{**step, "seconds": step["seconds"] * factor} for step in self.steps]
        return dataclasses.replace(self, steps=steps, seconds=self.seconds * factor)


def step(name, *command, seconds=600, **more):
    return {"name": name, "command": list(command), "seconds": seconds, **more}


def e2e(name, *cases, folder="e2e", label=None):
    return step(label or name, PYTHON, f"{TESTS}/{folder}/test_{name}.py", "-v", *cases)


def fault(name, *cases):
    return e2e(name, *cases, folder="fault")


def sessions(name, *tests):
    """A class of test_sessions.py, or some tests of it."""
    return step(name, PYTHON, f"{TESTS}/kernels/test_sessions.py", "-v",
                *([f"{name}Test.test_{test}" for test in tests] or [f"{name}Test"]))


def devices(name, *cases):
    """Cases of test_devices.py; a guest has every kind of device that its kernel ought to have."""
    return step(name, PYTHON, f"{TESTS}/kernels/test_devices.py", "-v",
                *(cases or (f"{name}Test",)),
                environment={"DYNMON_EVERY_DEVICE": "1"})


# Without LittleMemoryTest, which compiles.
FALLBACKS = fault("fallbacks", *(f"{name}Test" for name in (
    "Fence", "NoBatch", "NoTcx", "RefusedCall", "StrangeMap", "LostChain")))
BPF = step("bpf", "/dynmon/build/tests/bpf/dynmon-bpf-tests")
# What the policy calls read-only leaves packet and verdict alone, on a hundred thousand programs.
PROGRAMS = step("programs", "/dynmon/build/tests/random/random-programs",
                "/dynmon/build/tests/unit/policy/raw.bpf.o", "100000", seconds=1500)
DOCTOR = step(golden.STEP, "sh", "-c", "/dynmon/build/dynmon-load --json doctor 2>/dev/null")
# Emulated CPUs do not race, and take long over it.
# What every probe is made of: headers, super-packets, chain, clocks, and that the verifier takes each
# probe. What remains loads the largest programs again for each test, which `base` has time for.
QUICK_BPF = step("bpf", "/dynmon/build/tests/bpf/dynmon-bpf-tests",
                 "-tce=*CPUs*at once*,*verifier never sees*,*in few steps*",
                 "-sf=" + ",".join(f"*{name}_test*" for name in (
                     "chain", "clock", "cost", "flows", "link", "load", "ntp", "packets", "parse", "plain",
                     "session", "super_packet", "veth")))
QUICK = Guest("quick", [DOCTOR, QUICK_BPF, sessions("EveryProbe"), e2e("kinds"), e2e("packets"),
                        sessions("Memlock"), sessions(IMPORTED, *(
                            "every_kind_of_table_and_each_number_of_arguments",
                            "increments_of_one_and_two_arguments_also_in_macros",
                            "additions_whose_result_is_used"))],
               seconds=1200).with_patience(2)  # of machines that are slow or busy
GUESTS = [
    Guest("base", [DOCTOR, BPF, sessions("EveryProbe"), sessions("Exact"), *(e2e(name) for name in (
        "kinds", "chain", "replace", "maps", "late", "windows", "packets", "flows", "stream"))]),
    Guest("faults", [*(fault(name) for name in ("gone", "detached", "slot", "taken", "rejected")), FALLBACKS,
                     *(e2e(name) for name in ("doctor", "status", "netns", "dump"))]),
    Guest("late", [e2e("late"), e2e("stream")], ends=True),
    Guest("devices", [devices(name) for name in (
        "UdpTunnel", "IpTunnel", "Ipsec", "Big", "Port", "Vlan", "Tun", "Netkit",
        "Refused")], ends=True, seconds=2400),
    Guest("maxcpus", [sessions("PossibleCpus"), e2e("kinds")], ends=True, cpus="8",
          append="maxcpus=2"),  # QEMU's own maxcpus= is for CPUs to plug in, which 6.9 on ignores
    Guest("onecpu", [sessions("Fence"), e2e("exact", "FenceTest", folder="exact"),
                     sessions("Exact")], ends=True, cpus="1"),
    Guest("nohz", [sessions("Fence"), e2e("exact", "FenceTest", folder="exact"),
                   sessions("Exact")], append="nohz_full=1 rcu_nocbs=1", ends=True),
    Guest("imported", [sessions(IMPORTED)]),
    Guest(CORPUS, [sessions("Corpus")], asked=True),
    Guest("programs", [PROGRAMS]),
    Guest("settings", [sessions(name) for name in ("NoBtf", "Memlock", "Unprivileged")],
          ends=True),
]
# Another architecture, where there are no others: with the unit tests, for the signedness of char
# and whatever else a compiler does differently.
FOREIGN = Guest("arm64", [DOCTOR, step("unit", "/dynmon/build/tests/unit/dynmon-unit"), BPF,
                          *(e2e(name) for name in ("kinds", "chain", "replace", "packets", "maps")),
                          e2e("ssdp", "DenyTest", "DenyOnXdpTest"),
                          sessions("Exact")])
NAMES = [guest.name for guest in GUESTS]


def of(is_end, quick, only, arch="amd64"):
    """The guests of a kernel, which is the oldest or newest of a run or not."""
    if arch != "amd64":
        return [FOREIGN]
    if quick:
        return [QUICK]
    return [guest for guest in GUESTS
            if (guest.name in only if only else not guest.asked and (is_end or not guest.ends))]
