// SPDX-License-Identifier: BSD-2-Clause
// Numbers, durations and times as people write them; each nullopt for a text that is none.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace dynmon {

struct ExactNumber {
    bool negative = false;
    bool too_large = false; // beyond 128 bits
    unsigned __int128 size = 0;
};

// 443, -1, 0xff, 1_000, 1.5MB (10^6), 2GiB (2^30), 64K (10^3). A fraction must come out even.
std::optional<ExactNumber> parse_exact_number(std::string_view text);
// In ns: 5s, 1.25ms, 3us, 10ns, 2m, 1h, 7d, -5s; 0 without a unit.
std::optional<ExactNumber> parse_exact_duration(std::string_view text);
// In ns since the Unix epoch: 2026-11-21, 2026-11-21T01:02[:03[.5]][Z|+02:00], now, now-5m.
std::optional<__int128> parse_exact_time(std::string_view text, std::uint64_t now_ns);

} // namespace dynmon
