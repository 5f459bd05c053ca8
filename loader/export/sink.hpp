// A buffer in front of a file descriptor. Text is appended to buffer(); spill() writes it out.
#pragma once

#include <cstddef>
#include <string>

namespace dynmon {

class Sink {
public:
    static constexpr std::size_t threshold = 1u << 16;

    explicit Sink(int fd) : fd_(fd) { buffer_.reserve(2 * threshold); }

    std::string& buffer() { return buffer_; }
    // Writes when the buffer has grown beyond `threshold`. Throws Error{failed} (EPIPE, ENOSPC …).
    void spill() {
        if (buffer_.size() >= threshold)
            flush();
    }
    void flush(); // writes everything; throws Error{failed}

private:
    int fd_; // not owned; -1 keeps everything in buffer()
    std::string buffer_;
};

} // namespace dynmon
