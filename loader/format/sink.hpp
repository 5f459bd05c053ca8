// SPDX-License-Identifier: BSD-2-Clause
// A buffer in front of a file descriptor. Text is appended to buffer(); spill() writes it out. What
// goes to a terminal is made printable: values, names and comments come from packets and objects.
#pragma once

#include <cstddef>
#include <string>

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
    // The header of the one table that a CSV file is, which those who write it one after the other
    // share; "": it has none yet.
    std::string& header() { return header_; }

private:
    int fd_; // not owned; -1 keeps everything in buffer()
    bool terminal_;
    std::string buffer_;
    std::string header_;
};

} // namespace dynmon
