// SPDX-License-Identifier: BSD-2-Clause
#include "object/find_probe.hpp"

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

namespace dynmon {

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

// Why the current folder is not searched; "": it is searched. SUDO_UID makes no difference.
std::string not_looked_at() {
    struct stat status {};
    if (::stat(".", &status) != 0)
        return "cannot be looked at";
    if (status.st_uid != ::geteuid())
        return "belongs to user " + std::to_string(status.st_uid);
    return (status.st_mode & (S_IWGRP | S_IWOTH)) != 0 ? "can be written to by others" : "";
}

// Of a probe that would be found if the current folder were looked at.
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

// probes/ beside the program: of a build tree, or wherever somebody put both.
std::string beside_program() {
    std::error_code error;
    const fs::path program = fs::read_symlink("/proc/self/exe", error);
    const fs::path folder = program.parent_path() / "probes";
    return !error && fs::is_directory(folder, error) ? folder.string() : "";
}

[[noreturn]] void throw_unknown(const std::string& name, const std::vector<std::string>& folders) {
    const std::vector<std::string> known = probes_in(folders);
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

} // namespace dynmon
