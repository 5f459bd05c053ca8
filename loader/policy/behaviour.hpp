// SPDX-License-Identifier: BSD-2-Clause
// What one program of a probe may do: everything beyond looking, with its place in the source, and
// the verdicts that it may give.
#pragma once

#include <string>
#include <vector>

#include <linux/bpf.h>

#include "policy/rules.hpp"
#include "policy/state.hpp"

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

// What the numbers mean that a program returns.

namespace dynmon::policy {

// Nothing when the packet goes on as if the program had not been there. TC takes every number that
// it does not know for TC_ACT_UNSPEC, XDP for XDP_ABORTED.
Effects verdict_effects(bpf_prog_type type, const Value& verdict);

// Whether the packet may go on with such a verdict, even if other programs do not get it.
bool may_pass(bpf_prog_type type, const Value& verdict);

// "TC_ACT_SHOT", "XDP_TX"; the number for one that has no name.
std::string verdict_name(bpf_prog_type type, std::int32_t verdict);

} // namespace dynmon::policy
