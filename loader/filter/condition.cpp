// SPDX-License-Identifier: BSD-2-Clause
// Recursive descent over the text itself: what a word may contain depends on where it stands.

#include "filter/condition.hpp"

#include <algorithm>
#include <array>

namespace dynmon {

namespace {

using Compare = ConditionNode::Compare;

bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool is_path_char(char c) {
    return is_letter(c) || is_digit(c) || c == '.' || static_cast<unsigned char>(c) >= 0x80;
}

// Addresses, prefixes, times, units and names of protocols need no quotes.
bool is_word_char(char c) {
    return is_path_char(c) || std::string_view(":/+-*?%").find(c) != std::string_view::npos;
}

struct Operator {
    std::string_view text;
    Compare compare;
};

constexpr std::array operators = {
    Operator{"==", Compare::equal},      Operator{"!=", Compare::not_equal},
    Operator{"<=", Compare::less_equal}, Operator{">=", Compare::greater_equal},
    Operator{"<", Compare::less},        Operator{">", Compare::greater},
    Operator{"~", Compare::glob},
};

} // namespace

class Condition::Parser {
public:
    explicit Parser(const Condition& condition) : condition_(condition), text_(condition.text_) {}

    ConditionNode parse() {
        ConditionNode root = any();
        if (at_ < text_.size())
            refuse(text_[at_] == ')' ? "a ')' without its '('" : "expected && or ||");
        return root;
    }

private:
    using Node = ConditionNode;

    [[noreturn]] void refuse(const std::string& message, const std::string& hint = "") const {
        Error error = condition_.fault(at_, 1, message);
        throw hint.empty() ? error : error.hint(hint);
    }

    char peek(std::size_t ahead = 0) const {
        return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
    }
    void skip_space() {
        while (at_ < text_.size() && is_space(text_[at_]))
            ++at_;
    }
    bool take(std::string_view token) {
        if (text_.substr(at_, token.size()) != token)
            return false;
        at_ += token.size();
        skip_space();
        return true;
    }

    // a || b || c: a list, and not a tower as high as the text is long.
    Node any() {
        Node first = all();
        if (text_.substr(at_, 2) != "||")
            return first;
        Node node;
        node.kind = Node::Kind::any;
        node.children.push_back(std::move(first));
        while (take("||"))
            node.children.push_back(all());
        return node;
    }

    Node all() {
        Node first = unary();
        if (text_.substr(at_, 2) != "&&")
            return first;
        Node node;
        node.kind = Node::Kind::all;
        node.children.push_back(std::move(first));
        while (take("&&"))
            node.children.push_back(unary());
        return node;
    }

    Node unary() {
        skip_space();
        if (depth_ == deepest)
            refuse("nested deeper than " + std::to_string(deepest) + " levels");
        ++depth_;
        Node node;
        if (take("!")) {
            node.kind = Node::Kind::negation;
            node.children.push_back(unary());
        } else if (take("(")) {
            node = any();
            if (!take(")"))
                refuse(at_ == text_.size() ? "a ')' is missing" : "expected && or || or ')'");
        } else {
            node = test();
        }
        --depth_;
        return node;
    }

    Node test() {
        Node node;
        node.at = at_;
        node.path = path();
        skip_space();
        node.operator_at = at_;
        if (keyword("in")) {
            node.compare = Compare::within;
            list(node);
        } else if (keyword("contains")) {
            node.compare = Compare::contains;
            node.literals.push_back(literal());
        } else if (comparison(node.compare)) {
            node.literals.push_back(literal());
        } else {
            end_of_truth();
        }
        skip_space();
        return node;
    }

    // The field stands alone: what follows must be able to follow it.
    void end_of_truth() const {
        const bool ends = at_ == text_.size() || peek() == ')' || text_.substr(at_, 2) == "&&" ||
                          text_.substr(at_, 2) == "||";
        if (!ends)
            refuse("expected a comparison",
                   "== != < <= > >=, in, contains, ~ for a pattern, & for bits; && and || join");
    }

    std::string path() {
        if (!is_letter(peek()) && static_cast<unsigned char>(peek()) < 0x80)
            refuse(at_ == text_.size() ? "expected a field, but here is the end"
                                       : "expected a field, such as key.dport",
                   is_digit(peek()) || peek() == '"' || peek() == '\''
                       ? "the field comes first: bytes > 1000"
                       : "");
        const std::size_t start = at_;
        while (is_path_char(peek()))
            ++at_;
        while (peek() == '[') {
            const std::size_t open = at_++;
            while (is_digit(peek()) || peek() == '*')
                ++at_;
            if (peek() != ']') {
                at_ = open;
                refuse("expected an index such as [2], or [] for any element");
            }
            ++at_;
            while (is_path_char(peek()))
                ++at_;
        }
        return std::string(text_.substr(start, at_ - start));
    }

