// SPDX-License-Identifier: BSD-2-Clause
// Bytes that have to wait because what stands before them depends on how many there will be.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/fd.hpp"
#include "format/sink.hpp"

namespace dynmon {

std::string spool_folder(); // $TMPDIR or /tmp

// Keeps the first megabyte in memory and everything in an unlinked temporary file when there is
// more.
class Spool {
public:
    // Room for `bytes` more; what was written there is kept by grow(). At most `threshold` bytes.
    char* reserve(std::size_t bytes);
    void grow(std::size_t bytes) { used_ += bytes; }

    std::uint64_t size() const { return stored_ + used_; }
    // CRC-32 of all bytes, as in ZIP.
    std::uint32_t checksum();
    // Appends everything to `sink`, in pieces. Throws Error{failed}.
    void copy_to(Sink& sink);

    static constexpr std::size_t threshold = 1u << 20;

private:
    void store(); // what is in memory goes to the file

    std::string memory_;
    std::size_t used_ = 0; // of memory_
    Fd file_;
    std::uint64_t stored_ = 0;   // bytes in the file
    std::uint32_t checksum_ = 0; // of those
};

} // namespace dynmon
