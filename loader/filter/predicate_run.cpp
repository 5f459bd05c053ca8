// SPDX-License-Identifier: BSD-2-Clause
// Running a compiled condition over one entry: the hot path of --where.
#include <algorithm>
#include <cstring>

#include "filter/predicate_step.hpp"

namespace dynmon {

namespace {

using Compare = ConditionNode::Compare;

template <typename T>
bool ordered(Compare compare, const T& a, const T& b) {
    switch (compare) {
    case Compare::less:
        return a < b;
    case Compare::less_equal:
        return a <= b;
    case Compare::greater:
        return a > b;
    case Compare::greater_equal:
        return a >= b;
    case Compare::not_equal:
        return a != b;
    default:
        return a == b;
    }
}

// `bits` of the address at `at` are those of the literal.
bool has_prefix(const std::byte* at, const BytesLiteral& literal) {
    const std::size_t whole = literal.bits / 8;
    if (std::memcmp(at, literal.bytes.data(), whole) != 0)
        return false;
    const std::size_t rest = literal.bits % 8;
    if (rest == 0)
        return true;
    const auto differ =
        std::to_integer<unsigned>(at[whole]) ^ static_cast<unsigned char>(literal.bytes[whole]);
    return differ >> (8 - rest) == 0;
}

// When two addresses have the same bytes, the one of IPv4 comes first.
int order(const std::byte* at, int version, const BytesLiteral& literal) {
    const int bytes = std::memcmp(at, literal.bytes.data(), literal.bytes.size());
    return bytes != 0 || version == 0 ? bytes : version - literal.version;
}

// * stands for any characters, ? for one byte, \ takes the meaning from the next one. Goes back to
// the last star only, so that a hostile pattern costs no more than pattern times text.
bool matches(std::string_view pattern, std::string_view text) {
    std::size_t p = 0;
    std::size_t t = 0;
    std::size_t star = std::string_view::npos;
    std::size_t resume = 0;
    while (t < text.size()) {
        const bool escaped = p + 1 < pattern.size() && pattern[p] == '\\';
        if (p < pattern.size() && !escaped && pattern[p] == '*') {
            star = p++;
            resume = t;
        } else if (p < pattern.size() &&
                   ((!escaped && pattern[p] == '?') || pattern[p + (escaped ? 1 : 0)] == text[t])) {
            p += escaped ? 2 : 1;
            ++t;
        } else if (star != std::string_view::npos) {
            p = star + 1;
            t = ++resume;
        } else {
            return false;
        }
    }
    while (p < pattern.size() && pattern[p] == '*')
        ++p;
    return p == pattern.size();
}

} // namespace

bool Predicate::holds(const std::byte* key, const std::byte* value) const {
    int next = entry_;
    while (next >= 0) {
        const Test& test = tests_[static_cast<std::size_t>(next)];
        next = test.passes(test.in_key ? key : value) ? test.on_true : test.on_false;
    }
    return next == -1;
}

bool Predicate::Test::passes(const std::byte* root, std::size_t loop) const {
    if (loop == loops.size())
        return passes_one(root);
    for (std::uint32_t i = 0; i < loops[loop].count; ++i, root += loops[loop].stride)
        if (passes(root, loop + 1))
            return true;
    return false;
}

bool Predicate::Test::passes_one(const std::byte* root) const {
    switch (value.kind()) {
    case ValueClass::integer:
        return integer(value.integer(root));
    case ValueClass::boolean:
        return boolean(value.integer(root) != 0);
    case ValueClass::real:
        return real(value.real(root));
    case ValueClass::bytes:
        return address(value.bytes(root));
    case ValueClass::prefix:
        return prefix(value.prefix(root));
    case ValueClass::text:
        return text(value.text(root));
    case ValueClass::opaque:
        break;
    }
    return false;
}

bool Predicate::Test::integer(unsigned __int128 number) const {
    switch (compare) {
    case Compare::truth:
        return number != 0;
    case Compare::any_bit:
        return (number & integers.front()) != 0;
    case Compare::equal:
        return std::find(integers.begin(), integers.end(), number) != integers.end();
    default:
        return ordered(compare, value.compare(number, integers.front()), 0);
    }
}

bool Predicate::Test::boolean(bool truth) const {
    if (compare == Compare::truth)
        return truth;
    const bool found = std::find(integers.begin(), integers.end(), truth ? 1 : 0) != integers.end();
    return found == (compare == Compare::equal);
}

bool Predicate::Test::real(double number) const {
    if (compare == Compare::truth)
        return number != 0;
    if (compare == Compare::equal)
        return std::find(reals.begin(), reals.end(), number) != reals.end();
    return ordered(compare, number, reals.front());
}

bool Predicate::Test::address(const std::byte* at) const {
    const int version = value.version(at);
    const auto same = [&](const BytesLiteral& literal) {
        return (version == 0 || version == literal.version) && has_prefix(at, literal);
    };
    switch (compare) {
    case Compare::equal:
        return std::any_of(bytes.begin(), bytes.end(), same);
    case Compare::not_equal:
        return !same(bytes.front());
    default:
        return ordered(compare, order(at, version, bytes.front()), 0);
    }
}

bool Predicate::Test::prefix(const Prefix& prefix) const {
    switch (compare) {
    case Compare::equal:
        return prefix == prefixes.front();
    case Compare::within:
        return std::any_of(prefixes.begin(), prefixes.end(),
                           [&](const Prefix& outer) { return prefix.lies_within(outer); });
    default:
        return ordered(compare, FieldValue::compare(prefix, prefixes.front()), 0);
    }
}

bool Predicate::Test::text(std::string_view text) const {
    switch (compare) {
    case Compare::glob:
        return matches(texts.front(), text);
    case Compare::contains:
        return text.find(texts.front()) != std::string_view::npos;
    case Compare::equal:
        return std::find(texts.begin(), texts.end(), text) != texts.end();
    default:
        return ordered(compare, text.compare(texts.front()), 0);
    }
}

} // namespace dynmon
