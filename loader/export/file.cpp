// SPDX-License-Identifier: BSD-2-Clause
#include "export/file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <sys/sendfile.h>

#include "base/error.hpp"
#include "base/own_file.hpp"

namespace dynmon {

namespace {

std::string hint_for(int fault) {
    switch (fault) {
    case ENOSPC:
    case EDQUOT:
        return "make room and run it again: the window is kept and comes again";
    case EACCES:
    case EPERM:
        return "the folder has to belong to who runs this, and root is no exception: capabilities "
               "are "
               "given up before it is opened; make it first: mkdir";
    case ENOENT:
        return "make the folder first: mkdir -p";
    case ENOTDIR:
        return "it has to be a folder";
    case EEXIST:
        return "move it away and run it again: the window is kept and comes again";
    case ENODEV: // no writable mapping of files
    case EROFS:
        return "name a folder on another file system";
    default:
        return "";
    }
}

} // namespace

void fail_on_file(const char* what, const std::string& path) {
    const int fault = errno;
    throw Error(ErrorKind::failed, std::string(what) + " " + path, fault).hint(hint_for(fault));
}

Fd try_open_file(int folder, const std::string& name, int flags, const std::string& path) {
    Fd file = open_own_file(folder, name, flags, 0, path + "/" + name);
    if (!file && errno != ENOENT)
        fail_on_file("open", path + "/" + name);
    return file;
}

Fd open_file(int folder, const std::string& name, int flags, const std::string& path,
             unsigned mode) {
    Fd file = open_own_file(folder, name, flags, mode, path + "/" + name);
    if (!file)
        fail_on_file("open", path + "/" + name);
    return file;
}

Fd open_folder(int folder, const std::string& name, const std::string& path) {
    Fd opened(::openat(folder, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!opened)
        fail_on_file("open", path + "/" + name);
    require_own_folder(opened.get(), path + "/" + name);
    return opened;
}

std::string read_whole(const Fd& file, const std::string& path, std::size_t limit) {
    std::string text;
    char piece[4096];
    for (;;) {
        const ssize_t got = ::read(file.get(), piece, sizeof piece);
        if (got == 0)
            return text;
        if (got < 0 && errno != EINTR)
            fail_on_file("read", path);
        text.append(piece, static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
        if (text.size() > limit)
            throw Error(ErrorKind::rejected, path + " has more than " + std::to_string(limit) +
                                                 " bytes, which dynmon has not written")
                .hint("look at it, and remove it, or name another place");
    }
}

void copy_rest(const Fd& from, const Fd& to, const std::string& path) {
    constexpr std::size_t piece = 1u << 20;
    ssize_t copied = -1;
    while ((copied = ::sendfile(to.get(), from.get(), nullptr, piece)) != 0)
        if (copied < 0 && errno != EINTR)
            fail_on_file("write", path);
}

void write_whole(int fd, std::string_view text, const std::string& path) {
    while (!text.empty()) {
        const ssize_t written = ::write(fd, text.data(), text.size());
        if (written >= 0)
            text.remove_prefix(static_cast<std::size_t>(written));
        else if (errno != EINTR)
            fail_on_file("write", path);
    }
}

void sync_file(int fd, const std::string& path) {
    if (::fsync(fd) != 0)
        fail_on_file("sync", path);
}

void rename_new(int from, const std::string& name, int to, const std::string& new_name,
                const std::string& path) {
    if (::renameat2(from, name.c_str(), to, new_name.c_str(), RENAME_NOREPLACE) == 0)
        return;
    if (errno != EINVAL) // a file system that does not know the flag
        fail_on_file("make", path + "/" + new_name);
    if (::faccessat(to, new_name.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        errno = EEXIST;
    else if (::renameat(from, name.c_str(), to, new_name.c_str()) == 0)
        return;
    fail_on_file("make", path + "/" + new_name);
}

std::vector<std::string> names_in(int folder, const std::string& path) {
    const int listed = ::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const std::unique_ptr<DIR, int (*)(DIR*)> dir(listed < 0 ? nullptr : ::fdopendir(listed),
                                                  ::closedir);
    if (!dir)
        fail_on_file("list", path);
    std::vector<std::string> names;
    while (const dirent* entry = ::readdir(dir.get()))
        if (const std::string name = entry->d_name; name != "." && name != "..")
            names.push_back(name);
    return names;
}

} // namespace dynmon
