// SPDX-License-Identifier: BSD-2-Clause
// What was found in a program, by instruction. An instruction is seen many times, its effects count
// once.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <tuple>

#include "policy/effect.hpp"
#include "policy/linked_code.hpp"

namespace dynmon::policy {

class Findings {
public:
    void add(std::size_t at, std::optional<Power> power, const std::string& what) {
        found_.emplace(at, power, what);
    }

    Effects effects(const LinkedCode& code) const {
        Effects effects;
        for (const auto& [at, power, what] : found_)
            add_effect(effects, {power, what, code.place(at)});
        return effects;
    }

private:
    std::set<std::tuple<std::size_t, std::optional<Power>, std::string>> found_;
};

} // namespace dynmon::policy
