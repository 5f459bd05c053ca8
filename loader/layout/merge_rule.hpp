// Which rule merges which field: what adds up, what is compared, what is merely taken.
#pragma once

#include <cstdint>

#include "layout/layout.hpp"
#include "manifest/manifest.hpp"

namespace dynmon {

// The manifest's rules. first and last: the value of the CPU with the lowest, highest number of
// those whose value is not zero. leads: the smallest value that is not zero; follows: the value of
// the CPU that it is from.
enum class MergeRule : std::uint8_t { sum, max, min, first, last, bit_or, leads, follows };

MergeRule merge_rule(Merge merge); // throws Error{usage} for Merge::none
// The preset where it makes sense, and what makes sense where it does not.
MergeRule preset_rule(const Layout& field, MergeRule preset);
bool rule_fits(MergeRule rule, const Layout& field); // when it was asked for explicitly

// Of a union: its arms differ in their names only, as in {__u64 packets; __u64 rx_packets;}, so
// that whichever of them a program wrote, each says the same.
bool has_one_meaning(const Layout& arms);

} // namespace dynmon
