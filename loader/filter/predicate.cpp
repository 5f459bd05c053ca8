// SPDX-License-Identifier: BSD-2-Clause
// From the tree of a condition to tests that know where to go on: and, or and not leave no trace.

#include "filter/predicate.hpp"

#include <algorithm>
#include <cstring>

namespace dynmon {

namespace {

using Compare = ConditionNode::Compare;

constexpr int accept = -1;
constexpr int reject = -2;

bool is_address(const Layout& field) {
    return field.semantic == Semantic::ipv4 || field.semantic == Semantic::ipv6 ||
           field.semantic == Semantic::ip;
}

bool is_order(Compare compare) {
    return compare == Compare::less || compare == Compare::less_equal ||
           compare == Compare::greater || compare == Compare::greater_equal;
}

// What a field of this class is compared by; "" when it is by `compare`.
std::string objection(ValueClass kind, Compare compare) {
    const bool equality =
        compare == Compare::equal || compare == Compare::not_equal || compare == Compare::within;
    switch (kind) {
    case ValueClass::opaque:
        return "cannot be seen from outside the kernel";
    case ValueClass::integer:
        return compare == Compare::glob || compare == Compare::contains ? "is a number, not a text"
                                                                        : "";
    case ValueClass::boolean:
        return equality || compare == Compare::truth ? "" : "is true or false: ==, != or alone";
    case ValueClass::real:
        return equality || is_order(compare) || compare == Compare::truth
                   ? ""
                   : "is a number with a fraction: == != < <= > >=";
    case ValueClass::bytes:
        return equality || is_order(compare) ? "" : "is an address or bytes: == != < <= > >= or in";
    case ValueClass::prefix:
        return equality || is_order(compare) ? "" : "is a prefix: == != < <= > >= or in";
    case ValueClass::text:
        return compare == Compare::truth || compare == Compare::any_bit
                   ? "is a text: ==, !=, <, in, contains or ~"
                   : "";
    }
    return "";
}

} // namespace

Predicate::~Predicate() = default;
Predicate::Predicate(Predicate&&) noexcept = default;
Predicate& Predicate::operator=(Predicate&&) noexcept = default;

class Predicate::Compiler {
public:
    Compiler(Predicate& predicate, const Condition& condition, const EntryTypes& types,
             std::uint64_t now_ns)
        : tests_(predicate.tests_), condition_(condition), types_(types), now_ns_(now_ns) {}

    // Returns where `node` is entered. What comes later is compiled first, because a test has to
    // know where it goes on.
    int compile(const ConditionNode& node, int on_true, int on_false) {
        switch (node.kind) {
        case ConditionNode::Kind::negation:
            return compile(node.children.front(), on_false, on_true);
        case ConditionNode::Kind::all:
            for (auto child = node.children.rbegin(); child != node.children.rend(); ++child)
                on_true = compile(*child, on_true, on_false);
            return on_true;
        case ConditionNode::Kind::any:
            for (auto child = node.children.rbegin(); child != node.children.rend(); ++child)
                on_false = compile(*child, on_true, on_false);
            return on_false;
        case ConditionNode::Kind::test:
            break;
        }
        tests_.push_back(make_test(node));
        tests_.back().on_true = on_true;
        tests_.back().on_false = on_false;
        return static_cast<int>(tests_.size()) - 1;
    }

private:
    // Runs `body`; its Error gets the place in the text.
    template <typename Body>
    auto located(std::size_t at, std::size_t length, Body&& body) const {
        try {
            return body();
        } catch (const Error& error) {
            Error shown = condition_.fault(at, length, error.what());
            throw error.hint().empty() ? shown : shown.hint(error.hint());
        }
    }

    Test make_test(const ConditionNode& node) const {
        const FieldRef ref =
            located(node.at, node.path.size(), [&] { return resolve_field(types_, node.path); });
        Test test(ref);
        test.compare = node.compare;
        // A value that is no prefix is in a list when it equals one of its elements.
        if (node.compare == Compare::within && test.value.kind() != ValueClass::prefix)
            test.compare = Compare::equal;
        located(node.at, node.path.size(), [&] {
            const std::string reason = objection(test.value.kind(), node.compare);
            if (!reason.empty())
                throw Error(ErrorKind::usage, "'" + node.path + "' " + reason);
        });
        for (const ConditionNode::Literal& literal : node.literals)
            located(literal.at, literal.length,
                    [&] { add_named_literal(test, ref.field, literal.text); });
        return test;
    }

    void add_named_literal(Test& test, const Layout& field, const std::string& text) const {
        try {
            add_literal(test, field, text);
        } catch (Error& error) {
            if (error.hint().empty() && is_field(text))
                error.hint("a field is compared with a value, not with another field");
            throw;
        }
    }

    bool is_field(const std::string& text) const {
        try {
            resolve_field(types_, text);
            return true;
        } catch (const Error&) {
            return false;
        }
    }

    void add_literal(Test& test, const Layout& field, const std::string& text) const {
        switch (test.value.kind()) {
        case ValueClass::integer:
            test.integers.push_back(read_integer_literal(field, text, now_ns_));
            return;
        case ValueClass::boolean:
            test.integers.push_back(read_boolean_literal(text) ? 1 : 0);
            return;
        case ValueClass::real:
            test.reals.push_back(read_real_literal(field, text));
            return;
        case ValueClass::bytes:
            test.bytes.push_back(read_bytes_literal(field, text));
            if (is_order(test.compare) && test.bytes.back().bits != field.size * 8)
                throw Error(ErrorKind::usage, "a prefix is neither less nor greater")
                    .hint(is_address(field) ? "in, == or != compare with a prefix" : "");
            return;
        case ValueClass::prefix:
            test.prefixes.push_back(read_prefix_literal(field, text));
            return;
        case ValueClass::text:
            if (test.compare != Compare::glob && text.size() > field.size)
                throw Error(ErrorKind::usage,
                            "the field has room for " + std::to_string(field.size) + " bytes");
            test.texts.push_back(text);
            return;
        case ValueClass::opaque:
            return;
        }
    }

    std::vector<Test>& tests_;
    const Condition& condition_;
    const EntryTypes& types_;
    std::uint64_t now_ns_;
};

Predicate::Predicate(const Condition& condition, const EntryTypes& types, std::uint64_t now_ns) {
    entry_ = Compiler(*this, condition, types, now_ns).compile(condition.root(), accept, reject);
}

// Running a compiled condition over one entry: the hot path of --where.

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
