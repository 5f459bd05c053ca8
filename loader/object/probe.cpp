// SPDX-License-Identifier: BSD-2-Clause
#include "object/probe.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <set>
#include <sstream>

#include <elf.h>
#include <fcntl.h>
#include <unistd.h>

#include <sys/stat.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/identifier.hpp"
#include "base/limits.hpp"
#include "object/allow_list.hpp"
#include "object/trust.hpp"

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

namespace {

namespace fs = std::filesystem;

constexpr std::array<const char*, 2> manifest_names = {"probe.yaml", "probe.json"};
constexpr std::array<const char*, 2> current_folders = {"./build/probes", "./probes"};

bool is_there(const fs::path& path) {
    std::error_code ignored;
    return fs::exists(fs::symlink_status(path, ignored));
}

// "" when the folder has no manifest.
fs::path manifest_in(const fs::path& folder) {
    for (const char* name : manifest_names) {
        if (is_there(folder / name))
            return folder / name;
    }
    return {};
}

// By name; of a name that stands in several folders, the first.
std::map<std::string, fs::path> probes_in(const std::vector<std::string>& folders) {
    std::map<std::string, fs::path> probes;
    for (const std::string& folder : folders) {
        std::error_code error;
        for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
             entry.increment(error)) {
            if (!manifest_in(entry->path()).empty())
                probes.emplace(entry->path().filename().string(), entry->path());
        }
    }
    return probes;
}

std::string join(const std::vector<std::string>& list) {
    std::string text;
    for (const std::string& item : list)
        text += (text.empty() ? "" : ", ") + item;
    return text;
}

// Why the current folder is not searched; "": it is searched. SUDO_UID makes no difference.
std::string not_looked_at() {
    struct stat status {};
    if (::stat(".", &status) != 0)
        return "cannot be looked at";
    if (status.st_uid != ::geteuid())
        return "belongs to user " + std::to_string(status.st_uid);
    return (status.st_mode & (S_IWGRP | S_IWOTH)) != 0 ? "can be written to by others" : "";
}

// For a probe that would be found if the current folder were looked at.
std::string hint_of_current_folder(const std::string& name) {
    const std::string reason = not_looked_at();
    if (reason.empty())
        return "";
    for (const char* folder : current_folders)
        if (!manifest_in(fs::path(folder) / name).empty())
            return std::string(folder) + "/" + name +
                   " is not taken by its name, because the current folder " + reason +
                   ": to believe its owner, name it by this path";
    return "";
}

// probes/ beside the program: of a build tree, or wherever both were copied.
std::string beside_program() {
    std::error_code error;
    const fs::path program = fs::read_symlink("/proc/self/exe", error);
    const fs::path folder = program.parent_path() / "probes";
    return !error && fs::is_directory(folder, error) ? folder.string() : "";
}

[[noreturn]] void throw_unknown(const std::string& name, const std::vector<std::string>& folders) {
    std::vector<std::string> known;
    for (const auto& [probe, folder] : probes_in(folders))
        known.push_back(probe);
    const std::string near = nearest_name(name, known);
    std::string hint = hint_of_current_folder(name);
    if (hint.empty() && !near.empty())
        hint = "did you mean '" + near + "'?";
    else if (hint.empty())
        hint = known.empty() ? "name a folder, a probe.yaml or a .bpf.o, or set DYNMON_PROBE_PATH"
                             : "there are " + join(known);
    throw Error(ErrorKind::usage, "no probe '" + name + "' in " + join(folders)).hint(hint);
}

fs::path find_by_name(const std::string& name, const std::vector<std::string>& folders) {
    for (const std::string& folder : folders) {
        const fs::path manifest = manifest_in(fs::path(folder) / name);
        if (!manifest.empty())
            return manifest;
    }
    throw_unknown(name, folders);
}

fs::path find_by_path(const std::string& text) {
    std::error_code error;
    const fs::file_status status = fs::status(text, error);
    if (!fs::exists(status))
        throw Error(ErrorKind::usage, "open probe " + text, ENOENT);
    if (!fs::is_directory(status))
        return text;
    const fs::path manifest = manifest_in(text);
    if (manifest.empty())
        throw Error(ErrorKind::usage, "no probe.yaml and no probe.json in " + text);
    return manifest;
}

} // namespace

