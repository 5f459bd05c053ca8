// SPDX-License-Identifier: BSD-2-Clause
// `load --limit`: a program of dynmon.h measures some of its packets by itself and skips its own
// body for good once they cost more than its limit on average. This reads what it found.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "state/generation.hpp"

namespace dynmon {

struct ProgramInfo;

inline constexpr const char* over_limit = "over-limit"; // the health of such a program

struct TakenOut {
    std::uint64_t since_ns = 0; // since the Unix epoch
    std::uint64_t ns = 0;       // what a packet cost in the end
};

// nullopt: it runs, or has no limit.
std::optional<TakenOut> read_taken_out(const GenerationDir& dir, const ProgramRecord& program);

// "34500000 ns a packet exceed its limit of 1000 ns, since 2026-11-21T01:02:03Z"
std::string limit_text(const TakenOut& out, std::uint64_t limit_ns);

// "`dynmon-load replace web …`": one sentence.
std::string limit_remedy(const std::string& monitor);

// Throws Error{usage} for a program that does not measure itself, unless `limit_ns` is 0.
void require_limited(const ProgramInfo& program, std::uint64_t limit_ns);

} // namespace dynmon
