// SPDX-License-Identifier: BSD-2-Clause
#include "policy/effect.hpp"

#include <algorithm>
#include <utility>

namespace dynmon {

void add_effect(Effects& effects, Effect effect) {
    if (std::find(effects.begin(), effects.end(), effect) == effects.end())
        effects.push_back(std::move(effect));
}

const char* words_of(Power power) {
    switch (power) {
    case Power::drop:
        return "decides over packets";
    case Power::write_packets:
        return "writes packets";
    case Power::redirect:
        return "sends packets elsewhere";
    case Power::read_kernel:
        return "reads the kernel's memory";
    case Power::timers:
        return "runs timers";
    case Power::loops:
        return "loops beyond what the verifier unrolls";
    }
    return "";
}

std::string to_string(const Effect& effect) {
    const std::string words = effect.power ? std::string(words_of(*effect.power)) + ": " : "";
    return words + effect.what + " in " + effect.place;
}

} // namespace dynmon
