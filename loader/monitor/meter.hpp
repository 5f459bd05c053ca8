// What each program of a chain costs, as the programs of dynmon.h measure it themselves: the
// kernel's statistics see a chain of tail calls as one run of its first program.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "store/generation.hpp"
#include "store/store.hpp"

namespace dynmon {

struct Cost {
    std::uint64_t runs = 0;
    std::uint64_t ns = 0;
};

// Switches the measuring of a monitor on or off; three readings of the clock per packet while it
// is on. A monitor whose object has no meter is left alone.
void set_metering(const Store& store, const std::string& monitor, bool on);

// Since the generation was loaded; nullopt for an object that has no meter.
std::optional<Cost> read_cost(const GenerationDir& dir, const GenerationRecord& record,
                              Direction direction);

} // namespace dynmon
