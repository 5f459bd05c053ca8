// SPDX-License-Identifier: BSD-2-Clause
// PROBE on the command line → the file that it names, and who is believed for its sake.
#pragma once

#include <string>
#include <vector>

#include "object/trust.hpp"

namespace dynmon {

struct FoundProbe {
    std::string path; // of the manifest, or of an object without one
    Trust trust;      // for all files of the probe
};

// PROBE is a path (folder, probe.yaml/.json, .bpf.o) or a name looked for in `search_path()`. A
// name has no '/' and no '.', and a folder holds probe.yaml. Who owns a path that is named is
// believed; who owns what a name leads to is not. Throws Error{usage} that lists the places looked
// at.
FoundProbe find_probe(const std::string& probe, Purpose purpose = Purpose::load);

// Whether the file is an object: by what is in it, or, where that cannot be read, by its name.
bool is_object_file(const std::string& path);

// A name that is looked for in `installed_path()` only.
FoundProbe find_installed_probe(const std::string& name);

// DYNMON_PROBE_PATH (colon-separated), probes/ beside the program that runs, then
// <prefix>/lib/dynmon/probes of the installation.
std::vector<std::string> installed_path();

// The same, then ./build/probes and ./probes where the current folder is the caller's own.
std::vector<std::string> search_path();

} // namespace dynmon
