// SPDX-License-Identifier: BSD-2-Clause
#include "manifest/document.hpp"

#include <algorithm>
#include <sstream>
#include <utility>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include "base/limits.hpp"
#include "base/text.hpp"
#include "manifest/text_form.hpp"

namespace dynmon {

namespace {

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

// Leaves yaml-cpp in the middle of a document that is not worth going on with.
struct Stop {
    Diagnostic fault;
};

// yaml-cpp's terse messages, and what people mostly did to get them.
constexpr std::pair<std::string_view, std::string_view> syntax_hints[] = {
    {"illegal map value", "a text that holds ': ' needs quotes; else look at the indentation"},
    {"end of map not found", "look at the indentation, and for a missing ':' after the key"},
    {"end of map flow not found", "a ',' or '}' is missing"},
    {"end of sequence flow not found", "a ',' or ']' is missing"},
    {"end of sequence not found", "look at the indentation"},
    {"unknown token", "a text that starts with @, ` or % needs quotes"},
    {"the referenced anchor", "a text that starts with * needs quotes"},
    {"invalid unicode", "write the character itself"},
};

// Line offsets, so that a mark (line and byte column) becomes a place in the text at once.
class Lines {
public:
    explicit Lines(std::string_view text) : text_(text) {
        for (std::size_t i = 0; i < text.size(); ++i) {
            if (text[i] == '\n')
                starts_.push_back(i + 1);
        }
    }

    std::size_t offset(const YAML::Mark& mark) const {
        if (mark.line < 0 || static_cast<std::size_t>(mark.line) >= starts_.size())
            return text_.size();
        const std::size_t start = starts_[static_cast<std::size_t>(mark.line)];
        return std::min(start + static_cast<std::size_t>(std::max(mark.column, 0)), text_.size());
    }

    // Marks come in the order of the text: going on from the last one keeps a document of one long
    // line from costing its square.
    Position position(std::size_t offset) {
        const auto next = std::upper_bound(starts_.begin(), starts_.end(), offset);
        if (offset < last_ || *std::prev(next) > last_) {
            last_ = *std::prev(next);
            at_ = {static_cast<int>(next - starts_.begin()), 1};
        }
        at_.column += position_of(text_.substr(last_), offset - last_).column - 1;
        last_ = offset;
        return at_;
    }

private:
    std::string_view text_;
    std::vector<std::size_t> starts_ = {0};
    std::size_t last_ = 0; // the offset that `at_` belongs to
    Position at_ = {1, 1};
};

// yaml-cpp takes the end of the text for the end of a quoted scalar that was never closed.
bool is_closed(std::string_view text, std::size_t offset) {
    const char quote = text[offset];
    for (std::size_t i = offset + 1; i < text.size(); ++i) {
        const bool escaped = quote == '"' ? text[i] == '\\' : text.substr(i).starts_with("''");
        if (escaped)
            ++i;
        else if (text[i] == quote)
            return true;
    }
    return false;
}

class TreeBuilder : public YAML::EventHandler {
public:
    TreeBuilder(std::string_view text, std::vector<Diagnostic>& faults)
        : text_(text), lines_(text), faults_(faults) {}

    std::optional<Node>& root() { return root_; }
    Position position(const YAML::Mark& mark) { return lines_.position(lines_.offset(mark)); }

    void OnDocumentStart(const YAML::Mark& mark) override {
        if (!root_)
            return;
        if (text_.substr(lines_.offset(mark)).starts_with("---"))
            stop(mark, "a second document", "a manifest is one document");
        stop(mark, "text after the end of the document", "");
    }
    void OnDocumentEnd() override {}
    void OnAnchor(const YAML::Mark& mark, const std::string&) override { stop_at_anchor(mark); }
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { stop_at_anchor(mark); }

    void OnNull(const YAML::Mark& mark, YAML::anchor_t) override {
        Node node;
        node.at = position(mark);
        add(std::move(node), mark);
    }
    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                  const std::string& value) override {
        refuse_tag(mark, tag);
        const char first = first_char(mark);
        if ((first == '"' || first == '\'') && !is_closed(text_, lines_.offset(mark)))
            stop(mark, "the quote is never closed", "");
        if (!is_clean_text(value))
            stop(mark, "a control character or broken UTF-8 in a text", "");
        Node node;
        node.kind = Node::Kind::scalar;
        node.quoted = tag == "!";
        node.text = value;
        node.at = position(mark);
        add(std::move(node), mark);
    }

    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                         YAML::EmitterStyle::value) override {
        open(Node::Kind::sequence, mark, tag);
    }
    void OnSequenceEnd() override { close(); }
    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                    YAML::EmitterStyle::value) override {
        open(Node::Kind::mapping, mark, tag);
    }
    void OnMapEnd() override { close(); }

