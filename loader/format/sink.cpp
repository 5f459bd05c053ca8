// SPDX-License-Identifier: BSD-2-Clause
// Writes the buffer out, whatever the descriptor is.

#include "format/sink.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <string_view>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>
#include <zlib.h>

#include "base/error.hpp"
#include "base/text.hpp"

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
            wait_until_writable(fd_); // another process made the pipe non-blocking
        } else if (errno != EINTR) {
            const int fault = errno;
            buffer_.clear(); // must not be written a second time by a later flush
            throw Error(ErrorKind::failed, "write output", fault);
        }
    }
    buffer_.clear();
}

namespace {

[[noreturn]] void fail(const char* what) {
    const int fault = errno;
    throw Error(ErrorKind::failed, std::string(what) + " a temporary file", fault)
        .hint("TMPDIR says in which folder");
}

Fd unlinked_file() {
    const std::string folder = spool_folder();
    Fd file(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    if (file)
        return file;
    std::string path = folder + "/dynmon-XXXXXX"; // not every file system knows O_TMPFILE
    file = Fd(::mkostemp(path.data(), O_CLOEXEC));
    if (!file)
        fail("make");
    ::unlink(path.c_str());
    return file;
}

std::uint32_t crc(std::uint32_t sofar, std::string_view bytes) {
    return static_cast<std::uint32_t>(
        ::crc32_z(sofar, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

} // namespace

std::string spool_folder() {
    const char* folder = std::getenv("TMPDIR");
    return folder == nullptr || *folder == '\0' ? "/tmp" : folder;
}

char* Spool::reserve(std::size_t bytes) {
    if (used_ + bytes > threshold)
        store();
    if (used_ + bytes > memory_.size())
        memory_.resize(std::max(used_ + bytes, std::min(threshold, 2 * memory_.size())));
    return memory_.data() + used_;
}

void Spool::store() {
    if (!file_)
        file_ = unlinked_file();
    std::string_view left(memory_.data(), used_);
    checksum_ = crc(checksum_, left);
    while (!left.empty()) {
        const ssize_t written = ::write(file_.get(), left.data(), left.size());
        if (written >= 0)
            left.remove_prefix(static_cast<std::size_t>(written));
        else if (errno != EINTR)
            fail("write");
    }
    stored_ += used_;
    used_ = 0;
}

std::uint32_t Spool::checksum() {
    return crc(checksum_, {memory_.data(), used_});
}

void Spool::copy_to(Sink& sink) {
    std::uint64_t at = 0;
    std::string& out = sink.buffer();
    while (at < stored_) {
        const std::size_t piece = std::min<std::uint64_t>(Sink::threshold, stored_ - at);
        const std::size_t before = out.size();
        out.resize(before + piece);
        const ssize_t got =
            ::pread(file_.get(), out.data() + before, piece, static_cast<off_t>(at));
        out.resize(before + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
        if (got <= 0 && errno != EINTR)
            fail("read");
        at += static_cast<std::uint64_t>(std::max<ssize_t>(got, 0));
        sink.spill();
    }
    for (std::size_t done = 0; done < used_; done += Sink::threshold) {
        out.append(memory_, done, std::min(Sink::threshold, used_ - done));
        sink.spill();
    }
}

} // namespace dynmon
