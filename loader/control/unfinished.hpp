// SPDX-License-Identifier: BSD-2-Clause
// The window of which a reader printed a part before it was killed or lost its output.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "state/state.hpp"

namespace dynmon {

struct Manifest;

struct UnfinishedWindow {
    std::uint64_t sequence = 0;
    std::string metrics; // "'flows' (ingress), 'flows' (egress)"
};

// A reader that is at work has one too: the caller has to know that there is none.
std::optional<UnfinishedWindow> unfinished_window(const MonitorState& state,
                                                  const Manifest& manifest);

// "window 3 of 'flows' (ingress) was not read to its end"
std::string describe(const UnfinishedWindow& window);

} // namespace dynmon
