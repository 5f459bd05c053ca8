// SPDX-License-Identifier: BSD-2-Clause
#include "serve/connections.hpp"

#include <algorithm>

namespace dynmon::serve {

std::size_t ConnectionTable::of(const std::string& peer) const {
    return static_cast<std::size_t>(
        std::count_if(connections_.begin(), connections_.end(), [&](const auto& each) {
            return each.second.peer == peer && each.second.state != State::leaving;
        }));
}

std::size_t ConnectionTable::live() const {
    return static_cast<std::size_t>(
        std::count_if(connections_.begin(), connections_.end(),
                      [](const auto& each) { return each.second.state != State::leaving; }));
}

std::optional<ConnectionTable::Id> ConnectionTable::longest_waiting(const std::string* peer) const {
    std::optional<Id> found;
    for (const auto& [id, connection] : connections_) {
        if (connection.state != State::waiting || (peer != nullptr && connection.peer != *peer))
            continue;
        if (!found || connection.since < connections_.at(*found).since)
            found = id;
    }
    return found;
}

ConnectionTable::Admission ConnectionTable::admit(const std::string& peer, Clock::time_point now) {
    Admission admission;
    const bool peer_is_full = of(peer) >= limits_.per_peer;
    if (peer_is_full || live() >= limits_.all) {
        admission.evict = longest_waiting(peer_is_full ? &peer : nullptr);
        if (!admission.evict)
            return admission;
        connections_.at(*admission.evict).state = State::leaving;
    }
    admission.id = ++last_;
    connections_[last_] = {.peer = peer,
                           .state = State::waiting,
                           .since = now,
                           .deadline = now + limits_.header,
                           .end = {}};
    return admission;
}

void ConnectionTable::header_done(Id id, Clock::time_point now, bool has_body) {
    const auto found = connections_.find(id);
    if (found == connections_.end() || found->second.state == State::leaving)
        return;
    Connection& connection = found->second;
    connection.end = now + limits_.request;
    connection.state = has_body ? State::body : State::answer;
    connection.deadline = has_body ? std::min(now + limits_.body, connection.end) : connection.end;
}

void ConnectionTable::body_done(Id id) {
    const auto found = connections_.find(id);
    if (found == connections_.end() || found->second.state != State::body)
        return;
    found->second.state = State::answer;
    found->second.deadline = found->second.end;
}

void ConnectionTable::answered(Id id, Clock::time_point now) {
    const auto found = connections_.find(id);
    if (found == connections_.end() || found->second.state == State::leaving)
        return;
    found->second.state = State::waiting;
    found->second.since = now;
    found->second.deadline = now + limits_.idle;
}

void ConnectionTable::unlimited(Id id) {
    const auto found = connections_.find(id);
    if (found != connections_.end() && found->second.state == State::answer)
        found->second.deadline = Clock::time_point::max();
}

void ConnectionTable::closed(Id id) {
    connections_.erase(id);
}

std::vector<ConnectionTable::Id> ConnectionTable::expired(Clock::time_point now) {
    std::vector<Id> found;
    for (auto& [id, connection] : connections_)
        if (connection.state != State::leaving && connection.deadline <= now) {
            connection.state = State::leaving;
            found.push_back(id);
        }
    return found;
}

std::optional<ConnectionTable::Clock::time_point> ConnectionTable::next_deadline() const {
    std::optional<Clock::time_point> next;
    for (const auto& [id, connection] : connections_)
        if (connection.state != State::leaving && (!next || connection.deadline < *next))
            next = connection.deadline;
    return next;
}

} // namespace dynmon::serve
