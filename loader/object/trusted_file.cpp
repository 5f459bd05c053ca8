#include "object/trusted_file.hpp"

#include <cerrno>
#include <filesystem>

#include <unistd.h>

#include <sys/stat.h>

#include "base/error.hpp"
#include "base/limits.hpp"
#include "object/object.hpp"

namespace dynmon {

namespace {

void require_ours(const struct stat& status, const std::string& path) {
    if (status.st_uid != 0 && status.st_uid != geteuid())
        throw Error(ErrorKind::rejected,
                    path + " belongs to user " + std::to_string(status.st_uid) + ", not to root")
            .hint("whoever owns it decides what is loaded: look at it, then chown root " + path);
    if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        throw Error(ErrorKind::rejected, path + " can be written to by others than its owner")
            .hint("look at it, then chmod go-w " + path);
}

void require_our_folder(const std::string& path) {
    const std::string folder = std::filesystem::path(path).parent_path().empty()
                                   ? "."
                                   : std::filesystem::path(path).parent_path().string();
    struct stat status {};
    if (::stat(folder.c_str(), &status) != 0)
        throw Error(ErrorKind::rejected, "stat " + folder, errno);
    require_ours(status, folder);
}

} // namespace

std::string read_trusted_file(const std::string& path, const std::string& what) {
    try {
        const std::vector<std::byte> bytes =
            read_file(path, limits::manifest_bytes,
                      [&](const struct stat& status) { require_ours(status, path); });
        require_our_folder(path);
        return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    } catch (const Error& error) {
        if (error.kind() == ErrorKind::rejected)
            throw;
        throw Error(ErrorKind::rejected, what + ": " + error.what())
            .hint(error.hint().empty() ? "nothing is loaded until it can be read" : error.hint());
    }
}

bool is_absent(const std::string& path) {
    struct stat status {};
    return ::lstat(path.c_str(), &status) != 0 && (errno == ENOENT || errno == ENOTDIR);
}

} // namespace dynmon
