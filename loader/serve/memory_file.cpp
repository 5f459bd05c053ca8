// SPDX-License-Identifier: BSD-2-Clause
#include "serve/memory_file.hpp"

#include <algorithm>
#include <cerrno>

#include <unistd.h>

#include <sys/mman.h>
#include <sys/stat.h>

#include "base/error.hpp"

namespace dynmon::serve {

MemoryFile::MemoryFile() : fd_(::memfd_create("dynmon-answer", MFD_CLOEXEC)) {
    if (!fd_)
        throw Error(ErrorKind::failed, "make a file in memory", errno);
}

std::uint64_t MemoryFile::append(std::string_view bytes) {
    const std::uint64_t at = length();
    if (const int reason = write_all(fd_.get(), bytes); reason != 0)
        throw Error(ErrorKind::failed, "write a file in memory", reason);
    return at;
}

void MemoryFile::arrange(std::vector<Part> parts) {
    arranged_ = true;
    parts_.clear();
    arranged_size_ = 0;
    for (const Part& part : parts) {
        parts_.push_back({arranged_size_, part});
        arranged_size_ += part.size;
    }
}

std::uint64_t MemoryFile::length() const {
    struct stat status {};
    if (::fstat(fd_.get(), &status) != 0)
        throw Error(ErrorKind::failed, "look at a file in memory", errno);
    return static_cast<std::uint64_t>(status.st_size);
}

std::optional<std::uint64_t> MemoryFile::size() const {
    return arranged_ ? arranged_size_ : length();
}

std::optional<std::size_t> MemoryFile::read(std::uint64_t at, char* into, std::size_t most) {
    std::size_t done = 0;
    while (done < most) {
        std::uint64_t from = at + done;
        std::size_t piece = most - done;
        if (arranged_) {
            const auto after = std::upper_bound(
                parts_.begin(), parts_.end(), from,
                [](std::uint64_t where, const Placed& each) { return where < each.begin; });
            if (after == parts_.begin() || from >= arranged_size_)
                return done;
            const Placed& placed = *std::prev(after);
            const std::uint64_t into_part = from - placed.begin;
            piece = static_cast<std::size_t>(
                std::min<std::uint64_t>(piece, placed.part.size - into_part));
            from = placed.part.at + into_part;
        }
        const ssize_t got = ::pread(fd_.get(), into + done, piece, static_cast<off_t>(from));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return std::nullopt;
        if (got == 0)
            return done;
        done += static_cast<std::size_t>(got);
    }
    return done;
}

} // namespace dynmon::serve
