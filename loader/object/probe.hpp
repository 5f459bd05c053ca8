// SPDX-License-Identifier: BSD-2-Clause
// PROBE on the command line → manifest and object that belong together.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "manifest/manifest.hpp"
#include "object/allow_list.hpp"
#include "object/object.hpp"
#include "object/trust.hpp"

namespace dynmon {

// PROBE on the command line → the file that it names, and which owner is believed for its sake.

struct FoundProbe {
    std::string path; // of the manifest, or of an object without one
    Trust trust;      // for all files of the probe
};

// PROBE is a path (folder, probe.yaml/.json, .bpf.o) or a name looked for in `search_path()`. A
// name has no '/' and no '.', and a folder holds probe.yaml. The owner of a path that is
// named is believed; the owner of what a name leads to is not. Throws Error{usage} that lists the
// places looked at.
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

// What names lead to in installed_path(), sorted by name.
struct InstalledProbe {
    std::string name;
    std::string folder;
};
std::vector<InstalledProbe> installed_probes();

struct Probe {
    Manifest manifest;
    Object object;
    std::string manifest_path;   // empty: a bare object, `manifest` was derived from it
    std::string manifest_sha256; // of the file's bytes; empty as well then
};

// The object is taken beside the manifest, or, for a source tree, from build/probes/<name>/ beside
// the probes folder. Throws what find_probe() does, Error{usage} with the first fault of the
// manifest, and Error{rejected} for files that are not believed (object/trust.hpp) and for an
// object that is not on `allowed`; only its hash was looked at then.
Probe open_probe(const std::string& probe, const AllowLists& allowed = {});

// The steps of open_probe(), for callers that want every fault and not just the first.
struct ManifestText {
    std::string text;
    std::string sha256;
};
ManifestText read_manifest_text(const FoundProbe& found);
Probe open_object_of(const FoundProbe& found, Manifest manifest, std::string manifest_sha256,
                     const AllowLists& allowed);
Probe open_bare_object(const FoundProbe& found, const AllowLists& allowed);

Candidate candidate_of(const Probe& probe);

// A manifest for an object that has none: a path for each direction that has a program (egress says
// so in name or section), every map that can be read a metric of its own name, no swap, no empty.
// With more maps than a monitor can have metrics, those that programs use come first. Throws
// Error{usage} when no program is for a network device.
Manifest derive_manifest(const Object& object, const std::string& name);

// The program that runs for `direction` when ingress hooks in at `kind`; throws Error{usage} when
// the manifest names none and the object has not exactly one that fits.
const ProgramInfo& select_program(const Manifest& manifest, const Object& object,
                                  Direction direction, HookKind kind);

} // namespace dynmon
