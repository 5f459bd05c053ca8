"""The guests that kernels are booted with, and what each runs."""
import dataclasses

TESTS = "/dynmon/tests"
PYTHON = "/usr/bin/python3"


@dataclasses.dataclass
class Guest:
    name: str
    steps: list
    seconds: int = 1800
    cpus: str = "2"
    append: str = ""
    kernels: tuple = ()  # only on these; none: on all


def step(name, *command, seconds=600, **more):
    return {"name": name, "command": list(command), "seconds": seconds, **more}


def e2e(name, *cases, folder="e2e", label=None):
    return step(label or name, PYTHON, f"{TESTS}/{folder}/test_{name}.py", "-v", *cases)


def fault(name, *cases):
    return e2e(name, *cases, folder="fault")


BPF = step("bpf", "/dynmon/build/tests/bpf/dynmon-bpf-tests")
QUICK = Guest("quick", [BPF, e2e("kinds")], seconds=300)
GUESTS = [
    Guest("base", [BPF, *(e2e(name) for name in (
        "kinds", "chain", "replace", "maps", "windows", "shape", "status", "netns", "packets",
        "flows", "probes", "types", "dump", "formats", "prefixes", "stream", "foreign"))]),
    Guest("faults", [fault(name) for name in ("gone", "slot", "lock", "taken", "rejected", "rights",
                                              "output")]),
]
NAMES = [guest.name for guest in GUESTS]


def of(series, quick, only):
    """The guests of one kernel."""
    if quick:
        return [QUICK]
    return [guest for guest in GUESTS if not only or guest.name in only
            if not guest.kernels or series in guest.kernels]
