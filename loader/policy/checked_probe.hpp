// SPDX-License-Identifier: BSD-2-Clause
// A probe opened and checked: the one way in which probes come into verbs.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "decode/check.hpp"
#include "object/probe.hpp"
#include "policy/instructions.hpp"
#include "policy/machine_policy.hpp"
#include "policy/rules.hpp"

namespace dynmon {

// What one program does beyond looking.
struct Behaviour {
    std::string program;
    Effects effects;
};
using Behaviours = std::vector<Behaviour>;

struct CheckedProbe {
    std::string path;                    // of the manifest, or of an object without one
    std::vector<Diagnostic> diagnostics; // empty: `probe` is set and good
    std::optional<Probe> probe;
    std::vector<std::string> notes; // what the object asks for and dynmon does not do
    Behaviours behaviours; // of every program that a hook would run, in the order of the paths
};

// Every fault of manifest and object, with its place. Throws Error for files that cannot be read,
// Error{rejected} for files that are not believed when they are to be loaded, and for an object
// that asks for more than a monitor may.
CheckedProbe check_files(const std::string& probe, Purpose purpose, const AllowLists& allowed = {});

// For what is to be loaded. Throws Error{rejected} when it is not on `allowed`, and
// Error{usage} "FILE:LINE:COL: …" with the first fault and the number of the others.
Probe open_checked_probe(const std::string& probe, const AllowLists& allowed);

// The same of an installed probe, and of none that the current folder has.
Probe open_installed_probe(const std::string& name, const AllowLists& allowed);

// What the machine's policies say of it: throws Error{rejected} for a power that one of them lacks,
// for maps, as `assignments` (--set) make them, that take more memory than is allowed, or for a
// program that runs more instructions. Returns how many, of every program that a hook would run,
// with plain loops counted once.
ProgramBounds require_machine_policy(const MachinePolicies& policies, const Probe& probe,
                                     const std::vector<std::string>& assignments);

} // namespace dynmon
