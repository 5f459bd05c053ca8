// SPDX-License-Identifier: BSD-2-Clause
// One test of a compiled condition: a field against the literals it was given.
#pragma once

#include <string>
#include <vector>

#include "filter/literal.hpp"
#include "filter/predicate.hpp"

namespace dynmon {

struct Predicate::Test {
    explicit Test(const FieldRef& ref)
        : in_key(ref.in_key), value(ref.field), loops(ref.loops),
          enumerators(ref.field.enumerators) {}

    bool in_key;
    FieldValue value;
    ConditionNode::Compare compare = ConditionNode::Compare::truth;
    std::vector<FieldRef::Loop> loops;
    std::shared_ptr<const EnumSet> enumerators; // kept alive for the value
    // The literals; of these five only the one of the value's class is filled.
    std::vector<unsigned __int128> integers; // booleans as 0 and 1
    std::vector<double> reals;
    std::vector<BytesLiteral> bytes;
    std::vector<Prefix> prefixes;
    std::vector<std::string> texts;
    int on_true = 0; // index of the next test, or one of the ends
    int on_false = 0;

    bool passes(const std::byte* root, std::size_t loop = 0) const;

private:
    bool passes_one(const std::byte* root) const;
    bool integer(unsigned __int128 number) const;
    bool boolean(bool truth) const;
    bool real(double number) const;
    bool address(const std::byte* at) const;
    bool prefix(const Prefix& prefix) const;
    bool text(std::string_view text) const;
};

} // namespace dynmon
