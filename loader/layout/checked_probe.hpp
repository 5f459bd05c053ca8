// A probe opened and checked: the one way in which probes come into verbs.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "layout/check.hpp"
#include "object/probe.hpp"

namespace dynmon {

struct CheckedProbe {
    std::string path;                    // of the manifest, or of an object without one
    std::vector<Diagnostic> diagnostics; // empty: `probe` is set and good
    std::optional<Probe> probe;
};

// Every fault of manifest and object, with its place. Throws Error for files that cannot be read,
// Error{rejected} for an object that asks for more than a monitor may.
CheckedProbe check_files(const std::string& probe, const AllowLists& allowed = {});

// For what is to be loaded. Throws Error{rejected} when it is not on `allowed`, and
// Error{usage} "FILE:LINE:COL: …" with the first fault and the number of the others.
Probe open_checked_probe(const std::string& probe, const AllowLists& allowed);

// "probe.yaml:3:5", or just the file when the place is not known.
std::string place_text(const std::string& file, const Position& at);

} // namespace dynmon
