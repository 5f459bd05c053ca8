// SPDX-License-Identifier: BSD-2-Clause
// A condition compiled for the entries of one map: a flat list of tests that jump past each other.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "filter/condition.hpp"
#include "filter/field_ref.hpp"
#include "filter/field_value.hpp"

namespace dynmon {

class Predicate {
public:
    // `now_ns`, since the Unix epoch, is what `now` stands for. Throws Error{usage} as
    // Condition::parse() does for a field that is not there, a comparison that its type does not
    // have, and a literal that it cannot hold.
    Predicate(const Condition& condition, const EntryTypes& types, std::uint64_t now_ns);
    ~Predicate();
    Predicate(Predicate&&) noexcept;
    Predicate& operator=(Predicate&&) noexcept;

    // Allocates nothing. An array without an index passes a test when any of its elements does.
    bool holds(const std::byte* key, const std::byte* value) const;

private:
    struct Test;
    class Compiler;
    std::vector<Test> tests_;
    int entry_ = 0;
};

} // namespace dynmon
