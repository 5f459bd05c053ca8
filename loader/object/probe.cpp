#include "object/probe.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <sstream>

#include <elf.h>
#include <fcntl.h>
#include <unistd.h>

#include <sys/stat.h>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/identifier.hpp"
#include "base/log.hpp"
#include "object/sha256.hpp"

namespace dynmon {

namespace {

namespace fs = std::filesystem;

constexpr std::array<const char*, 2> manifest_names = {"probe.yaml", "probe.json"};

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

std::vector<std::string> probes_in(const std::vector<std::string>& folders) {
    std::vector<std::string> names;
    for (const std::string& folder : folders) {
        std::error_code error;
        for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
             entry.increment(error)) {
            if (!manifest_in(entry->path()).empty())
                names.push_back(entry->path().filename().string());
        }
    }
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names;
}

std::string join(const std::vector<std::string>& list) {
    std::string text;
    for (const std::string& item : list)
        text += (text.empty() ? "" : ", ") + item;
    return text;
}

bool is_trusted_owner(uid_t owner) {
    const char* behind_sudo = std::getenv("SUDO_UID");
    return owner == 0 || owner == ::geteuid() ||
           (behind_sudo != nullptr && std::to_string(owner) == behind_sudo);
}

// A name is to lead to what was installed, not to what somebody dropped where it is looked for.
void require_closed(const fs::path& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0)
        return; // whoever opens it says so
    if ((status.st_mode & S_IWOTH) != 0)
        throw Error(ErrorKind::rejected, path.string() + " can be written to by everybody")
            .hint("chmod o-w " + path.string() + ", or name the probe by its path");
    if (::geteuid() == 0 && !is_trusted_owner(status.st_uid))
        log::warn(path.string() + " belongs to user " + std::to_string(status.st_uid) +
                  ", who decides what is loaded");
}

fs::path find_by_name(const std::string& name) {
    const std::vector<std::string> folders = search_path();
    for (const std::string& folder : folders) {
        const fs::path manifest = manifest_in(fs::path(folder) / name);
        if (manifest.empty())
            continue;
        require_closed(folder);
        require_closed(manifest.parent_path());
        require_closed(manifest);
        return manifest;
    }
    const std::vector<std::string> known = probes_in(folders);
    const std::string near = nearest_name(name, known);
    std::string hint = "there are " + join(known);
    if (!near.empty())
        hint = "did you mean '" + near + "'?";
    else if (known.empty())
        hint = "name a folder, a probe.yaml or a .bpf.o, or set DYNMON_PROBE_PATH";
    throw Error(ErrorKind::usage, "no probe '" + name + "' in " + join(folders)).hint(hint);
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

std::string text_of(const std::vector<std::byte>& bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Beside the manifest; in a source tree, where probes/x/ is built into build/probes/x/, there.
fs::path find_object(const fs::path& manifest_path, const Manifest& manifest) {
    const fs::path folder = manifest_path.parent_path();
    const fs::path beside = folder / manifest.object;
    if (is_there(beside))
        return beside;
    std::string places = "beside " + manifest_path.string();
    std::error_code error;
    const fs::path source = fs::absolute(folder, error).lexically_normal();
    if (!error && source.parent_path().filename() == "probes") {
        const fs::path built = source.parent_path().parent_path() / "build" / "probes" /
                               source.filename() / manifest.object;
        if (is_there(built))
            return built;
        places = "neither " + places + " nor in " + built.parent_path().string();
    } else {
        places = "not " + places;
    }
    throw Error(ErrorKind::usage, "object '" + manifest.object + "' is " + places)
        .hint("compile the probe: make -f Makefile.bpf");
}

Object read_object(const fs::path& path, const AllowLists& allowed) {
    std::vector<std::byte> bytes = read_file(path.string(), limits::object_bytes);
    if (!allowed.empty())
        require_allowed(allowed, sha256_hex(bytes), path.string());
    return Object::parse(std::move(bytes), path.string());
}

// "dir/flows-2.bpf.o" → "flows-2"
std::string name_of_object(const fs::path& path) {
    std::string name = path.filename().string();
    name.resize(std::min(name.find('.'), name.size()));
    std::replace_if(
        name.begin(), name.end(), [](char c) { return !is_identifier(std::string("a") + c); }, '_');
    return name;
}

} // namespace

std::vector<std::string> search_path() {
    std::vector<std::string> folders;
    if (const char* variable = std::getenv("DYNMON_PROBE_PATH")) {
        std::istringstream list(variable);
        for (std::string folder; std::getline(list, folder, ':');) {
            if (!folder.empty())
                folders.push_back(folder);
        }
    }
    folders.insert(folders.end(), {"./build/probes", "./probes", DYNMON_PROBE_DIR});
    return folders;
}

std::string find_probe(const std::string& probe) {
    const bool is_path = probe.find_first_of("./") != std::string::npos;
    const fs::path path =
        is_path ? find_by_path(probe) : find_by_name(require_identifier(probe, "probe name"));
    const std::string extension = path.extension().string();
    if (!is_object_file(path) && extension != ".yaml" && extension != ".yml" &&
        extension != ".json")
        throw Error(ErrorKind::usage, path.string() + " is no probe")
            .hint("a probe is a name, a folder, a probe.yaml or .json, or an object (an ELF file, "
                  "mostly .bpf.o)");
    return path.string();
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

std::string read_manifest_text(const std::string& path) {
    return text_of(read_file(path, limits::manifest_bytes));
}

Object open_object_of(const std::string& manifest_path, const Manifest& manifest,
                      const AllowLists& allowed) {
    return read_object(find_object(manifest_path, manifest), allowed);
}

Probe open_bare_object(const std::string& path, const AllowLists& allowed) {
    Object object = read_object(path, allowed);
    Manifest manifest = derive_manifest(object, name_of_object(path));
    return {std::move(manifest), std::move(object), ""};
}

Probe open_probe(const std::string& probe, const AllowLists& allowed) {
    const std::string path = find_probe(probe);
    if (is_object_file(path))
        return open_bare_object(path, allowed);
    Manifest manifest = require_manifest(read_manifest_text(path), path);
    Object object = open_object_of(path, manifest, allowed);
    return {std::move(manifest), std::move(object), path};
}

} // namespace dynmon
