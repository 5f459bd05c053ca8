// SPDX-License-Identifier: BSD-2-Clause
#include "serve/listener.hpp"

#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/error.hpp"

namespace dynmon::serve {

namespace {

constexpr int first_inherited = 3; // SD_LISTEN_FDS_START

union Address {
    sockaddr any;
    sockaddr_in ipv4;
    sockaddr_in6 ipv6;
    sockaddr_un local;
    sockaddr_storage storage;
};

bool is_loopback(const Address& address) {
    if (address.any.sa_family == AF_INET)
        return (ntohl(address.ipv4.sin_addr.s_addr) >> 24) == 127;
    const in6_addr& ipv6 = address.ipv6.sin6_addr;
    return address.any.sa_family == AF_INET6 &&
           (IN6_IS_ADDR_LOOPBACK(&ipv6) ||
            (IN6_IS_ADDR_V4MAPPED(&ipv6) && ipv6.s6_addr[12] == 127));
}

std::string host_text(const Address& address) {
    char text[INET6_ADDRSTRLEN] = "";
    if (address.any.sa_family == AF_INET)
        inet_ntop(AF_INET, &address.ipv4.sin_addr, text, sizeof text);
    else
        inet_ntop(AF_INET6, &address.ipv6.sin6_addr, text, sizeof text);
    return text;
}

std::string name_of(const Address& address) {
    if (address.any.sa_family == AF_UNIX)
        return "unix:" + std::string(address.local.sun_path);
    const std::string host = host_text(address);
    return address.any.sa_family == AF_INET
               ? host + ":" + std::to_string(ntohs(address.ipv4.sin_port))
               : "[" + host + "]:" + std::to_string(ntohs(address.ipv6.sin6_port));
}

Listener described(Fd fd) {
    Address address{};
    socklen_t size = sizeof address;
    int listens = 0;
    socklen_t listens_size = sizeof listens;
    if (::getsockname(fd.get(), &address.any, &size) != 0 ||
        ::getsockopt(fd.get(), SOL_SOCKET, SO_ACCEPTCONN, &listens, &listens_size) != 0 ||
        listens == 0)
        throw Error(ErrorKind::usage,
                    "descriptor " + std::to_string(fd.get()) + " is not a listening socket")
            .hint("Accept=no in the socket unit");
    const bool local = address.any.sa_family == AF_UNIX;
    Listener listener{.fd = std::move(fd),
                      .local = local,
                      .loopback = local || is_loopback(address),
                      .name = name_of(address),
                      .path = ""};
    return listener;
}

Error cannot_listen(const std::string& text, const std::string& what) {
    Error error(errno == EADDRINUSE ? ErrorKind::busy : ErrorKind::failed,
                "listen on " + text + ": " + what, errno);
    return error;
}

// No process listens on it: connect(2) is refused.
bool is_stale(const Address& address) {
    const Fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    return probe && ::connect(probe.get(), &address.any, sizeof address.local) != 0 &&
           errno == ECONNREFUSED;
}

Listener listen_on_path(const std::string& path, const std::string& text, unsigned mode) {
    Address address{};
    address.local.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.local.sun_path)
        throw Error(ErrorKind::usage, "--listen " + text + " has no path of 1 to " +
                                          std::to_string(sizeof address.local.sun_path - 1) +
                                          " bytes");
    std::memcpy(address.local.sun_path, path.c_str(), path.size() + 1);
    Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd)
        throw cannot_listen(text, "make a socket");
    const mode_t before = ::umask(0777 & ~mode); // never open to more than it will be
    int fault = ::bind(fd.get(), &address.any, sizeof address.local);
    if (fault != 0 && errno == EADDRINUSE && is_stale(address) && ::unlink(path.c_str()) == 0)
        fault = ::bind(fd.get(), &address.any, sizeof address.local);
    const int error = errno;
    ::umask(before);
    errno = error;
    if (fault != 0 || ::listen(fd.get(), SOMAXCONN) != 0)
        throw cannot_listen(text, "bind").hint("another server may run there");
    Listener listener = described(std::move(fd));
    listener.path = path;
    return listener;
}

