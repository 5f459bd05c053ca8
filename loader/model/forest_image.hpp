// SPDX-License-Identifier: BSD-2-Clause
// A forest as the bytes that bpf/forest.h walks, and the same walk in user space.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "model/binding.hpp"
#include "model/forest.hpp"

struct dynmon_node;

namespace dynmon {

inline constexpr std::size_t forest_features = 64; // the last one is always 0
using FeatureVector = std::array<std::uint32_t, forest_features>;

class ForestImage {
public:
    // `features`: of the probe, in the order of `forest.features`. `room`: nodes. Throws
    // Error{usage} with the place in `file` for what has no room: features, trees, depth, nodes, a
    // threshold that a feature of 64 bits does not reach. Pure.
    ForestImage(const Forest& forest, std::vector<BoundFeature> features, std::size_t room,
                const std::string& file);

    // struct dynmon_forest, then the nodes that are used.
    const std::vector<std::byte>& bytes() const { return bytes_; }

    std::size_t nodes() const;
    std::size_t trees() const;
    std::size_t depth() const; // steps from a root to its deepest leaf

    // Splits that no value of their feature divides; they are left out.
    std::size_t dead_splits() const { return dead_; }

    // A score is an integer, in units of 1 / scale. By how much at most it is off is in the
    // trainer's unit.
    double scale() const { return scale_; }
    double most_error() const { return most_error_; }

    // What the engine makes of the probe's struct.
    FeatureVector gather(std::span<const std::byte> source) const;
    std::int64_t score(const FeatureVector& features) const;
    bool is_attack(const FeatureVector& features) const;
    // Numbers of the nodes of one tree, from its root to the leaf.
    std::vector<std::uint32_t> path(std::size_t tree, const FeatureVector& features) const;

private:
    const dynmon_node* node(std::uint32_t number) const;

    std::vector<BoundFeature> features_;
    std::vector<std::byte> bytes_;
    std::size_t dead_ = 0;
    double scale_ = 1;
    double most_error_ = 0;
};

} // namespace dynmon
