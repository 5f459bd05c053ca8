// SPDX-License-Identifier: BSD-2-Clause
#include <doctest/doctest.h>

#include "serve/connections.hpp"

using namespace dynmon::serve;
using namespace std::chrono_literals;

namespace {

constexpr ConnectionLimits few{.all = 4, .per_peer = 2};
const ConnectionTable::Clock::time_point start{};
using Ids = std::vector<ConnectionTable::Id>;

} // namespace

TEST_CASE("a new connection takes the place of its peer's that has waited longest") {
    ConnectionTable table(few);
    const auto first = *table.admit("a", start).id;
    const auto second = *table.admit("a", start + 1s).id;
    const auto third = table.admit("a", start + 2s);
    CHECK(third.id);
    CHECK(third.evict == first);
    CHECK(table.of("a") == 2);
    table.closed(first);
    CHECK(table.admit("a", start + 3s).evict == second);
}

TEST_CASE("a connection with a request at work is not taken away") {
    ConnectionTable table(few);
    for (int i = 0; i < 2; ++i)
        table.header_done(*table.admit("a", start).id, start, i == 0);
    CHECK(!table.admit("a", start).id);
    CHECK(table.admit("b", start).id);
}

TEST_CASE("many peers share the places for all") {
    ConnectionTable table(few);
    const auto first = *table.admit("a", start).id;
    for (const char* const peer : {"b", "c", "d"})
        table.admit(peer, start + 1s);
    const auto admission = table.admit("e", start + 2s);
    CHECK(admission.evict == first);
    CHECK(table.size() == 5); // until the first is closed
    table.closed(first);
    CHECK(table.size() == 4);
}

TEST_CASE("each state has its time") {
    ConnectionTable table(few);
    const auto id = *table.admit("a", start).id;
    CHECK(table.next_deadline() == start + 5s);
    CHECK(table.expired(start + 4s).empty());
    table.header_done(id, start + 4s, true);
    CHECK(table.next_deadline() == start + 14s);
    table.body_done(id);
    CHECK(table.next_deadline() == start + 34s);
    table.answered(id, start + 20s);
    CHECK(table.next_deadline() == start + 35s);
    CHECK(table.expired(start + 35s) == Ids{id});
    CHECK(table.expired(start + 36s).empty()); // said once
    CHECK(!table.next_deadline());
}

TEST_CASE("a stream has no end") {
    ConnectionTable table(few);
    const auto id = *table.admit("a", start).id;
    table.header_done(id, start, false);
    table.unlimited(id);
    CHECK(table.expired(start + 1000h).empty());
}
