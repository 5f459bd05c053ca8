// PROBE on the command line → manifest and object that belong together.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "manifest/manifest.hpp"
#include "object/allow_list.hpp"
#include "object/object.hpp"

namespace dynmon {

struct Probe {
    Manifest manifest;
    Object object;
    std::string manifest_path; // empty: a bare object, `manifest` was derived from it
};

// PROBE is a path (folder, probe.yaml/.json, .bpf.o) or a name looked for in `search_path()`.
// A name has no '/' and no '.', and leads nowhere that everybody can write to; a folder holds
// probe.yaml. The object is taken beside the manifest, or, for a source tree, from
// build/probes/<name>/ beside the probes folder. Throws Error{usage} that lists the places looked
// at, or the first fault of the manifest, and Error{rejected} for an object that is not on
// `allowed`; only its hash was looked at then.
Probe open_probe(const std::string& probe, const AllowLists& allowed = {});

// The steps of open_probe(), for those who want every fault and not just the first.
std::string find_probe(const std::string& probe); // path of the manifest or of the bare object
// Whether the file is an object: by what is in it, or, where that cannot be read, by its name.
bool is_object_file(const std::string& path);
std::string read_manifest_text(const std::string& path);
Object open_object_of(const std::string& manifest_path, const Manifest& manifest,
                      const AllowLists& allowed);
Probe open_bare_object(const std::string& path, const AllowLists& allowed);

// DYNMON_PROBE_PATH (colon-separated), ./build/probes, ./probes, then
// <prefix>/lib/dynmon/probes of the installation.
std::vector<std::string> search_path();

// A manifest for an object that has none: a path for each direction that has a program (egress says
// so in name or section), every map that can be read a metric of its own name, no swap, no empty.
// Of more maps than a monitor can have metrics, those that programs use come first. Throws
// Error{usage} when no program is for a network device.
Manifest derive_manifest(const Object& object, const std::string& name);

// The program that runs for `direction` when ingress hooks in at `kind`; throws Error{usage} when
// the manifest names none and the object has not exactly one that fits.
const ProgramInfo& select_program(const Manifest& manifest, const Object& object,
                                  Direction direction, HookKind kind);

} // namespace dynmon
