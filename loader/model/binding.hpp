// SPDX-License-Identifier: BSD-2-Clause
// The features of a model, by their names, in the struct of a probe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "btf/layout.hpp"
#include "model/forest.hpp"
#include "model/threshold.hpp"

namespace dynmon {

// Where the engine finds a feature: struct dynmon_gather of bpf/forest_abi.h, which says how.
struct FeaturePlace {
    std::uint16_t at = 0;
    std::uint8_t up = 0, down = 0;
    std::uint32_t flip = 0;
};

struct BoundFeature {
    FeatureRange range;
    FeaturePlace place;

    // As the engine has it: the rank of the field's value, at most 2^32 - 1. `source`: the struct's
    // bytes, a multiple of 8 of them.
    std::uint32_t value(std::span<const std::byte> source) const;
};

// In the order of `forest.features`, which are paths of fields ("packets", "tcp.syns"). Throws
// Error{usage} that names the feature when the struct has no such field, or one that is no integer
// or lies across 8 bytes. Pure.
std::vector<BoundFeature> bind_features(const Forest& forest, const Layout& source,
                                        const std::string& file);

} // namespace dynmon
