// SPDX-License-Identifier: BSD-2-Clause
// `may: [drop, loops]`: the list of powers, in a manifest and in an administrator's policy.
#pragma once

#include <set>

#include "manifest/fields.hpp"
#include "manifest/words.hpp"

namespace dynmon {

// Every word of `key` that is a power; the others become faults.
std::set<Power> read_powers(const Fields& fields, std::string_view key);

// With what each implies: a packet that is sent elsewhere is gone from here.
std::set<Power> with_implied(std::set<Power> powers);

} // namespace dynmon
