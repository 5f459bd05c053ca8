// SPDX-License-Identifier: BSD-2-Clause
#include "export/pace.hpp"

#include <algorithm>

namespace dynmon {

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
