// SPDX-License-Identifier: BSD-2-Clause
// From the tree of a condition to tests that know where to go on: and, or and not leave no trace.
#include "filter/predicate.hpp"

#include "filter/predicate_step.hpp"

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
        // Of what has no inside, to be in a list is to be equal to one of it.
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

} // namespace dynmon
