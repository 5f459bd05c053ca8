"""The guests that every kernel is booted with, and what each runs."""
import dataclasses

TESTS = "/dynmon/tests"


@dataclasses.dataclass
class Guest:
    name: str
    steps: list
    seconds: int = 900
    cpus: str = "2"
    append: str = ""


def step(name, *command, seconds=300, **more):
    return {"name": name, "command": list(command), "seconds": seconds, **more}


def e2e(name, folder="e2e", *cases, seconds=300):
    return step(name, "/usr/bin/python3", f"{TESTS}/{folder}/test_{name}.py", *cases, seconds=seconds)


GUESTS = [
    Guest("base", [
        step("bpf", "/dynmon/build/tests/bpf/dynmon-bpf-tests"),
        *(e2e(name) for name in ("kinds", "chain", "replace", "maps", "windows", "shape", "status",
                                 "netns", "packets", "flows", "probes", "types", "dump", "formats",
                                 "prefixes", "stream", "foreign", "outputs", "openmetrics")),
        *(e2e(name, "fault") for name in ("gone", "slot", "lock", "taken", "rejected", "rights",
                                          "output")),
    ], seconds=1500),
]
