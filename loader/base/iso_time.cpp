// SPDX-License-Identifier: BSD-2-Clause
#include "base/iso_time.hpp"

#include <ctime>

namespace dynmon {

std::string iso_time(std::uint64_t epoch_ns) {
    const auto seconds = static_cast<time_t>(epoch_ns / 1'000'000'000);
    tm parts{};
    gmtime_r(&seconds, &parts);
    char text[32];
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    return text;
}

} // namespace dynmon
