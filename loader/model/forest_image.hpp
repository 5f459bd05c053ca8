// SPDX-License-Identifier: BSD-2-Clause
// A forest as the bytes that bpf/forest.h walks, and the same walk in user space.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "model/forest.hpp"
#include "model/threshold.hpp"

struct dynmon_node;

namespace dynmon {

inline constexpr std::size_t forest_features = 64; // the last one is always 0
using FeatureVector = std::array<std::uint32_t, forest_features>;

class ForestImage {
public:
    // `ranges`: of the features, in the order of `forest.features`. `room`: nodes. Throws
    // Error{usage} with the place in `file` for what has no room: features, trees, depth, nodes, a
    // threshold that a saturated feature does not reach. Pure.
    ForestImage(const Forest& forest, const std::vector<FeatureRange>& ranges, std::size_t room,
                const std::string& file);

    // struct dynmon_forest, then the nodes that are used.
    const std::vector<std::byte>& bytes() const { return bytes_; }

    std::size_t nodes() const;
    std::size_t trees() const;
    std::size_t depth() const; // steps from a root to its deepest leaf

    // Splits that no value of their feature divides; they are left out.
    std::size_t dead_splits() const { return dead_; }

    // A score is an integer: so many of it are 1. And by how much at most it is off, in the
    // trainer's unit.
    double scale() const { return scale_; }
    double most_error() const { return most_error_; }

    std::int64_t score(const FeatureVector& features) const;
    bool is_attack(const FeatureVector& features) const;
    // Numbers of the nodes of one tree, from its root to the leaf.
    std::vector<std::uint32_t> path(std::size_t tree, const FeatureVector& features) const;

private:
    const dynmon_node* node(std::uint32_t number) const;

    std::vector<std::byte> bytes_;
    std::size_t dead_ = 0;
    double scale_ = 1;
    double most_error_ = 0;
};

// A feature as the engine has it: the rank, at most 2^32 - 1.
std::uint32_t engine_value(std::uint64_t rank);

} // namespace dynmon