    bool keyword(std::string_view word) {
        if (text_.substr(at_, word.size()) != word || is_path_char(peek(word.size())))
            return false;
        at_ += word.size();
        skip_space();
        return true;
    }

    bool comparison(Compare& compare) {
        for (const Operator& op : operators) {
            if (take(op.text)) {
                compare = op.compare;
                return true;
            }
        }
        if (peek() == '&' && peek(1) != '&') {
            take("&");
            compare = Compare::any_bit;
            return true;
        }
        if (peek() == '=')
            refuse("expected a comparison", "did you mean '=='?");
        return false;
    }

    void list(Node& node) {
        if (!take("(")) {
            node.literals.push_back(literal());
            return;
        }
        do {
            node.literals.push_back(literal());
            skip_space();
        } while (take(","));
        if (!take(")"))
            refuse("expected ',' or ')'");
    }

    Node::Literal literal() {
        skip_space();
        Node::Literal literal;
        literal.at = at_;
        if (peek() == '"' || peek() == '\'')
            literal.text = quoted();
        else
            literal.text = word();
        literal.length = at_ - literal.at;
        return literal;
    }

    // \" \' and \\ stand for themselves; any other backslash is one, so that a pattern can have it.
    std::string quoted() {
        const std::size_t open = at_;
        const char quote = text_[at_++];
        std::string text;
        while (at_ < text_.size() && text_[at_] != quote) {
            const char next = peek(1);
            if (text_[at_] == '\\' && (next == '"' || next == '\'' || next == '\\'))
                ++at_;
            text += text_[at_++];
        }
        if (at_ == text_.size()) {
            at_ = open;
            refuse("the quote is not closed");
        }
        ++at_;
        return text;
    }

    // One | joins flags, two join conditions.
    std::string word() {
        const std::size_t start = at_;
        while (is_word_char(peek()) || (peek() == '|' && at_ > start && is_word_char(peek(1))))
            ++at_;
        if (at_ == start)
            refuse(at_ == text_.size() ? "expected a value, but here is the end"
                                       : "expected a value",
                   "such as 443, 10.0.0.1, TCP or \"a text\"");
        return std::string(text_.substr(start, at_ - start));
    }

    const Condition& condition_;
    std::string_view text_;
    std::size_t at_ = 0;
    std::size_t depth_ = 0;
};

Condition Condition::parse(std::string_view text) {
    Condition condition;
    condition.text_ = text.substr(0, longest + 1);
    if (text.size() > longest)
        throw condition.fault(longest, 1, "longer than " + std::to_string(longest) + " bytes");
    condition.root_ = Parser(condition).parse();
    return condition;
}

// What is wrong with a condition, shown in its text.

namespace {

bool starts_character(char c) { // of UTF-8
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
}

} // namespace

Error Condition::fault(std::size_t at, std::size_t length, const std::string& message) const {
    constexpr std::size_t before = 40; // what is shown of a long text
    constexpr std::size_t after = 30;
    at = std::min(at, text_.size());
    std::size_t from = at > before ? at - before : 0;
    while (from > 0 && !starts_character(text_[from]))
        --from;
    std::size_t to = std::min(text_.size(), at + after);
    while (to < text_.size() && !starts_character(text_[to]))
        ++to;
    std::string shown = text_.substr(from, to - from);
    for (char& c : shown) // neither a line of its own nor an order to the terminal
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
            c = ' ';
    const auto characters = [this](std::size_t begin, std::size_t end) {
        return static_cast<std::size_t>(
            std::count_if(text_.begin() + static_cast<std::ptrdiff_t>(begin),
                          text_.begin() + static_cast<std::ptrdiff_t>(end), starts_character));
    };
    const std::string left = from > 0 ? "…" : "";
    const std::size_t indent = characters(from, at) + (from > 0 ? 1 : 0);
    const std::size_t marked = characters(at, std::clamp(at + length, at, to));
    return Error(ErrorKind::usage,
                 "column " + std::to_string(characters(0, at) + 1) + ": " + message + "\n    " +
                     left + shown + (to < text_.size() ? "…" : "") + "\n    " +
                     std::string(indent, ' ') + std::string(std::max<std::size_t>(marked, 1), '^'));
}

} // namespace dynmon