// The last ':' separates the port; IPv6 stands in brackets.
Listener listen_on_address(const std::string& text) {
    const std::size_t colon = text.rfind(':');
    std::string host = colon == std::string::npos ? "" : text.substr(0, colon);
    if (host.size() > 2 && host.front() == '[' && host.back() == ']')
        host = host.substr(1, host.size() - 2);
    std::uint16_t port = 0;
    const char* const end = text.data() + text.size();
    Address address{};
    socklen_t size = sizeof address.ipv4;
    if (colon == std::string::npos ||
        std::from_chars(text.data() + colon + 1, end, port).ptr != end || colon + 1 == text.size())
        throw Error(ErrorKind::usage,
                    "--listen '" + text + "' is neither unix:PATH nor ADDRESS:PORT")
            .hint("such as unix:/run/dynmon/read.sock or 127.0.0.1:9436");
    if (inet_pton(AF_INET, host.c_str(), &address.ipv4.sin_addr) == 1) {
        address.ipv4.sin_family = AF_INET;
        address.ipv4.sin_port = htons(port);
    } else if (inet_pton(AF_INET6, host.c_str(), &address.ipv6.sin6_addr) == 1) {
        address.ipv6.sin6_family = AF_INET6;
        address.ipv6.sin6_port = htons(port);
        size = sizeof address.ipv6;
    } else {
        throw Error(ErrorKind::usage, "--listen '" + text + "' has no address, '" + host + "'")
            .hint("a number, such as 127.0.0.1:9436 or [::1]:9436");
    }
    Fd fd(::socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const int yes = 1;
    if (!fd || ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
        ::bind(fd.get(), &address.any, size) != 0 || ::listen(fd.get(), SOMAXCONN) != 0)
        throw cannot_listen(text, "bind");
    return described(std::move(fd));
}

void describe_local(int fd, Peer& peer) {
    ucred credentials{};
    socklen_t size = sizeof credentials;
    peer.local = true;
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0)
        throw Error(ErrorKind::failed, "ask whose connection it is", errno);
    peer.uid = credentials.uid;
    peer.gid = credentials.gid;
    peer.key = "uid " + std::to_string(credentials.uid);
    std::vector<gid_t> groups(256);
    size = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size) == 0)
        peer.groups.assign(groups.begin(), groups.begin() + size / sizeof(gid_t));
}

} // namespace

Listener listen_on(const std::string& address, unsigned mode) {
    constexpr std::string_view local = "unix:";
    return address.starts_with(local) ? listen_on_path(address.substr(local.size()), address, mode)
                                      : listen_on_address(address);
}

std::vector<Listener> inherited_listeners() {
    const char* const pid = std::getenv("LISTEN_PID");
    const char* const count = std::getenv("LISTEN_FDS");
    std::vector<Listener> listeners;
    if (pid != nullptr && count != nullptr && std::to_string(::getpid()) == pid) {
        const int most = std::atoi(count);
        for (int fd = first_inherited; fd < first_inherited + most; ++fd) {
            ::fcntl(fd, F_SETFD, FD_CLOEXEC);
            ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
            listeners.push_back(described(Fd(fd)));
        }
    }
    for (const char* name : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"})
        ::unsetenv(name);
    return listeners;
}

void notify_manager(const std::string& state) {
    const char* const path = std::getenv("NOTIFY_SOCKET");
    Address address{};
    const std::size_t size = path == nullptr ? 0 : std::strlen(path);
    if (size == 0 || size >= sizeof address.local.sun_path)
        return;
    address.local.sun_family = AF_UNIX;
    std::memcpy(address.local.sun_path, path, size);
    if (path[0] == '@') // of the abstract namespace
        address.local.sun_path[0] = '\0';
    const Fd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (fd)
        ::sendto(fd.get(), state.data(), state.size(), MSG_NOSIGNAL, &address.any,
                 static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + size));
}

Accepted accept_on(const Listener& listener) {
    Address address{};
    socklen_t size = sizeof address;
    Accepted accepted;
    accepted.fd =
        Fd(::accept4(listener.fd.get(), &address.any, &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!accepted.fd) {
        // The client has gone again, or this process has no descriptor left: the next try is later.
        if (errno == EAGAIN || errno == ECONNABORTED || errno == EINTR || errno == EMFILE ||
            errno == ENFILE || errno == EPROTO)
            return accepted;
        throw Error(ErrorKind::failed, "accept on " + listener.name, errno);
    }
    const char* const bytes = reinterpret_cast<const char*>(&address);
    accepted.address.assign(bytes, bytes + size);
    if (listener.local) {
        describe_local(accepted.fd.get(), accepted.peer);
        return accepted;
    }
    const int yes = 1;
    ::setsockopt(accepted.fd.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    accepted.peer.key = host_text(address);
    return accepted;
}

} // namespace dynmon::serve
