// SPDX-License-Identifier: BSD-2-Clause
#include "export/output_dir.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <sys/file.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "object/traced_code.hpp"

namespace dynmon {

namespace {

std::string hint_for(int fault) {
    switch (fault) {
    case ENOSPC:
    case EDQUOT:
        return "make room and run it again: the window is kept and comes again";
    case EACCES:
    case EPERM:
        return "the folder has to belong to the user who runs this, and root is no exception, "
               "because dynmon gives up its capabilities before it opens the folder; make it "
               "first: mkdir";
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
    if (const int reason = write_all(fd, text); reason != 0) {
        errno = reason;
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

namespace {

constexpr const char* prefix = ".dynmon-popped-";
constexpr std::size_t most_drained = std::size_t{4} << 30; // the maps of a probe have no more

std::string window_suffix(std::uint64_t sequence, std::uint64_t to_ns) {
    return "-" + std::to_string(sequence) + "-" + std::to_string(to_ns);
}

} // namespace

DrainFile::DrainFile(int folder, const std::string& path, const std::string& queue,
                     const Window& window, std::size_t element, std::size_t bytes)
    : folder_(folder), path_(path),
      name_(prefix + queue + window_suffix(window.sequence, window.to_ns)) {
    for (const std::string& name : names_in(folder, path)) // of whichever window it was
        if (name.starts_with(prefix + queue + '-') &&
            ::renameat(folder, name.c_str(), folder, name_.c_str()) != 0)
            fail_on_file("rename", path + "/" + name);
    file_ = open_file(folder, name_, O_RDWR | O_CREAT, path, 0600);
    struct stat status {};
    if (::fstat(file_.get(), &status) != 0)
        fail_on_file("look at", path + "/" + name_);
    const auto held = static_cast<std::size_t>(status.st_size);
    if (held > most_drained)
        throw Error(ErrorKind::rejected, path + "/" + name_ + " has more than " +
                                             std::to_string(most_drained) +
                                             " bytes, which dynmon has not written")
            .hint("look at it, and remove it, or name another folder");
    mapped_ = held + bytes;
    void* const memory =
        ::mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_SHARED, file_.get(), 0);
    if (memory == MAP_FAILED)
        fail_on_file("map", path + "/" + name_);
    bytes_ = static_cast<std::byte*>(memory);
    used_ = left_over_ = keep_elements(element, held);
    if (::ftruncate(file_.get(), static_cast<off_t>(used_)) != 0)
        fail_on_file("cut", path + "/" + name_);
}

DrainFile::~DrainFile() {
    if (bytes_ != nullptr)
        ::munmap(bytes_, mapped_);
}

// Moves the elements together to the front: those that were put back into their queue left gaps.
// Returns their bytes.
std::size_t DrainFile::keep_elements(std::size_t element, std::size_t held) {
    std::size_t kept = 0;
    for (std::byte* at = bytes_; at + element <= bytes_ + held; at += element) {
        if (std::all_of(at, at + element, [](std::byte byte) { return byte == std::byte{0}; }))
            continue;
        if (at != bytes_ + kept) {
            std::memcpy(bytes_ + kept, at, element);
            std::memset(at, 0, element);
        }
        kept += element;
    }
    return kept;
}

std::byte* DrainFile::next(std::size_t bytes) {
    const int fault =
        ::posix_fallocate(file_.get(), static_cast<off_t>(used_), static_cast<off_t>(bytes));
    if (fault != 0) {
        errno = fault;
        fail_on_file("make room for what is popped in", path_ + "/" + name_);
    }
    std::byte* const room = bytes_ + used_;
    // Every page is made writable now, so that the kernel need not wait for one while it copies.
    for (std::size_t at = 0; at < bytes; at += 4096)
        static_cast<volatile std::byte*>(room)[at] = std::byte{0};
    static_cast<volatile std::byte*>(room)[bytes - 1] = std::byte{0};
    used_ += bytes;
    return room;
}

bool DrainFile::exists(int folder, const std::string& queue, const Window& window) {
    const std::string name = prefix + queue + window_suffix(window.sequence, window.to_ns);
    return ::faccessat(folder, name.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

void DrainFile::remove_of(int folder, const std::string& path, std::uint64_t sequence,
                          std::uint64_t to_ns) {
    for (const std::string& name : names_in(folder, path))
        if (name.starts_with(prefix) && name.ends_with(window_suffix(sequence, to_ns)) &&
            ::unlinkat(folder, name.c_str(), 0) != 0)
            fail_on_file("remove", path + "/" + name);
}

void DrainFile::remove() {
    if (::unlinkat(folder_, name_.c_str(), 0) != 0 && errno != ENOENT)
        fail_on_file("remove", path_ + "/" + name_);
}

namespace {

constexpr const char* staging = ".dynmon-staging";
constexpr const char* committed = ".dynmon-committed";
constexpr const char* state_name = ".dynmon-export.json";
constexpr const char* lock_name = ".dynmon-lock";
constexpr std::size_t few_files = 8;
constexpr std::size_t most_state = 1u << 20; // bytes

bool exists(int folder, const char* name) {
    return ::faccessat(folder, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

std::uint64_t size_of(const Fd& file, const std::string& path) {
    struct stat status {};
    if (::fstat(file.get(), &status) != 0)
        fail_on_file("look at", path);
    return static_cast<std::uint64_t>(status.st_size);
}

// Another user's symbolic link would lead what root writes to a folder of root.
Fd open_output(const std::string& path) {
    Fd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    struct stat status {};
    if (!folder && ::lstat(path.c_str(), &status) == 0 && S_ISLNK(status.st_mode))
        throw Error(ErrorKind::usage, path + " is a symbolic link").hint("name the folder itself");
    if (!folder)
        fail_on_file("open", path);
    require_own_way(folder.get(), path);
    return folder;
}

std::optional<ExportState> read_state(int folder, const std::string& path) {
    const Fd file = try_open_file(folder, state_name, O_RDONLY, path);
    if (!file)
        return std::nullopt;
    const std::string name = path + "/" + state_name;
    return ExportState::parse(read_whole(file, name, most_state), name);
}

bool still_named(const Fd& file, int folder, const char* name) {
    struct stat held {};
    struct stat named {};
    return ::fstat(file.get(), &held) == 0 &&
           ::fstatat(folder, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           held.st_ino == named.st_ino && held.st_dev == named.st_dev;
}

// The number in "…-iter12.csv" and "result_12.json".
std::optional<std::uint64_t> iteration_of(const std::string& name) {
    std::size_t at = name.rfind("-iter");
    at = at != std::string::npos ? at + 5 : name.starts_with("result_") ? 7 : name.size();
    std::uint64_t number = 0;
    const auto [end, fault] = std::from_chars(name.data() + at, name.data() + name.size(), number);
    if (fault != std::errc() || end == name.data() + name.size() || *end != '.' ||
        number >= most_iterations)
        return std::nullopt;
    return number;
}

} // namespace

OutputDir::Lock::Lock(int folder, const std::string& path) : folder_(folder) {
    do { // the one before may have removed it, between our open and our lock
        file_ = open_file(folder, lock_name, O_RDWR | O_CREAT, path, 0600);
        int fault = 0;
        do
            fault = ::flock(file_.get(), LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
        while (fault == EINTR);
        if (fault == EWOULDBLOCK)
            throw Error(ErrorKind::busy,
                        "another export writes to " + path + ": " + lock_holder(file_.get()))
                .hint("end it, or name another folder");
        if (fault != 0)
            throw Error(ErrorKind::failed, "lock " + path, fault);
    } while (!still_named(file_, folder, lock_name));
}

OutputDir::Lock::~Lock() {
    ::unlinkat(folder_, lock_name, 0);
}

void OutputDir::make(const std::string& path) {
    if (::mkdir(path.c_str(), 0777) != 0 && errno != EEXIST)
        fail_on_file("make", path);
}

OutputDir::OutputDir(const std::string& path)
    : path_(path), dir_((make(path), open_output(path))), lock_(dir_.get(), path) {
    during("finish what a run before left in " + path, [this] {
        if (exists(dir_.get(), committed))
            publish();
        remove_folder(staging);
        load_state();
        for (const auto& [monitor, last] : state_.windows)
            DrainFile::remove_of(dir_.get(), path_, last.sequence, last.to_ns);
    });
}

void OutputDir::load_state() {
    if (auto state = read_state(dir_.get(), path_))
        state_ = std::move(*state);
    else
        state_.next = after_existing();
    state_.appended.clear();
}

std::uint64_t OutputDir::after_existing() const {
    std::uint64_t next = 0;
    for (const std::string& name : names_in(dir_.get(), path_))
        if (const auto number = iteration_of(name))
            next = std::max(next, *number + 1);
    return next;
}

bool OutputDir::has(const std::string& monitor, const Window& window) const {
    const auto last = state_.windows.find(monitor);
    return last != state_.windows.end() && last->second.sequence == window.sequence &&
           last->second.to_ns == window.to_ns;
}

void OutputDir::store(const WindowName& name, const std::vector<OutFile>& files) {
    for (const OutFile& file : files)
        if (!file.appends() && exists(dir_.get(), file.name.c_str())) {
            errno = EEXIST;
            fail_on_file("make", path_ + "/" + file.name);
        }
    remove_folder(staging);
    try {
        stage(name, files);
    } catch (...) {
        remove_folder(staging); // so that a full disk is not left fuller
        throw;
    }
    if (::renameat(dir_.get(), staging, dir_.get(), committed) != 0)
        fail_on_file("rename", path_ + "/" + staging);
    sync_file(dir_.get(), path_);
    publish();
    load_state();
}

// Where the rows of a file that is appended to will stand; throws when it is another kind of file.
std::uint64_t OutputDir::append_at(const OutFile& file) const {
    const std::string path = path_ + "/" + file.name;
    const Fd there = try_open_file(dir_.get(), file.name, O_RDONLY, path_);
    const std::uint64_t size = there ? size_of(there, path) : 0;
    if (size == 0)
        return 0;
    std::string start(file.header.size(), '\0');
    const ssize_t got = ::pread(there.get(), start.data(), start.size(), 0);
    if (got < 0)
        fail_on_file("read", path);
    if (start != file.header)
        throw Error(ErrorKind::usage, path + " has other columns")
            .hint("name another folder, or move the file away");
    return size;
}

ExportState OutputDir::state_behind(const WindowName& name,
                                    const std::vector<OutFile>& files) const {
    ExportState state = state_;
    state.next = name.iteration + 1;
    state.windows[name.monitor] = {name.window.sequence, name.window.to_ns};
    for (const OutFile& file : files)
        if (file.appends())
            state.appended[file.name] = {append_at(file), file.header};
    return state;
}

void OutputDir::stage(const WindowName& name, const std::vector<OutFile>& files) const {
    const std::string state = state_behind(name, files).text();
    const std::string path = path_ + "/" + staging;
    if (::mkdirat(dir_.get(), staging, 0700) != 0)
        fail_on_file("make", path);
    const Fd folder = open_folder(dir_.get(), staging, path_);
    const auto write = [&](const OutFile& out) {
        const Fd file = open_file(folder.get(), out.name, O_WRONLY | O_CREAT | O_EXCL, path);
        const auto put = [&](std::string_view text) {
            write_whole(file.get(), text, path + "/" + out.name);
        };
        put(out.text);
        if (out.rest)
            out.rest(put);
        if (files.size() <= few_files)
            sync_file(file.get(), path + "/" + out.name);
    };
    for (const OutFile& file : files)
        write(file);
    write({state_name, state});
    if (files.size() > few_files && ::syncfs(folder.get()) != 0) // one flush for all of them
        fail_on_file("sync", path);
    sync_file(folder.get(), path);
}

// May be killed and repeated at any point: what was moved is not there to be moved any more, and
// what is appended goes to the same place again. The state comes last.
void OutputDir::publish() {
    const std::string path = path_ + "/" + committed;
    const Fd folder = open_folder(dir_.get(), committed, path_);
    if (const auto state = read_state(folder.get(), path)) {
        for (const std::string& name : names_in(folder.get(), path)) {
            if (name == state_name)
                continue;
            const auto rows = state->appended.find(name);
            if (rows == state->appended.end())
                rename_new(folder.get(), name, dir_.get(), name, path_);
            else
                append(folder.get(), name, rows->second);
        }
        sync_file(dir_.get(), path_);
        if (::renameat(folder.get(), state_name, dir_.get(), state_name) != 0)
            fail_on_file("make", path_ + "/" + state_name);
    }
    if (::unlinkat(dir_.get(), committed, AT_REMOVEDIR) != 0)
        fail_on_file("remove", path);
    sync_file(dir_.get(), path_);
}

void OutputDir::append(int from, const std::string& name, const ExportState::Appended& rows) const {
    const std::string path = path_ + "/" + name;
    const std::string staged = path_ + "/" + committed;
    const Fd source = open_file(from, name, O_RDONLY, staged);
    const Fd file = open_file(dir_.get(), name, O_WRONLY | O_CREAT, path_);
    const std::uint64_t at = // another process may have moved or emptied it
        std::min(rows.at, size_of(file, path));
    const auto cut = [&] {
        if (::ftruncate(file.get(), static_cast<off_t>(at)) != 0 ||
            ::lseek(file.get(), static_cast<off_t>(at), SEEK_SET) < 0)
            fail_on_file("cut", path);
    };
    cut();
    try {
        if (at == 0)
            write_whole(file.get(), rows.header, path);
        copy_rest(source, file, path);
    } catch (...) {
        cut(); // no half line
        throw;
    }
    sync_file(file.get(), path);
    if (::unlinkat(from, name.c_str(), 0) != 0)
        fail_on_file("remove", staged + "/" + name);
}

void OutputDir::remove_folder(const char* name) const {
    if (!exists(dir_.get(), name))
        return;
    const Fd folder = open_folder(dir_.get(), name, path_);
    for (const std::string& inside : names_in(folder.get(), path_ + "/" + name))
        ::unlinkat(folder.get(), inside.c_str(), 0);
    if (::unlinkat(dir_.get(), name, AT_REMOVEDIR) != 0)
        fail_on_file("remove", path_ + "/" + name);
}

} // namespace dynmon