private:
    char first_char(const YAML::Mark& mark) const {
        const std::size_t offset = lines_.offset(mark);
        return offset < text_.size() ? text_[offset] : ' ';
    }
    [[noreturn]] void stop(const YAML::Mark& mark, std::string message, std::string hint) {
        throw Stop{{position(mark), std::move(message), std::move(hint)}};
    }
    [[noreturn]] void stop_at_anchor(const YAML::Mark& mark) {
        stop(mark, "anchors and aliases are not allowed", "write the value out in each place");
    }
    // yaml-cpp also takes a bracket that is never closed for a key.
    [[noreturn]] void stop_at_key(const YAML::Mark& mark) {
        const char first = first_char(mark);
        if (first == '{' || first == '[')
            stop(mark,
                 std::string("this ") + first + " is not closed, or stands where a key belongs",
                 "");
        stop(mark, "a key must be a plain name", "");
    }
    // "?" and "!" are yaml-cpp's own marks of plain and quoted; "!" can also have been written.
    void refuse_tag(const YAML::Mark& mark, const std::string& tag) {
        if ((tag != "?" && tag != "!") || first_char(mark) == '!')
            stop(mark, "tags are not allowed", "");
    }

    bool wants_key() const {
        return !open_.empty() && open_.back().kind == Node::Kind::mapping &&
               open_.back().keys.size() == open_.back().items.size();
    }

    // yaml-cpp recurses once a level: stopping here bounds its stack as well as ours.
    void open(Node::Kind kind, const YAML::Mark& mark, const std::string& tag) {
        refuse_tag(mark, tag);
        if (open_.size() == limits::manifest_depth)
            stop(mark, "nested deeper than " + std::to_string(limits::manifest_depth) + " levels",
                 "");
        if (wants_key())
            stop_at_key(mark);
        Node node;
        node.kind = kind;
        node.at = position(mark);
        open_.push_back(std::move(node));
    }

    void close() {
        Node node = std::move(open_.back());
        open_.pop_back();
        add(std::move(node), {});
    }

    void add(Node node, const YAML::Mark& mark) {
        if (open_.empty()) {
            root_ = std::move(node);
        } else if (!wants_key()) {
            open_.back().items.push_back(std::move(node));
        } else if (node.kind == Node::Kind::scalar) {
            add_key({std::move(node.text), node.at});
        } else {
            stop_at_key(mark);
        }
    }

    void add_key(Node::Key key) {
        std::vector<Node::Key>& keys = open_.back().keys;
        const auto first = std::find_if(keys.begin(), keys.end(), [&](const Node::Key& other) {
            return other.text == key.text;
        });
        if (first != keys.end())
            faults_.push_back({key.at, "duplicate key '" + key.text + "'",
                               "it stands in line " + std::to_string(first->at.line) + " already"});
        // Bounded, because the search above makes the cost of a mapping the square of its keys.
        if (keys.size() == most_keys)
            throw Stop{
                {key.at, "more than " + std::to_string(most_keys) + " keys in a mapping", ""}};
        if (faults_.size() == most_faults)
            throw Stop{{key.at, "too many duplicate keys", ""}};
        keys.push_back(std::move(key));
    }

    static constexpr std::size_t most_keys = 256;
    std::string_view text_;
    Lines lines_;
    std::vector<Diagnostic>& faults_;
    std::vector<Node> open_;
    std::optional<Node> root_;
};

// yaml-cpp names an unknown escape by the first byte of the character.
Diagnostic syntax_fault(const YAML::ParserException& error, Position at) {
    const std::string what = printable_line(error.msg);
    for (const auto& [message, hint] : syntax_hints) {
        if (what.starts_with(message))
            return {at, what, std::string(hint)};
    }
    return {at, what, ""};
}

} // namespace

std::optional<Node> parse_document(std::string_view text, std::vector<Diagnostic>& faults) {
    if (text.starts_with(byte_order_mark))
        text.remove_prefix(byte_order_mark.size());
    if (auto fault = find_form_fault(text)) {
        faults.push_back(std::move(*fault));
        return std::nullopt;
    }
    TreeBuilder builder(text, faults);
    try {
        std::istringstream stream{std::string(text)};
        YAML::Parser parser(stream);
        while (parser.HandleNextDocument(builder)) {
        }
    } catch (const Stop& stop) {
        faults.push_back(stop.fault);
        return std::nullopt;
    } catch (const YAML::ParserException& error) {
        faults.push_back(syntax_fault(error, builder.position(error.mark)));
        return std::nullopt;
    } catch (const std::exception& error) { // yaml-cpp's own sanity checks
        faults.push_back({{1, 1}, std::string("not readable as YAML: ") + error.what(), ""});
        return std::nullopt;
    }
    if (!builder.root() || builder.root()->kind == Node::Kind::null) {
        faults.push_back({{1, 1}, "the manifest is empty", ""});
        return std::nullopt;
    }
    return std::move(builder.root()); // cppcheck-suppress returnStdMoveLocal ; it is a member
}

} // namespace dynmon
