// SPDX-License-Identifier: BSD-2-Clause
#include "object/new_folder.hpp"

#include <cerrno>
#include <cstdio>

#include <fcntl.h>
#include <unistd.h>

#include <sys/stat.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/text.hpp"
#include "object/traced_code.hpp"

namespace dynmon {

namespace fs = std::filesystem;

namespace {

// Some file systems cannot refuse to overwrite; they still refuse a folder with something in it.
int rename_to_new(const fs::path& from, const fs::path& to) {
    const int result = ::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE);
    return result != 0 && errno == EINVAL ? ::rename(from.c_str(), to.c_str()) : result;
}

// Just made, as `path`: a user who may write to the folder above could have exchanged it.
Fd open_stage(const fs::path& path) {
    Fd stage(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!stage)
        throw Error(ErrorKind::failed, "open " + path.string(), errno);
    require_own_way(stage.get(), path.string());
    return stage;
}

void write_file(const Fd& folder, const fs::path& path, const NewFile& file) {
    const Fd out(::openat(folder.get(), file.name.c_str(),
                          O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                          file.executable ? 0777 : 0666));
    if (!out)
        throw Error(ErrorKind::failed, "make " + path.string(), errno);
    if (const int reason = write_all(out.get(), file.text); reason != 0)
        throw Error(ErrorKind::failed, "write " + path.string(), reason);
}

} // namespace

std::string quoted(const std::string& path) {
    const bool plain = path.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                              "0123456789_-./+,:@%") == std::string::npos;
    return plain ? path : "'" + replace_all(path, "'", "'\\''") + "'";
}

// Under another name first: the folder is there whole or not at all.
void publish_folder(const std::vector<NewFile>& files, const fs::path& target) {
    const fs::path dir = target.has_parent_path() ? target.parent_path() : fs::path(".");
    const fs::path stage =
        dir / ("." + target.filename().string() + ".new-" + std::to_string(::getpid()));
    if (fs::exists(fs::symlink_status(target)))
        throw Error(ErrorKind::usage, target.string() + " is there already, and is left alone")
            .hint("choose another name or another folder");
    std::error_code fault;
    if (!fs::exists(dir, fault) && !fault)
        throw Error(ErrorKind::usage, "make a folder in " + dir.string(), ENOENT)
            .hint("mkdir -p " + quoted(dir.string()));
    if (::mkdir(stage.c_str(), 0777) != 0)
        throw Error(ErrorKind::failed, "make a folder in " + dir.string(), errno)
            .hint("name another folder");
    Undo undo;
    undo.add([&] {
        std::error_code ignored;
        fs::remove_all(stage, ignored);
    });
    const Fd folder = open_stage(stage);
    for (const NewFile& file : files)
        write_file(folder, stage / file.name, file);
    if (rename_to_new(stage, target) != 0)
        throw Error(ErrorKind::failed, "put the folder at " + target.string(), errno);
    undo.commit();
}

} // namespace dynmon
