// SPDX-License-Identifier: BSD-2-Clause
// HTTP/1.1 on given sockets, in one thread: the only file that knows libmicrohttpd.
// https://www.gnu.org/software/libmicrohttpd/manual/libmicrohttpd.html
//
// The library parses requests and writes answers; it runs in our loop, without a thread of its own.
// We accept connections ourselves, since the library can neither count peers of a unix socket nor
// close the slowest connection where a new one has no place.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "serve/connections.hpp"
#include "serve/listener.hpp"
#include "serve/reply.hpp"

namespace dynmon::serve {

class TlsSource; // serve/tls.hpp

struct ServerOptions {
    ConnectionLimits limits;
    std::size_t most_header = 16u << 10;
    std::size_t most_body = 1u << 20;
    std::chrono::milliseconds idle_exit{0}; // without a connection; 0: never
    std::vector<std::string> host_names;    // that a Host header may have besides loopback's
    bool only_reads = false;                // GET and HEAD
};

struct ServerCounters {
    std::uint64_t accepted = 0;
    std::uint64_t refused = 0; // at a limit on their number
    std::uint64_t evicted = 0; // in favour of newer ones
    std::uint64_t expired = 0; // too slow
    std::size_t open = 0;
};

class HttpServer {
public:
    // `handler` and `tls` (null: none) are not owned and outlive this.
    HttpServer(ServerOptions options, std::vector<Listener> listeners, Handler& handler,
               TlsSource* tls);
    ~HttpServer();
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    // Serves until `stop` (a descriptor, not owned) can be read, or nothing was connected for
    // idle_exit. Answers that are under way are finished, but none that takes longer than a second.
    // Throws Error{failed}.
    void run(int stop);

    ServerCounters counters() const; // thread-safe

private:
    class Loop;
    std::unique_ptr<Loop> loop_;
};

} // namespace dynmon::serve
