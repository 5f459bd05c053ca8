// SPDX-License-Identifier: BSD-2-Clause
// A buffer in front of a file descriptor. Text is appended to buffer(); spill() writes it out. What
// goes to a terminal is made printable: values, names and comments come from packets and objects.
// A spool keeps the text until it is known that all of it can be had.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/file.hpp"

namespace dynmon {

class Sink {
public:
    static constexpr std::size_t threshold = 1u << 16;

    explicit Sink(int fd);

    std::string& buffer() { return buffer_; }
    // Writes when the buffer has grown beyond `threshold`. Throws Error{failed} (EPIPE, ENOSPC …).
    void spill() {
        if (buffer_.size() >= threshold)
            flush();
    }
    void flush(); // writes everything; throws Error{failed}
    // The header of the one table that a CSV file is, which its writers share one after the other;
    // "": it has none yet.
    std::string& header() { return header_; }

private:
    int fd_; // not owned; -1 keeps everything in buffer()
    bool terminal_;
    std::string buffer_;
    std::string header_;
};

// Bytes that have to wait because what stands before them depends on how many there will be.

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
