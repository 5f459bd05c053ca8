// SPDX-License-Identifier: BSD-2-Clause
// Sockets of the caller's network namespace. They are not blocking: every wait has an end.

#include "export/collector.hpp"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "export/ipfix_message.hpp"

namespace dynmon {

namespace {

constexpr std::string_view default_port = "4739";

bool is_port(std::string_view text) {
    if (text.empty() || text.size() > 5 ||
        !std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; }))
        return false;
    const int port = std::stoi(std::string(text));
    return port > 0 && port <= 65535;
}

} // namespace

CollectorAddress CollectorAddress::parse(std::string_view text, std::string_view option) {
    const auto refuse = [&](const std::string& fault) -> Error {
        return Error(ErrorKind::usage,
                     std::string(option) + " '" + std::string(text) + "': " + fault)
            .hint(
                "udp:HOST:PORT or tcp:HOST:PORT, an IPv6 address in brackets: udp:[fd00::1]:4739");
    };
    CollectorAddress address;
    std::string_view rest = text;
    if (!rest.starts_with("udp:") && !rest.starts_with("tcp:"))
        throw refuse("neither udp: nor tcp:");
    address.tcp = rest.starts_with("tcp:");
    rest.remove_prefix(4);
    if (rest.starts_with('[')) {
        const std::size_t close = rest.find(']');
        if (close == std::string_view::npos)
            throw refuse("a ] is missing");
        address.host = rest.substr(1, close - 1);
        rest.remove_prefix(close + 1);
        if (!rest.empty() && rest.front() != ':')
            throw refuse("a : is missing behind the ]");
    } else {
        const std::size_t colon = rest.find(':');
        if (colon != rest.rfind(':'))
            throw refuse("an IPv6 address has to be in brackets");
        address.host = rest.substr(0, colon);
        rest.remove_prefix(std::min(colon, rest.size()));
    }
    if (address.host.empty())
        throw refuse("no host");
    address.port = rest.empty() ? default_port : rest.substr(1);
    if (!is_port(address.port))
        throw refuse("'" + address.port + "' is not a port");
    return address;
}

std::string CollectorAddress::text() const {
    const bool brackets = host.find(':') != std::string::npos;
    return std::string(tcp ? "tcp:" : "udp:") + (brackets ? "[" + host + "]" : host) + ':' + port;
}

namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr milliseconds connect_patience{2000};
constexpr milliseconds send_patience{5000};     // since the last byte that there was room for
constexpr milliseconds ending_patience{10000};  // in all, once the export has to stop
constexpr std::size_t heard_at_once = 1u << 16; // of what a collector says, between two messages
constexpr milliseconds step{5};                 // between two looks at what has no event
constexpr std::size_t usual_mtu = 1500;
constexpr std::size_t udp_header = 8, tcp_header = 60, ipv4_header = 20, ipv6_header = 40;

struct Addresses {
    addrinfo* first = nullptr;
    ~Addresses() {
        if (first != nullptr)
            freeaddrinfo(first);
    }
};

void resolve(const CollectorAddress& address, Addresses& found) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = address.tcp ? SOCK_STREAM : SOCK_DGRAM;
    hints.ai_flags = AI_NUMERICSERV;
    const int fault = getaddrinfo(address.host.c_str(), address.port.c_str(), &hints, &found.first);
    if (fault == 0)
        return;
    const bool unknown = fault == EAI_NONAME;
    throw Error(unknown ? ErrorKind::usage : ErrorKind::failed,
                "look up '" + address.host + "': " + gai_strerror(fault))
        .hint("name or address of the collector's host, as in --to " + address.text());
}

milliseconds until(Clock::time_point deadline) {
    return std::max(std::chrono::ceil<milliseconds>(deadline - Clock::now()), milliseconds{0});
}

// False when nothing has happened for so long.
bool wait_for(int fd, short events, milliseconds patience) {
    const auto deadline = Clock::now() + patience;
    for (;;) {
        const milliseconds left = until(deadline);
        pollfd waiting{fd, events, 0};
        const int found = ::poll(&waiting, 1, static_cast<int>(left.count()));
        if (found >= 0 || left.count() == 0) // else a signal
            return found > 0;
    }
}

