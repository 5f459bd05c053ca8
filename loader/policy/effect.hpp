// SPDX-License-Identifier: BSD-2-Clause
// One thing that a program may do besides looking, with the place in its source.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "manifest/words.hpp"

namespace dynmon {

struct Effect {
    std::optional<Power> power; // unset: no manifest can allow it
    std::string what;           // "bpf_skb_store_bytes"
    std::string place;          // "probe.bpf.c:42"

    bool operator==(const Effect&) const = default;
};

using Effects = std::vector<Effect>; // in the order in which they were found, none twice

void add_effect(Effects& effects, Effect effect); // unless it is there

// "writes packets"
const char* words_of(Power power);

// "writes packets: bpf_skb_store_bytes in probe.bpf.c:42"; without a power what and where.
std::string to_string(const Effect& effect);

} // namespace dynmon
