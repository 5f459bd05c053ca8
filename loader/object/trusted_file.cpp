// SPDX-License-Identifier: BSD-2-Clause
#include "object/trusted_file.hpp"

#include <cerrno>
#include <filesystem>

#include "base/error.hpp"
#include "base/limits.hpp"
#include "object/object.hpp"
#include "object/way.hpp"

namespace dynmon {

std::vector<std::byte> read_trusted(const std::string& path, std::size_t limit,
                                    const Trust& trust) {
    const std::filesystem::path whole(path);
    const Way folder(whole.has_parent_path() ? whole.parent_path().string() : ".");
    const std::string name = whole.has_filename() ? whole.filename().string() : ".";
    return read_file_at(folder.fd(), name, path, limit, [&](const struct stat& status) {
        Steps steps = folder.steps();
        steps.push_back(folder.step_into(name, status));
        trust.require(steps);
    });
}

std::vector<std::byte> read_named(const std::string& path, std::size_t limit) {
    Trust trust;
    trust.believe_owner_of(path);
    return read_trusted(path, limit, trust);
}

std::string read_trusted_text(const std::string& path, const std::string& what) {
    try {
        const std::vector<std::byte> bytes = read_trusted(path, limits::manifest_bytes, Trust());
        return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    } catch (Error& error) {
        if (error.kind() == ErrorKind::rejected)
            throw;
        if (error.hint().empty())
            error.hint("nothing is loaded until it can be read");
        throw error.as(ErrorKind::rejected).during(what);
    }
}

bool is_trusted(const std::string& path) {
    try {
        Trust().require(Way(path).steps());
        return true;
    } catch (const Error&) {
        return false;
    }
}

bool is_absent(const std::string& path) {
    struct stat status {};
    return ::lstat(path.c_str(), &status) != 0 && (errno == ENOENT || errno == ENOTDIR);
}

} // namespace dynmon