std::vector<std::string> installed_path() {
    std::vector<std::string> folders;
    if (const char* variable = std::getenv("DYNMON_PROBE_PATH")) {
        std::istringstream list(variable);
        for (std::string folder; std::getline(list, folder, ':');) {
            if (!folder.empty())
                folders.push_back(folder);
        }
    }
    if (const std::string beside = beside_program(); !beside.empty())
        folders.push_back(beside);
    folders.push_back(DYNMON_PROBE_DIR);
    return folders;
}

std::vector<InstalledProbe> installed_probes() {
    std::vector<InstalledProbe> probes;
    for (const auto& [name, folder] : probes_in(installed_path()))
        if (is_identifier(name))
            probes.push_back({name, folder.string()});
    return probes;
}

std::vector<std::string> search_path() {
    std::vector<std::string> folders = installed_path();
    if (not_looked_at().empty())
        folders.insert(folders.end(), current_folders.begin(), current_folders.end());
    return folders;
}

bool is_object_file(const std::string& path) {
    std::array<char, SELFMAG> magic{};
    const Fd file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    struct stat status {};
    if (file && ::fstat(file.get(), &status) == 0 && S_ISREG(status.st_mode) &&
        ::pread(file.get(), magic.data(), magic.size(), 0) == SELFMAG &&
        std::memcmp(magic.data(), ELFMAG, SELFMAG) == 0)
        return true;
    return path.ends_with(".o");
}

FoundProbe find_installed_probe(const std::string& name) {
    return {find_by_name(name, installed_path()).string(), Trust()};
}

FoundProbe find_probe(const std::string& probe, Purpose purpose) {
    const bool is_path = probe.find_first_of("./") != std::string::npos;
    const fs::path path =
        is_path ? find_by_path(probe)
                : find_by_name(require_identifier(probe, "probe name"), search_path());
    const std::string extension = path.extension().string();
    if (!is_object_file(path) && extension != ".yaml" && extension != ".yml" &&
        extension != ".json")
        throw Error(ErrorKind::usage, path.string() + " is no probe")
            .hint("a probe is a name, a folder, a probe.yaml or .json, or an object (an ELF file, "
                  "mostly .bpf.o)");
    FoundProbe found{path.string(), Trust(purpose)};
    if (is_path)
        found.trust.believe_owner_of(probe);
    return found;
}

// What a probe without a manifest, or one that leaves something open, most likely means.

