// SPDX-License-Identifier: BSD-2-Clause
// Names of monitors, probes and metrics: one grammar for command line, manifest and pins.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace dynmon {

// [A-Za-z0-9_-]{1,63}, not starting with '-' (it would read as an option) or with "__stage_"
// (reserved for staging directories). bpffs itself refuses dots.
bool is_identifier(std::string_view text);

// Returns `text`; throws Error{usage} that names `what` and shows the grammar.
const std::string& require_identifier(const std::string& text, std::string_view what);

// The candidate with the smallest edit distance to `text`, or "" when none is near (distance > 3
// and more than a third of the length): for "unknown key 'swap-on-raed', did you mean …".
std::string nearest_name(std::string_view text, const std::vector<std::string>& candidates);

} // namespace dynmon
