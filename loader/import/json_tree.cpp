// SPDX-License-Identifier: BSD-2-Clause
#include "import/json_tree.hpp"

#include <algorithm>
#include <iterator>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/limits.hpp"
#include "base/text.hpp"

namespace dynmon {

namespace {

// nlohmann's events have no places. It takes its text through an iterator, so that this one says
// how far it has come when an event arrives: right behind the token.
struct Reading {
    using iterator_category = std::forward_iterator_tag;
    using value_type = char;
    using difference_type = std::ptrdiff_t;
    using pointer = const char*;
    using reference = const char&;

    const char* at = nullptr;
    std::size_t* read = nullptr;

    reference operator*() const { return *at; }
    Reading& operator++() {
        ++at;
        ++*read;
        return *this;
    }
    const Reading operator++(int) { // NOLINT(readability-const-return-type)
        Reading before = *this;
        ++*this;
        return before;
    }
    bool operator==(const Reading& other) const { return at == other.at; }
    bool operator!=(const Reading& other) const { return at != other.at; }
};

struct Hint {
    std::string_view complaint;
    std::string_view hint;
};
constexpr Hint syntax_hints[] = {
    {"unexpected string literal; expected '}'", "a ',' is missing in front of it"},
    {"unexpected '{'; expected ']'", "a ',' is missing in front of it"},
    {"unexpected '}'", "a ',' in front of it has nothing behind it, or a value is missing"},
    {"control character", "a line break inside of a text is written \\n"},
    {"forbidden character after backslash", "a backslash of C is written \\\\"},
    {"unexpected end of input", "the end of the document is missing"},
};

// "[json.exception.parse_error.101] parse error at line 3, column 4: syntax error …": the place is
// said in our own way.
std::string complaint_of(const std::string& text) {
    const std::size_t at = text.find(": ");
    return at == std::string::npos ? text : text.substr(at + 2);
}

class TreeBuilder : public nlohmann::json_sax<nlohmann::json> {
public:
    TreeBuilder(std::string_view text, std::string_view file, const std::size_t& read)
        : text_(text), file_(file), read_(read) {}

    bool null() override { return add(scalar("", false)); }
    bool boolean(bool value) override { return add(scalar(value ? "true" : "false", false)); }
    bool number_integer(number_integer_t value) override {
        return add(number(std::to_string(value)));
    }
    bool number_unsigned(number_unsigned_t value) override {
        return add(number(std::to_string(value)));
    }
    bool number_float(number_float_t, const string_t& text) override { return add(number(text)); }
    bool string(string_t& text) override { return add(scalar(text, true)); }
    bool binary(binary_t&) override { return false; }
    bool start_object(std::size_t) override { return open(Node::Kind::mapping); }
    bool start_array(std::size_t) override { return open(Node::Kind::sequence); }
    bool end_object() override { return close(); }
    bool end_array() override { return close(); }
    bool key(string_t& text) override {
        Node& into = open_.back();
        const Position at = place(begin_of_string());
        for (const Node::Key& known : into.keys)
            if (known.text == text)
                throw_fault(file_, at, "'" + text + "' stands there twice",
                            "the first one is in line " + std::to_string(known.at.line));
        into.keys.push_back({text, at});
        return true;
    }
    bool parse_error(std::size_t, const std::string&,
                     const nlohmann::detail::exception& e) override {
        const std::string complaint = complaint_of(e.what());
        const std::size_t start = text_.find_first_not_of(" \t\r\n");
        if (start != std::string_view::npos && text_[start] == '<')
            throw_fault(file_, place(start), "an HTML page, and no document",
                        "download the file itself (\"raw\"), and not the page that shows it");
        std::size_t at = std::min(read_, text_.size());
        if (complaint.find("unexpected string literal") != std::string::npos)
            at = begin_of_string();
        else if (at > 0)
            --at;
        std::string hint;
        for (const Hint& known : syntax_hints)
            if (hint.empty() && complaint.find(known.complaint) != std::string::npos)
                hint = known.hint;
        throw_fault(file_, place(at), "no JSON: " + printable_line(complaint, 200), hint);
    }

