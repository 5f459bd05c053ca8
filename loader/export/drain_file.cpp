// SPDX-License-Identifier: BSD-2-Clause
#include "export/drain_file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

#include <sys/mman.h>
#include <sys/stat.h>

#include "base/error.hpp"
#include "export/file.hpp"

namespace dynmon {

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

} // namespace dynmon
