// SPDX-License-Identifier: BSD-2-Clause
// Which connections there are, whose they are, and how long each may take: what keeps slow and
// greedy clients from the places of others. Pure: the caller says what happens and what time it is.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace dynmon::serve {

struct ConnectionLimits {
    std::size_t all = 64;
    std::size_t per_peer = 8;
    std::chrono::milliseconds header{5'000};   // until all of a request's header is here
    std::chrono::milliseconds body{10'000};    // and then its body
    std::chrono::milliseconds request{30'000}; // from its header to the end of its answer
    std::chrono::milliseconds idle{15'000};    // from one answer to the next request's header
};

// Not thread-safe.
class ConnectionTable {
public:
    using Clock = std::chrono::steady_clock;
    using Id = std::uint64_t;

    explicit ConnectionTable(ConnectionLimits limits) : limits_(limits) {}

    struct Admission {
        std::optional<Id> id;    // none: refused
        std::optional<Id> evict; // a connection that has to go for it
    };
    // A new connection. At a limit it takes the place of the one that has waited longest without a
    // whole request: of the same peer at the limit for a peer, of any peer at the limit for all.
    // Where each of them has a request at work, the new one is refused.
    Admission admit(const std::string& peer, Clock::time_point now);

    void header_done(Id id, Clock::time_point now, bool has_body);
    void body_done(Id id);
    void answered(Id id, Clock::time_point now);
    // A subscriber to events: has no end.
    void unlimited(Id id);
    void closed(Id id);

    // Those whose time is up, each told once; they count no more.
    std::vector<Id> expired(Clock::time_point now);
    // When expired() may have something next; none: there is no connection.
    std::optional<Clock::time_point> next_deadline() const;

    std::size_t size() const { return connections_.size(); }
    std::size_t of(const std::string& peer) const; // that are not being closed

private:
    enum class State { waiting, body, answer, leaving };
    struct Connection {
        std::string peer;
        State state = State::waiting;
        Clock::time_point since;    // when it began to wait
        Clock::time_point deadline; // of the state
        Clock::time_point end;      // of the request
    };

    std::size_t live() const;
    std::optional<Id> longest_waiting(const std::string* peer) const;

    ConnectionLimits limits_;
    Id last_ = 0;
    std::map<Id, Connection> connections_;
};

} // namespace dynmon::serve