int pending_error(int fd) {
    int fault = 0;
    socklen_t size = sizeof fault;
    return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &fault, &size) == 0 ? fault : errno;
}

template <typename Value>
void set_option(int fd, int level, int name, Value value) {
    ::setsockopt(fd, level, name, &value, sizeof value); // without it things work less well
}

class SocketCollector final : public Collector {
public:
    SocketCollector(CollectorAddress address, std::size_t mtu, std::function<bool()> stopping)
        : address_(std::move(address)), mtu_(mtu), stopping_(std::move(stopping)) {
        Addresses found;
        resolve(address_, found);
    }

    void connect() override {
        Addresses found;
        resolve(address_, found);
        another_ = false;
        std::vector<const addrinfo*> all;
        for (const addrinfo* at = found.first; at != nullptr; at = at->ai_next)
            all.push_back(at);
        if (!address_.tcp) // from the first one that has not refused
            std::rotate(all.begin(), all.begin() + refused_ % all.size(), all.end());
        addresses_ = all.size();
        int fault = 0;
        for (const addrinfo* at : all) {
            Fd made(::socket(at->ai_family, at->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC,
                             at->ai_protocol));
            fault = made ? connect_to(made.get(), *at) : errno;
            if (fault != 0)
                continue;
            socket_ = std::move(made);
            family_ = at->ai_family;
            return;
        }
        throw Error(ErrorKind::failed, "connect to " + address_.text(), fault);
    }

    // The end goes first: closing a socket with something unread in it resets the connection.
    void disconnect() override {
        if (address_.tcp && socket_)
            ::shutdown(socket_.get(), SHUT_WR);
        socket_.reset();
    }

    void reset() override {
        if (address_.tcp && socket_)
            set_option(socket_.get(), SOL_SOCKET, SO_LINGER, linger{1, 0});
        socket_.reset();
    }

    bool forgets() const override { return !address_.tcp; }

    std::size_t max_message() const override {
        const std::size_t ip = family_ == AF_INET6 ? ipv6_header : ipv4_header;
        const std::size_t headers = ip + (address_.tcp ? tcp_header : udp_header);
        if (address_.tcp && mtu_ == 0)
            return 1u << 14; // of a stream: as few as is good for the collector's buffers
        const std::size_t mtu = mtu_ != 0 ? mtu_ : path_mtu();
        return std::clamp(mtu - headers, ipfix::least_bytes, ipfix::most_bytes - headers);
    }

    void send(std::string_view message) override {
        require_no_error();
        if (is_closed())
            fail("connection closed by", 0);
        auto deadline = Clock::now() + send_patience;
        while (!message.empty()) {
            const ssize_t sent =
                ::send(socket_.get(), message.data(), message.size(), MSG_NOSIGNAL);
            if (sent >= 0) {
                message.remove_prefix(static_cast<std::size_t>(sent));
                deadline = Clock::now() + send_patience;
            } else if (errno == EAGAIN || errno == ENOBUFS)
                wait_for_room(errno, deadline);
            else if (errno != EINTR)
                fail("send to", errno);
        }
    }

    bool has_arrived(milliseconds patience) override {
        auto deadline = Clock::now() + patience;
        for (int before = unacknowledged();;) {
            const int missing = unacknowledged();
            require_no_error(); // afterwards: a reset empties the queue too
            if (address_.tcp && missing == 0)
                return true;
            if (std::exchange(before, missing) != missing)
                deadline = Clock::now() + patience;
            const milliseconds left = left_until(deadline);
            if (left.count() == 0)
                return !address_.tcp;
            if (address_.tcp)
                std::this_thread::sleep_for(std::min(left, step));
            else
                wait_for(socket_.get(), 0, left); // ends early when an error has come back
        }
    }

    bool has_another() const override { return another_; }

