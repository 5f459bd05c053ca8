// SPDX-License-Identifier: BSD-2-Clause
#include <vector>

#include <doctest/doctest.h>

#include "export/collector.hpp"

using namespace dynmon;
using namespace std::chrono_literals;

namespace {

// When each of `count` messages goes, where every sleep takes `late` longer than it should.
std::vector<std::chrono::nanoseconds> times(Pace& pace, int count, std::chrono::nanoseconds late) {
    std::vector<std::chrono::nanoseconds> found;
    std::chrono::nanoseconds now = 1h;
    for (int i = 0; i < count; ++i) {
        if (const auto wait = pace.wait(now); wait > 0ns)
            now += wait + late;
        pace.sent(now);
        found.push_back(now - 1h);
    }
    return found;
}

} // namespace

TEST_CASE("messages keep to the rate, but for a few at once") {
    Pace pace(1000);
    const auto at = times(pace, 1000, 0ns);
    CHECK(at[7] == 0ns);
    CHECK(at[8] == 1ms);
    CHECK(at.back() == 992ms);
}

TEST_CASE("a sleep that takes too long is caught up with, by a few messages and no more") {
    Pace pace(1000);
    CHECK(times(pace, 1000, 3ms).back() < 1100ms);
    Pace late(1000);
    const auto at = times(late, 1000, 50ms);
    for (std::size_t i = 0; i + 9 < at.size(); ++i)
        CHECK(at[i + 9] > at[i]);
}

TEST_CASE("what has to fit into a time goes faster, never slower") {
    Pace pace(10);
    pace.fit(1000, 1s);
    CHECK(times(pace, 1000, 0ns).back() <= 1s);
    Pace fast(1000);
    fast.fit(2, 1h);
    CHECK(times(fast, 1000, 0ns).back() == 992ms);
}

TEST_CASE("without a rate nothing waits") {
    Pace pace(0);
    CHECK(times(pace, 1000, 1ms).back() == 0ns);
}
