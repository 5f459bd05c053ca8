// SPDX-License-Identifier: BSD-2-Clause
#include "serve/imported.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include <sys/stat.h>

#include "base/error.hpp"
#include "base/file.hpp"

namespace dynmon::serve {

namespace {

namespace fs = std::filesystem;

constexpr const char* unchecked = ".unchecked"; // no digest starts with a dot

struct KeptProbe {
    fs::path folder;
    fs::file_time_type used;
    std::size_t bytes = 0;
};

std::size_t bytes_in(const fs::path& folder) {
    std::size_t bytes = 0;
    std::error_code fault;
    for (const auto& file : fs::directory_iterator(folder, fault))
        bytes += file.file_size(fault);
    return bytes;
}

// Not through a link, which another user may have made.
void require_own(const std::string& folder) {
    const Fd opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!opened)
        throw Error(ErrorKind::failed, "open " + folder, errno);
    try {
        require_own_folder(opened.get(), folder);
    } catch (Error& error) {
        throw error.as(ErrorKind::failed); // no fault of a document
    }
}

} // namespace

std::string ImportedProbes::find(const std::string& digest) const {
    const std::string path = path_of(digest);
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0)
        return "";
    require_own(folder_);
    ::utimensat(AT_FDCWD, path.c_str(), nullptr, AT_SYMLINK_NOFOLLOW); // it is used now
    return path;
}

void ImportedProbes::add(const std::string& digest, const std::vector<NewFile>& files,
                         const std::function<void(const std::string& folder)>& check) const {
    std::error_code fault;
    fs::create_directories(folder_, fault);
    require_own(folder_);
    const std::string path = path_of(unchecked);
    fs::remove_all(path, fault); // of a server that was killed
    publish_folder(files, path);
    Undo undo;
    undo.add([&] {
        std::error_code ignored;
        fs::remove_all(path, ignored);
    });
    check(path);
    remove(digest);
    if (::rename(path.c_str(), path_of(digest).c_str()) != 0)
        throw Error(ErrorKind::failed, "keep a probe in " + folder_, errno);
    undo.commit();
    make_room(digest);
}

void ImportedProbes::remove(const std::string& digest) const {
    std::error_code ignored;
    fs::remove_all(path_of(digest), ignored);
}

void ImportedProbes::make_room(const std::string& kept) const {
    std::vector<KeptProbe> probes;
    std::size_t bytes = 0;
    std::error_code fault;
    for (const auto& entry : fs::directory_iterator(folder_, fault)) {
        KeptProbe probe{entry.path(), entry.last_write_time(fault), bytes_in(entry.path())};
        bytes += probe.bytes;
        if (entry.path().filename() != kept)
            probes.push_back(std::move(probe));
    }
    std::sort(probes.begin(), probes.end(),
              [](const KeptProbe& a, const KeptProbe& b) { return a.used < b.used; });
    std::size_t left = probes.size() + 1;
    for (const KeptProbe& probe : probes) {
        if (left <= most_probes && bytes <= most_bytes)
            return;
        fs::remove_all(probe.folder, fault);
        bytes -= probe.bytes;
        --left;
    }
}

} // namespace dynmon::serve
