// SPDX-License-Identifier: BSD-2-Clause
// What runs in front of a hook and can keep packets from it: programs and filters of others.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "hook/hook.hpp"
#include "kernel/tc.hpp"

namespace dynmon {

struct Neighbour {
    enum class Place { xdp, tcx, clsact } place = Place::tcx;
    std::uint32_t program_id = 0; // 0: a filter that is no BPF program
    std::string name;             // of the program, if it is known; or the kind of the filter
    std::uint32_t priority = 0;   // of a filter
};
const char* to_string(Neighbour::Place place);

// "program drop_all (id 12) on TCX", "filter flower on clsact with priority 3".
std::string describe(const Neighbour& neighbour);

// Programs of TCX that run before `pivot`, by id; all of them when it is not among them.
std::vector<std::uint32_t> before(const std::vector<std::uint32_t>& programs, std::uint32_t pivot);
// Filters that run before that of `pivot`; filters other than BPF once a priority and kind.
std::vector<Neighbour> before(const std::vector<TcFilter>& filters, std::uint32_t pivot);

struct Front {
    // In the order in which packets meet them, without the programs of this store. Empty also for a
    // hook that is not attached. Nothing: it is not known.
    std::optional<std::vector<Neighbour>> neighbours;
    std::string problem; // why it is not known
};
Front in_front_of(const Store& store, const HookId& id);

} // namespace dynmon
