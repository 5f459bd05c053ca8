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
#include "filter/literal.hpp"

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

// One test of a compiled condition: a field against the literals it was given.

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
