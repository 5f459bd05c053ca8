// SPDX-License-Identifier: BSD-2-Clause
// Which rule merges which field: what adds up, what is compared, what is merely taken.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "btf/layout.hpp"
#include "manifest/words.hpp"

namespace dynmon {

// The manifest's rules. first and last: the value of the CPU with the lowest, highest number of
// those whose value is not zero. leads: the smallest value that is not zero; follows: the value of
// the CPU that it is from.
enum class MergeRule : std::uint8_t { sum, max, min, first, last, bit_or, leads, follows };

MergeRule merge_rule(Merge merge); // throws Error{usage} for Merge::none
// The preset where it makes sense, and what makes sense where it does not.
MergeRule preset_rule(const Layout& field, MergeRule preset);
// False for bytes and texts, and for a union of different arms, which are neither added up nor
// compared: what any rule but first and last makes of them would be one CPU's without saying so.
bool preset_fits(MergeRule preset, const Layout& field);
bool rule_fits(MergeRule rule, const Layout& field); // when it was asked for explicitly

// The arms of a union differ in their names only, as in {__u64 packets; __u64 rx_packets;}, so
// that whichever of them a program wrote, each says the same.
bool has_one_semantic(const Layout& arms);

// By the path of a field: "value.first", with or without the "[]" of arrays.
using MergeFields = std::map<std::string, Merge>;
// What merges values where no rule says how: sum, or none where it does not fit every field.
Merge default_merge(const Layout& value, const MergeFields& fields);
// `fields`, and the rule first for what has none and cannot be added up: for a caller that looks at
// numbers only.
MergeFields with_rules_for_bytes(const Layout& value, const MergeFields& fields);

} // namespace dynmon
