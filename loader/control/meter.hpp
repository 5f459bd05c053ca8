// SPDX-License-Identifier: BSD-2-Clause
// What each program of a chain costs, as the programs of dynmon.h measure it themselves: the
// kernel's statistics see a chain of tail calls as one run of its first program.
#pragma once

#include <cstdint>
#include <optional>

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

} // namespace dynmon
