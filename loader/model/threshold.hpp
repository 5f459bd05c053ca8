// SPDX-License-Identifier: BSD-2-Clause
// Real thresholds as integers: where the trainer's comparison changes its answer.
#pragma once

#include <cstdint>
#include <optional>

#include "model/forest.hpp"

namespace dynmon {

// The integers that a feature can be.
struct FeatureRange {
    unsigned bits = 32; // 1 to 64
    bool is_signed = false;

    friend bool operator==(const FeatureRange&, const FeatureRange&) = default;
};

// Integers of a range in their order, counted from its least one: an unsigned value is its own
// rank.
std::uint64_t rank_of(std::int64_t value, const FeatureRange& range);
std::uint64_t last_rank(const FeatureRange& range);

// Whether the trainer goes left with the integer of that rank.
bool goes_left(Comparison comparison, double threshold, std::uint64_t rank,
               const FeatureRange& range);

// The rank of the largest integer that goes left; nothing: none does. Searched for and not
// computed: the rounding of large integers to float32 is that of the machine.
std::optional<std::uint64_t> last_left(Comparison comparison, double threshold,
                                       const FeatureRange& range);

} // namespace dynmon
