// SPDX-License-Identifier: BSD-2-Clause
// The cycles of a graph. Pure.
#pragma once

#include <cstddef>
#include <functional>
#include <set>
#include <vector>

namespace dynmon::policy {

struct Component {
    std::vector<std::size_t> nodes;
    bool cycle = false; // a way leads from each of them back to it
};

using Successors = std::function<std::vector<std::size_t>(std::size_t)>;

// `nodes` apart into what is on a cycle with each other, by the edges among them.
std::vector<Component> components(const std::set<std::size_t>& nodes, const Successors& successors);

} // namespace dynmon::policy
