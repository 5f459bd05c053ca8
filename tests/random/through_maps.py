# SPDX-License-Identifier: BSD-2-Clause
"""The same values through maps of the kernel: what `dynmon-load dump` prints must be the oracle's."""
import json
import subprocess

STYLES = 6
FILLS = 7
KEY_FILL, VALUE_FILL = 3, 6
LARGEST_KEY = 512  # of a hash, as the kernel has it


class Entry:
    """One type: a hash from a value of it to another value of it, or an array if it is large."""

    def __init__(self, chunk, index):
        self.name, _, key = chunk.values[index * FILLS + KEY_FILL].partition(" ")
        value = chunk.values[index * FILLS + VALUE_FILL].partition(" ")[2]
        self.size = len(key) // 2
        self.hashed = self.size <= LARGEST_KEY
        self.line = f"{self.name} {key if self.hashed else '-'} {value}"
        self.text = chunk.texts[self.name]
        raw_key = chunk.expected[(index * FILLS + KEY_FILL) * STYLES]
        raw_value = chunk.expected[(index * FILLS + VALUE_FILL) * STYLES]
        line = f'{{"key":{raw_key if self.hashed else 0},"value":{raw_value}}}'
        self.expected = {"json": f"[{line}]" if self.hashed else f"[{raw_value}]", "jsonl": line}


def check_maps(chunks, tools):
    """How many maps were made, and the differences as (name, message)."""
    count, differences = 0, []
    for chunk in chunks:
        entries = [Entry(chunk, index) for index in range(len(chunk.names))]
        entries = [entry for entry in entries if entry.size > 0]
        count += len(entries)
        differences += check_chunk(chunk, entries, tools)
    return count, differences


def check_chunk(chunk, entries, tools):
    keeper = subprocess.Popen([tools.keep, chunk.path("types.bpf")], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True)
    differences = []
    try:
        for entry in entries:  # its maps live until its input ends
            keeper.stdin.write(entry.line + "\n")
            keeper.stdin.flush()
            map_id = keeper.stdout.readline().strip()
            if not map_id.isdigit():
                raise SystemExit(f"random-types: no map for {entry.name}: {entry.text}")
            for form, expected in entry.expected.items():
                got = dump(map_id, form, tools)
                if got != expected:
                    differences.append((entry.name, f"{entry.name}, map {map_id}, {form}\n"
                                        f"  type:     {entry.text}\n  given:    {entry.line}\n"
                                        f"  dump:     {got}\n  compiler: {expected}\n"))
    finally:
        keeper.stdin.close()
        keeper.wait(timeout=30)
    return differences


def dump(map_id, form, tools):
    done = subprocess.run([tools.loader, "dump", "id", map_id, "--raw", "--format", form,
                           "--value-only"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          check=False)
    if done.returncode != 0:
        return f"exit {done.returncode}: {done.stderr.decode(errors='replace')}"
    text = done.stdout.decode("utf-8").rstrip("\n")
    json.loads(text)
    return text
