// SPDX-License-Identifier: BSD-2-Clause
#include "manifest/powers.hpp"

#include "manifest/rules.hpp"

namespace dynmon {

std::set<Power> read_powers(const Fields& fields, std::string_view key) {
    std::set<Power> powers;
    for (const Node& node : fields.list(key))
        if (const auto power = fields.choose(node, key, power_choices))
            powers.insert(*power);
    return powers;
}

std::set<Power> with_implied(std::set<Power> powers) {
    if (powers.contains(Power::redirect))
        powers.insert(Power::drop);
    return powers;
}

} // namespace dynmon