namespace {

bool says_egress(const ProgramInfo& program) {
    const auto holds = [](const std::string& text) {
        return text.find("egress") != std::string::npos;
    };
    return holds(program.name) || holds(program.section);
}

using Programs = std::vector<const ProgramInfo*>;

Programs of_type(const Object& object, bpf_prog_type type) {
    Programs found;
    for (const ProgramInfo& program : object.programs()) {
        if (program.type == type)
            found.push_back(&program);
    }
    return found;
}

// The TC programs for `direction`: those that say egress, or those that do not.
Programs tc_programs(const Object& object, Direction direction) {
    Programs found = of_type(object, BPF_PROG_TYPE_SCHED_CLS);
    std::erase_if(found, [&](const ProgramInfo* program) {
        return says_egress(*program) != (direction == Direction::egress);
    });
    return found;
}

std::string names(const Programs& programs) {
    std::string text;
    for (const ProgramInfo* program : programs)
        text += (text.empty() ? "'" : ", '") + program->name + "'";
    return text;
}

std::string only_name(const Programs& programs) {
    return programs.size() == 1 ? programs.front()->name : "";
}

std::vector<const MapInfo*> readable_maps(const Object& object) {
    std::vector<const MapInfo*> found;
    for (const MapInfo& map : object.maps())
        if (!map.global_data && map.name != chain_map_name && map.name != meter_map_name &&
            is_readable(map.type) && is_identifier(map.name))
            found.push_back(&map);
    return found;
}

// When there are more maps than there can be metrics, those that the programs use come first.
std::vector<MetricConfig> metrics_of(const Object& object, std::size_t most) {
    std::vector<const MapInfo*> maps = readable_maps(object);
    if (maps.size() > most) {
        std::stable_partition(maps.begin(), maps.end(),
                              [](const MapInfo* map) { return map->used; });
        maps.resize(most);
    }
    std::vector<MetricConfig> metrics;
    for (const MapInfo* map : maps) {
        MetricConfig metric;
        metric.name = map->name;
        metric.map_name = map->name;
        metrics.push_back(std::move(metric));
    }
    return metrics;
}

const ProgramInfo& named_program(const Object& object, const std::string& name,
                                 bpf_prog_type type) {
    const ProgramInfo* program = object.program(name);
    if (program == nullptr) {
        std::vector<std::string> known;
        for (const ProgramInfo& other : object.programs())
            known.push_back(other.name);
        const std::string near = nearest_name(name, known);
        throw Error(ErrorKind::usage, "no program '" + name + "' in " + object.path())
            .hint(near.empty() ? "" : "did you mean '" + near + "'?");
    }
    if (program->type != type) {
        const bool xdp = type == BPF_PROG_TYPE_XDP;
        throw Error(ErrorKind::usage, "program '" + name + "' (section '" + program->section +
                                          "') is no " + (xdp ? "XDP" : "TC") + " program")
            .hint(xdp ? "its section must start with xdp"
                      : "its section must be tc or start with tcx/");
    }
    return *program;
}

const ProgramInfo& only_program(const Object& object, Direction direction, bool xdp) {
    const bpf_prog_type type = xdp ? BPF_PROG_TYPE_XDP : BPF_PROG_TYPE_SCHED_CLS;
    Programs fitting = of_type(object, type);
    if (!xdp && fitting.size() > 1)
        fitting = tc_programs(object, direction);
    if (fitting.size() == 1)
        return *fitting.front();
    const std::string kind = std::string(xdp ? "XDP" : "TC") + " program";
    const std::string which = std::string(to_string(direction)) + ": ";
    if (fitting.empty())
        throw Error(ErrorKind::usage, which + "no " + kind + " in " + object.path());
    throw Error(ErrorKind::usage,
                which + object.path() + " has more than one " + kind + ": " + names(fitting))
        .hint(std::string("choose one in the manifest with '") + (xdp ? "xdp-program" : "program") +
              "'");
}

} // namespace

Manifest derive_manifest(const Object& object, const std::string& name) {
    const Programs xdp = of_type(object, BPF_PROG_TYPE_XDP);
    const Programs ingress = tc_programs(object, Direction::ingress);
    const Programs egress = tc_programs(object, Direction::egress);
    Manifest manifest;
    manifest.name = require_identifier(name, "probe name");
    manifest.object = object.path().substr(object.path().rfind('/') + 1);
    manifest.hook = ingress.empty() && !xdp.empty() ? HookKind::xdp : HookKind::tc;
    const bool incoming = !ingress.empty() || !xdp.empty();
    const std::size_t most = limits::metrics / (incoming && !egress.empty() ? 2 : 1);
    if (incoming) {
        PathConfig path;
        path.program = only_name(ingress);
        path.xdp_program = only_name(xdp);
        path.metrics = metrics_of(object, most);
        manifest.paths.push_back(std::move(path));
    }
    if (!egress.empty()) {
        PathConfig path;
        path.direction = Direction::egress;
        path.program = only_name(egress);
        path.metrics = metrics_of(object, most);
        manifest.paths.push_back(std::move(path));
    }
    if (manifest.paths.empty())
        throw Error(ErrorKind::usage, object.path() + " has no XDP and no TC program")
            .hint("sections are tc, tcx/ingress, tcx/egress and xdp");
    return manifest;
}

const ProgramInfo& select_program(const Manifest& manifest, const Object& object,
                                  Direction direction, HookKind kind) {
    const PathConfig* path = manifest.path(direction);
    if (path == nullptr)
        throw Error(ErrorKind::usage,
                    "probe '" + manifest.name + "' has no " + to_string(direction) + "-path");
    const bool xdp = direction == Direction::ingress && kind == HookKind::xdp;
    const std::string& name = xdp ? path->xdp_program : path->program;
    if (!name.empty())
        return named_program(object, name, xdp ? BPF_PROG_TYPE_XDP : BPF_PROG_TYPE_SCHED_CLS);
    return only_program(object, direction, xdp);
}

} // namespace dynmon