    Node& root() { return root_; }

private:
    // The beginning of the string that ends where the reading stands.
    std::size_t begin_of_string() const {
        std::size_t at = read_ < 2 ? 0 : read_ - 2;
        while (at > 0) {
            if (text_[at] == '"') {
                std::size_t slashes = 0;
                while (slashes < at && text_[at - 1 - slashes] == '\\')
                    ++slashes;
                if (slashes % 2 == 0)
                    break;
            }
            --at;
        }
        return at;
    }

    Node scalar(const std::string& text, bool quoted) const {
        return scalar_at(text, quoted, quoted ? begin_of_string() : before(text.size()));
    }

    // A number ends with the character behind it, which has been read.
    Node number(const std::string& text) const {
        return scalar_at(text, false, before(text.size() + 1));
    }

    std::size_t before(std::size_t length) const { return read_ < length ? 0 : read_ - length; }

    Node scalar_at(const std::string& text, bool quoted, std::size_t offset) const {
        Node node;
        node.kind = quoted || !text.empty() ? Node::Kind::scalar : Node::Kind::null;
        node.quoted = quoted;
        node.text = text;
        node.at = place(offset);
        return node;
    }

    bool add(Node node) {
        if (open_.empty())
            root_ = std::move(node);
        else
            open_.back().items.push_back(std::move(node));
        return true;
    }
    bool open(Node::Kind kind) {
        Node node;
        node.kind = kind;
        node.at = place(read_ > 0 ? read_ - 1 : 0);
        if (open_.size() == limits::manifest_depth)
            throw_fault(file_, node.at,
                        "more than " + std::to_string(limits::manifest_depth) + " levels");
        open_.push_back(std::move(node));
        return true;
    }
    bool close() {
        Node done = std::move(open_.back());
        open_.pop_back();
        return add(std::move(done));
    }

    // Places come in the order of the text: going on from the last one keeps a document of one long
    // line from costing its square.
    Position place(std::size_t offset) const {
        if (offset < last_) {
            last_ = 0;
            last_at_ = {1, 1};
        }
        while (last_ < std::min(offset, text_.size())) {
            if (text_[last_] == '\n') {
                ++last_at_.line;
                last_at_.column = 1;
                ++last_;
            } else {
                ++last_at_.column;
                last_ += std::max<std::size_t>(utf8_length(text_.substr(last_, 4)), 1);
            }
        }
        return last_at_;
    }

    std::string_view text_;
    std::string_view file_;
    const std::size_t& read_;
    mutable std::size_t last_ = 0;
    mutable Position last_at_{1, 1};
    std::vector<Node> open_;
    Node root_;
};

} // namespace

void throw_fault(std::string_view file, Position at, const std::string& message,
                 const std::string& hint) {
    throw Error(ErrorKind::usage, place_text(file, at) + ": " + message).hint(hint);
}

Position place_of(std::string_view text, std::size_t offset) {
    offset = std::min(offset, text.size());
    const std::size_t before = text.substr(0, offset).rfind('\n');
    const std::size_t start = before == std::string_view::npos ? 0 : before + 1;
    Position at;
    at.line = 1 + static_cast<int>(
                      std::count(text.begin(), text.begin() + static_cast<long>(start), '\n'));
    at.column = 1;
    for (std::size_t i = start; i < offset; ++at.column)
        i += std::max<std::size_t>(utf8_length(text.substr(i)), 1);
    return at;
}

std::size_t offset_of(std::string_view text, Position at) {
    std::size_t offset = 0;
    for (int line = 1; line < at.line; ++line) {
        const std::size_t end = text.find('\n', offset);
        if (end == std::string_view::npos)
            return text.size();
        offset = end + 1;
    }
    for (int column = 1; column < at.column && offset < text.size(); ++column)
        offset += std::max<std::size_t>(utf8_length(text.substr(offset)), 1);
    return std::min(offset, text.size());
}

Node parse_json_tree(std::string_view text, std::string_view file, std::size_t most) {
    if (text.size() > most)
        throw_fault(file, {}, "larger than " + std::to_string(most) + " bytes");
    std::size_t read = 0;
    TreeBuilder builder(text, file, read);
    const char* begin = text.data();
    const bool good = nlohmann::json::sax_parse(Reading{begin, &read},
                                                Reading{begin + text.size(), &read}, &builder);
    if (!good)
        throw_fault(file, place_of(text, read), "no JSON");
    return std::move(builder.root());
}

} // namespace dynmon
