// SPDX-License-Identifier: BSD-2-Clause
// Writes the buffer out, whatever the descriptor is.
#include "format/sink.hpp"

#include <cerrno>
#include <string_view>

#include <poll.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/printable.hpp"

namespace dynmon {

namespace {

void wait_until_writable(int fd) {
    pollfd waiting{fd, POLLOUT, 0};
    ::poll(&waiting, 1, -1); // whatever it says, write() says it better
}

} // namespace

Sink::Sink(int fd) : fd_(fd), terminal_(fd >= 0 && ::isatty(fd) == 1) {
    buffer_.reserve(2 * threshold);
}

void Sink::flush() {
    if (fd_ < 0)
        return;
    if (terminal_)
        buffer_ = printable(buffer_);
    std::string_view left = buffer_;
    while (!left.empty()) {
        const ssize_t written = ::write(fd_, left.data(), left.size());
        if (written >= 0) {
            left.remove_prefix(static_cast<std::size_t>(written));
        } else if (errno == EAGAIN) {
            wait_until_writable(fd_); // somebody made the pipe non-blocking
        } else if (errno != EINTR) {
            const int fault = errno;
            buffer_.clear(); // must not be written a second time by a later flush
            throw Error(ErrorKind::failed, "write output", fault);
        }
    }
    buffer_.clear();
}

} // namespace dynmon
