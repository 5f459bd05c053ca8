// SPDX-License-Identifier: BSD-2-Clause
#include "serve/compiler.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>

#include <poll.h>
#include <unistd.h>

#include <sys/socket.h>
#include <sys/un.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/text.hpp"
#include "serve/request.hpp"

namespace dynmon::serve {

namespace {

constexpr const char* journal_hint =
    "journalctl -u 'dynmon-compile@*'; what ran before goes on as it was";

HttpError helper_error(int status, const std::string& what) {
    return {status, "the compile helper " + what, "", journal_hint};
}

class Conversation {
public:
    Conversation(Fd fd, Deadline deadline) : fd_(std::move(fd)), deadline_(deadline) {}

    void send(std::string_view bytes) {
        while (!bytes.empty()) {
            wait_for(POLLOUT);
            const ssize_t count = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (count < 0 && (errno == EPIPE || errno == ECONNRESET))
                return; // it may have answered already
            if (count < 0 && errno != EAGAIN && errno != EINTR)
                throw helper_error(503, "takes no document: " + errno_text(errno));
            bytes.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
        }
        ::shutdown(fd_.get(), SHUT_WR);
    }

    std::string receive(std::size_t most) {
        std::string bytes;
        char buffer[65536];
        for (;;) {
            wait_for(POLLIN);
            const ssize_t count = ::recv(fd_.get(), buffer, sizeof buffer, 0);
            if (count == 0 || (count < 0 && errno == ECONNRESET))
                return bytes;
            if (count < 0 && errno != EAGAIN && errno != EINTR)
                throw helper_error(503, "cannot be heard: " + errno_text(errno));
            if (count > 0)
                bytes.append(buffer, static_cast<std::size_t>(count));
            if (bytes.size() > most)
                throw helper_error(502, "sends more than " + std::to_string(most >> 20) + " MiB");
        }
    }

private:
    void wait_for(short what) const {
        for (;;) {
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(
                deadline_ - std::chrono::steady_clock::now());
            pollfd waiting{fd_.get(), what, 0};
            if (left.count() <= 0)
                throw helper_error(504, "does not answer in time");
            if (::poll(&waiting, 1, static_cast<int>(left.count())) > 0)
                return;
        }
    }

    Fd fd_;
    Deadline deadline_;
};

// Empty: there is no such socket.
Fd connected(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), std::min(path.size(), sizeof address.sun_path - 1));
    Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd)
        throw helper_error(503, "cannot be asked: " + errno_text(errno));
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        if (errno == ENOENT)
            return {};
        throw helper_error(503, "does not take a connection on " + path + ": " + errno_text(errno));
    }
    ucred maker{};
    socklen_t size = sizeof maker;
    if (::getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &maker, &size) != 0 ||
        (maker.uid != 0 && maker.uid != ::geteuid()))
        throw HttpError(503, path + " was made by user " + std::to_string(maker.uid), "",
                        "dynmon-compile.socket, or a helper that root has started");
    return fd;
}

// What the helper says of a document goes to clients as it is, but for what a terminal obeys.
[[noreturn]] void throw_answered(const CompileMessage& answer) {
    constexpr std::size_t longest = 1000;
    const auto text = [&](const char* name) { return printable_line(answer.field(name), longest); };
    const std::string& kind = answer.field(compile_field::kind);
    const bool of_document =
        kind == kind_name(ErrorKind::usage) || kind == kind_name(ErrorKind::rejected);
    throw HttpError(of_document ? 400 : 503,
                    (of_document ? "" : "the compile helper: ") + text(compile_field::what), "",
                    text(compile_field::hint));
}

} // namespace

std::optional<CompileMessage> compile_document(const std::string& socket_path,
                                               const std::string& document, Deadline deadline) {
    Fd fd = connected(socket_path);
    if (!fd)
        return std::nullopt;
    Conversation conversation(std::move(fd), deadline);
    conversation.send(to_bytes(
        {.kind = compile_field::document, .fields = {{compile_field::document, document}}}));
    const std::string bytes = conversation.receive(compile_limits::answer_bytes);
    if (bytes.empty())
        throw helper_error(503, "ends without an answer");
    CompileMessage answer;
    try {
        answer = parse_compile_message(bytes);
    } catch (const Error& error) {
        throw helper_error(502, "answers what is " + std::string(error.what()));
    }
    if (answer.kind == "error")
        throw_answered(answer);
    if (answer.kind != "probe")
        throw helper_error(502, "answers neither a probe nor an error");
    for (const auto& [name, ignored] : answer.fields)
        if (std::find(std::begin(compiled_files), std::end(compiled_files), name) ==
            std::end(compiled_files))
            throw helper_error(502, "answers a file that is of no probe, '" + name + "'");
    return answer;
}

} // namespace dynmon::serve