    bool has_time() override { return left_until(Clock::time_point::max()).count() > 0; }

private:
    int connect_to(int fd, const addrinfo& to) const {
        if (::connect(fd, to.ai_addr, to.ai_addrlen) != 0) {
            if (errno != EINPROGRESS)
                return errno;
            if (!wait_for(fd, POLLOUT, connect_patience))
                return ETIMEDOUT;
            if (const int fault = pending_error(fd); fault != 0)
                return fault;
        }
        if (address_.tcp) { // notices a collector that died without a word
            set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 20'000u);
            set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
        } else {
            set_option(fd, SOL_SOCKET, SO_SNDBUF, 1 << 20);
        }
        return 0;
    }

    std::size_t path_mtu() const {
        int mtu = 0;
        socklen_t size = sizeof mtu;
        const bool v6 = family_ == AF_INET6;
        if (::getsockopt(socket_.get(), v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_MTU : IP_MTU,
                         &mtu, &size) != 0)
            return usual_mtu;
        return std::min(static_cast<std::size_t>(std::max(mtu, 0)), usual_mtu);
    }

    void require_no_error() {
        if (!socket_)
            throw Error(ErrorKind::failed, "send to " + address_.text(), ENOTCONN);
        if (const int fault = pending_error(socket_.get()); fault != 0)
            fail("send to", fault);
    }

    // Collectors have nothing to say. If one still talks, nothing listens: a little is
    // thrown away, so that the end behind it is found, and what is more fills its own buffers.
    bool is_closed() const {
        if (!address_.tcp)
            return false;
        ::recv(socket_.get(), nullptr, heard_at_once, MSG_TRUNC);
        pollfd ended{socket_.get(), POLLRDHUP, 0};
        return ::poll(&ended, 1, 0) > 0 && (ended.revents & POLLRDHUP) != 0;
    }

    int unacknowledged() const {
        int bytes = 0;
        return ::ioctl(socket_.get(), SIOCOUTQ, &bytes) == 0 ? bytes : 0;
    }

    milliseconds left_until(Clock::time_point deadline) {
        if (!stop_by_ && stopping_())
            stop_by_ = Clock::now() + ending_patience;
        return until(stop_by_ ? std::min(deadline, *stop_by_) : deadline);
    }

    void wait_for_room(int fault, Clock::time_point deadline) {
        const milliseconds left = left_until(deadline);
        if (left.count() == 0)
            fail("send to", ETIMEDOUT);
        if (fault == ENOBUFS) // of the device: the socket itself is writable
            std::this_thread::sleep_for(std::min(left, step));
        else
            wait_for(socket_.get(), POLLOUT, left);
    }

    [[noreturn]] void fail(const char* what, int fault) {
        reset();
        refused_ = address_.tcp ? 0 : (refused_ + 1) % addresses_;
        another_ = refused_ != 0;
        throw Error(ErrorKind::failed, what + (' ' + address_.text()), fault);
    }

    CollectorAddress address_;
    std::size_t mtu_;
    std::function<bool()> stopping_;
    std::optional<Clock::time_point> stop_by_;
    Fd socket_;
    int family_ = AF_INET;
    std::size_t addresses_ = 1; // of the host
    std::size_t refused_ = 0;   // of them, over UDP, one after the other
    bool another_ = false;
};

} // namespace

std::unique_ptr<Collector> make_collector(const CollectorAddress& address, std::size_t mtu,
                                          std::function<bool()> stopping) {
    return std::make_unique<SocketCollector>(address, mtu, std::move(stopping));
}

namespace {

using std::chrono::nanoseconds;

constexpr int at_once = 8; // a small part of what the smallest usual receive buffer holds

} // namespace

Pace::Pace(std::uint64_t messages_per_second)
    : gap_(messages_per_second == 0 ? 0 : 1'000'000'000 / messages_per_second) {}

nanoseconds Pace::wait(nanoseconds now) const {
    return std::max(due_ - now, nanoseconds{0});
}

void Pace::sent(nanoseconds now) {
    due_ = std::max(due_, now - gap_ * (at_once - 1)) + gap_;
}

void Pace::fit(std::uint64_t messages, nanoseconds time) {
    gap_ = std::min(gap_, time / static_cast<std::int64_t>(std::max<std::uint64_t>(messages, 1)));
    due_ = nanoseconds{0};
}

} // namespace dynmon
