// SPDX-License-Identifier: BSD-2-Clause
#include "object/probe.hpp"

#include <algorithm>
#include <filesystem>
#include <set>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/identifier.hpp"
#include "base/limits.hpp"
#include "object/sha256.hpp"
#include "object/trusted_file.hpp"

namespace dynmon {

namespace {

namespace fs = std::filesystem;

bool stands(const fs::path& path) {
    std::error_code ignored;
    return fs::exists(fs::symlink_status(path, ignored));
}

// Beside the manifest; in a source tree, where probes/x/ is built into build/probes/x/, there.
fs::path find_object(const fs::path& manifest_path, const Manifest& manifest) {
    const fs::path folder = manifest_path.parent_path();
    const fs::path beside = folder / manifest.object;
    if (stands(beside))
        return beside;
    std::string places = "beside " + manifest_path.string();
    std::error_code error;
    const fs::path source = fs::absolute(folder, error).lexically_normal();
    if (!error && source.parent_path().filename() == "probes") {
        const fs::path built = source.parent_path().parent_path() / "build" / "probes" /
                               source.filename() / manifest.object;
        if (stands(built))
            return built;
        places = "neither " + places + " nor in " + built.parent_path().string();
    } else {
        places = "not " + places;
    }
    throw Error(ErrorKind::usage, "object '" + manifest.object + "' is " + places)
        .hint("compile the probe: make -f Makefile.bpf");
}

// "dir/flows-2.bpf.o" → "flows-2"
std::string name_of_object(const fs::path& path) {
    std::string name = path.filename().string();
    name.resize(std::min(name.find('.'), name.size()));
    std::replace_if(
        name.begin(), name.end(), [](char c) { return !is_identifier(std::string("a") + c); }, '_');
    return name;
}

Object read_object(const std::string& path, const Trust& trust, const AllowLists& allowed,
                   const std::string& manifest_sha256, const std::set<Power>& may) {
    std::vector<std::byte> bytes = read_trusted(path, limits::object_bytes, trust);
    if (!allowed.empty())
        require_allowed(allowed, {path, sha256_hex(bytes), manifest_sha256, may});
    return Object::parse(std::move(bytes), path);
}

} // namespace

ManifestText read_manifest_text(const FoundProbe& found) {
    const std::vector<std::byte> bytes =
        read_trusted(found.path, limits::manifest_bytes, found.trust);
    return {{reinterpret_cast<const char*>(bytes.data()), bytes.size()}, sha256_hex(bytes)};
}

Probe open_object_of(const FoundProbe& found, Manifest manifest, std::string manifest_sha256,
                     const AllowLists& allowed) {
    Object object = read_object(find_object(found.path, manifest).string(), found.trust, allowed,
                                manifest_sha256, manifest.may);
    return {std::move(manifest), std::move(object), found.path, std::move(manifest_sha256)};
}

Probe open_bare_object(const FoundProbe& found, const AllowLists& allowed) {
    Object object = read_object(found.path, found.trust, allowed, "", {});
    Manifest manifest = derive_manifest(object, name_of_object(found.path));
    return {std::move(manifest), std::move(object), "", ""};
}

Probe open_probe(const std::string& probe, const AllowLists& allowed) {
    const FoundProbe found = find_probe(probe);
    if (is_object_file(found.path))
        return open_bare_object(found, allowed);
    ManifestText read = read_manifest_text(found);
    return open_object_of(found, require_manifest(read.text, found.path), std::move(read.sha256),
                          allowed);
}

Candidate candidate_of(const Probe& probe) {
    return {probe.object.path(), probe.object.sha256(), probe.manifest_sha256, probe.manifest.may};
}

} // namespace dynmon
