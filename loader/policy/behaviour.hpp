// SPDX-License-Identifier: BSD-2-Clause
// What one program of a probe may do: everything beyond looking, with its place in the source.
#pragma once

#include <string>
#include <vector>

#include "policy/effect.hpp"

namespace dynmon {

class Object;
struct ProgramInfo;

// Where the value that bpf_map_lookup_elem() found is used without a look at whether there is one.
struct UnaskedLookup {
    std::string map; // "": not known
    // An array has every entry: verifiers since Linux 6.14 know that of constant keys.
    bool array = false;
    std::string place; // "probe.bpf.c:42"
};

// Read from the instructions alone; never misses anything, since every path is followed. What the
// analysis does not know is an effect too, one that no manifest can allow. `may_drop` is what the
// loader will write into dynmon_may_drop: what that switches off is not in the program.
Effects behaviour_of(const Object& object, const ProgramInfo& program, bool may_drop);

// The same, and lookups whose result is used before any branch: only those that are sure to be
// wrong.
Effects behaviour_of(const Object& object, const ProgramInfo& program, bool may_drop,
                     std::vector<UnaskedLookup>& unasked);

} // namespace dynmon
