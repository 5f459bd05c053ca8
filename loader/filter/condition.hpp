// SPDX-License-Identifier: BSD-2-Clause
// The language of --where: comparisons of fields with literals, joined by &&, ||, ! and ( ).
//
//     key.dport == 443 && value.bytes > 1MB      saddr in 10.0.0.0/8 || daddr in 10.0.0.0/8
//     proto in (TCP, UDP) && !(tcp_flags & SYN|ACK)      name ~ "eth*" || name contains "br"
//     last >= now-5m && value.latency[2] > 10ms          enabled || first < "2026-11-21T12:00:00Z"
//     key in 10.0.0.0/8 (a trie's: what lies within)      key == 10.1.0.0/16 (that very prefix)
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace dynmon {

struct ConditionNode {
    enum class Kind { all, any, negation, test };
    enum class Compare {
        truth, // the field alone
        equal,
        within, // in: equal to any of the literals; of prefixes: lies within any
        not_equal,
        less,
        less_equal,
        greater,
        greater_equal,
        any_bit, // &
        glob,    // ~ with * and ?
        contains,
    };
    struct Literal {
        std::string text;
        std::size_t at = 0;     // where it stands in the text, in bytes
        std::size_t length = 0; // with its quotes
    };

    Kind kind = Kind::test;
    std::vector<ConditionNode> children;
    std::string path; // of a test
    std::size_t at = 0;
    Compare compare = Compare::truth;
    std::size_t operator_at = 0;
    std::vector<Literal> literals;
};

// A condition that was understood, but knows nothing of the fields of any map yet.
class Condition {
public:
    static constexpr std::size_t longest = 4096;
    static constexpr std::size_t deepest = 64; // parentheses and negations within each other

    // Throws Error{usage} with the column, the text and a caret under the fault. No text makes it
    // fail in any other way.
    static Condition parse(std::string_view text);

    const std::string& text() const { return text_; }
    const ConditionNode& root() const { return root_; }

    // "column 5: …" over the text with a caret, for a fault `length` bytes long at `at`.
    Error fault(std::size_t at, std::size_t length, const std::string& message) const;

private:
    class Parser;
    std::string text_;
    ConditionNode root_;
};

} // namespace dynmon
