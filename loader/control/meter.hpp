// SPDX-License-Identifier: BSD-2-Clause
// What each program of a chain costs, as the programs of dynmon.h measure it themselves: the
// kernel's statistics see a chain of tail calls as one run of its first program.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "state/generation.hpp"
#include "state/store.hpp"

namespace dynmon {

struct Cost {
    std::uint64_t runs = 0;
    std::uint64_t ns = 0;
    // ns of the worst of them, an interrupt in it included; nullopt: the program does not keep it.
    std::optional<std::uint64_t> worst = std::nullopt;
};

// Switches the measuring of a monitor on or off; three readings of the clock per packet while it
// is on. An object without a meter is left alone. Returns whether it was the other way before.
bool set_metering(const GenerationDir& dir, const GenerationRecord& record, bool on);

// Several may measure at once. Each holds a shared lock on the hooks' directory meanwhile, which
// dies with it: so a process that gets it alone knows that a switch that is on was forgotten.
DirectoryLock lock_for_metering(const Store& store);

// Whether a process that was killed has left it on. False when another process is measuring.
bool has_forgotten_metering(const Store& store, const GenerationDir& dir,
                            const GenerationRecord& record);
// Switches that off; returns false when there was nothing to switch off.
bool stop_forgotten_metering(const Store& store, const GenerationDir& dir,
                             const GenerationRecord& record);

// Since the generation was loaded; nullopt for an object that has no meter. One that was built with
// an older dynmon.h keeps no worst.
std::optional<Cost> read_cost(const GenerationDir& dir, const GenerationRecord& record,
                              Direction direction);

// `load --limit`: a program of dynmon.h measures some of its packets by itself and skips its own
// body for good once they cost more than its limit on average. This reads what it found.

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
