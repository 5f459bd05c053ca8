// SPDX-License-Identifier: BSD-2-Clause
#include "manifest/fields.hpp"

#include <algorithm>
#include <charconv>
#include <sstream>

#include "base/error.hpp"
#include "base/identifier.hpp"
#include "base/text.hpp"
#include "manifest/rules.hpp"
#include "manifest/text_form.hpp"

namespace dynmon {

namespace {

bool all_of_class(std::string_view text, int (*is)(int)) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
        return is(static_cast<unsigned char>(c)) != 0;
    });
}

std::string_view without_sign(std::string_view text) {
    if (text.starts_with('-') || text.starts_with('+'))
        text.remove_prefix(1);
    return text;
}

bool is_integer(std::string_view text) {
    if (text.starts_with("0x"))
        return all_of_class(text.substr(2), std::isxdigit);
    if (text.starts_with("0o"))
        return all_of_class(text.substr(2), std::isdigit) && text.find_first_of("89") == text.npos;
    return all_of_class(without_sign(text), std::isdigit);
}

bool is_real(std::string_view text) {
    if (text == ".nan" || text == ".NaN" || text == ".NAN")
        return true;
    text = without_sign(text);
    if (text == ".inf" || text == ".Inf" || text == ".INF")
        return true;
    const std::size_t exponent = text.find_first_of("eE");
    if (exponent != text.npos &&
        !all_of_class(without_sign(text.substr(exponent + 1)), std::isdigit))
        return false;
    text = text.substr(0, exponent);
    const std::size_t dot = text.find('.');
    const std::string_view whole = text.substr(0, dot);
    const std::string_view rest = dot == text.npos ? "" : text.substr(dot + 1);
    return (!whole.empty() || !rest.empty()) &&
           (whole.empty() || all_of_class(whole, std::isdigit)) &&
           (rest.empty() || all_of_class(rest, std::isdigit));
}

std::string join(const Fields::Names& names, std::string_view last) {
    std::string text;
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (i > 0)
            text += i + 1 == names.size() ? last : ", ";
        text += names[i];
    }
    return text;
}

// Keeps a message on one line whatever the text holds.
std::string quote(std::string_view text) {
    std::size_t length = 0;
    while (length < text.size() && length < 60)
        length += std::max<std::size_t>(utf8_length(text.substr(length)), 1);
    std::string quoted = "'" + std::string(text.substr(0, length));
    quoted += length < text.size() ? "…'" : "'";
    std::replace(quoted.begin(), quoted.end(), '\n', ' ');
    return quoted;
}

std::string did_you_mean(const std::string& name) {
    return name.empty() ? "" : "did you mean '" + name + "'?";
}

} // namespace

void Faults::add(Position at, std::string message, std::string hint) {
    if (list_.size() < most_faults)
        list_.push_back({at, std::move(message), std::move(hint)});
}

void Faults::reject(std::string_view file, const std::string& hint) const {
    if (list_.empty())
        return;
    const Diagnostic& first = list_.front();
    throw Error(ErrorKind::rejected, place_text(file, first.at) + ": " + first.message)
        .hint(first.hint.empty() ? hint : first.hint);
}

ScalarType scalar_type(const Node& node) {
    const std::string& text = node.text;
    if (node.quoted)
        return ScalarType::text;
    for (const char* word : {"true", "True", "TRUE", "false", "False", "FALSE"}) {
        if (text == word)
            return ScalarType::boolean;
    }
    return is_integer(text) ? ScalarType::integer
           : is_real(text)  ? ScalarType::real
                            : ScalarType::text;
}

std::string describe(const Node& node) {
    switch (node.kind) {
    case Node::Kind::null:
        return "nothing";
    case Node::Kind::sequence:
        return "a list";
    case Node::Kind::mapping:
        return "a mapping";
    case Node::Kind::scalar:
        break;
    }
    switch (scalar_type(node)) {
    case ScalarType::boolean:
        return "the truth value " + node.text;
    case ScalarType::integer:
    case ScalarType::real:
        return "the number " + node.text;
    case ScalarType::text:
        break;
    }
    return quote(node.text);
}

Fields::Fields(const Node& node, std::string what, const Names& known, const Names& required,
               Faults& faults)
    : node_(&node), what_(std::move(what)), faults_(&faults) {
    static const Node empty;
    if (node.kind != Node::Kind::mapping) {
        faults.add(node.at, what_ + " must be a mapping, not " + describe(node));
        node_ = &empty;
        return;
    }
    for (const Node::Key& key : node.keys) {
        if (std::find(known.begin(), known.end(), key.text) == known.end())
            report_unknown(key, known);
    }
    for (const std::string& name : required) {
        if (!mentions(name))
            faults.add(node.at, what_ + " lacks '" + name + "'");
    }
    for (std::size_t i = 0; i < node.items.size(); ++i) {
        if (node.items[i].kind == Node::Kind::null)
            faults.add(node.keys[i].at, "'" + node.keys[i].text + "' has no value");
    }
}

void Fields::report_unknown(const Node::Key& key, const Names& known) const {
    std::string hint = did_you_mean(nearest_name(key.text, known));
    if (key.text == "code") // Dynmon's manifests carried the program itself
        hint = "the program goes into a .bpf.c beside the manifest and is compiled ahead of time";
    else if (hint.empty())
        hint = "known keys: " + join(known, " and ");
    faults_->add(key.at, "unknown key " + quote(key.text) + " in " + what_, hint);
}

const Node* Fields::find(std::string_view key) const {
    for (std::size_t i = 0; i < node_->items.size(); ++i) {
        if (node_->keys[i].text == key && node_->items[i].kind != Node::Kind::null)
            return &node_->items[i];
    }
    return nullptr;
}

bool Fields::mentions(std::string_view key) const {
    return std::any_of(node_->keys.begin(), node_->keys.end(),
                       [&](const Node::Key& other) { return other.text == key; });
}

Position Fields::at(std::string_view key) const {
    const Node* node = find(key);
    return node == nullptr ? node_->at : node->at;
}

std::string Fields::text(std::string_view key, const TextRule& rule) const {
    const Node* node = find(key);
    return node == nullptr ? "" : read_text(*node, key, rule, *faults_);
}

bool Fields::flag(std::string_view key) const {
    const Node* node = find(key);
    if (node == nullptr)
        return false;
    if (node->kind != Node::Kind::scalar || scalar_type(*node) != ScalarType::boolean) {
        faults_->add(node->at,
                     "'" + std::string(key) + "' must be true or false, not " + describe(*node));
        return false;
    }
    return lower_case(node->text) == "true";
}

std::optional<std::string> Fields::literal(std::string_view key) const {
    const Node* node = find(key);
    if (node == nullptr)
        return std::nullopt;
    if (node->kind == Node::Kind::scalar && !node->text.empty())
        return node->text;
    faults_->add(node->at, "'" + std::string(key) +
                               "' must be a number, true, false or text, not " + describe(*node));
    return std::nullopt;
}

std::size_t Fields::count(std::string_view key, std::size_t preset, std::size_t most) const {
    const Node* node = find(key);
    if (node == nullptr)
        return preset;
    std::size_t number = 0;
    const char* end = node->text.data() + node->text.size();
    const auto [stop, error] = std::from_chars(node->text.data(), end, number);
    if (!node->quoted && stop == end && error == std::errc() && number >= 1 && number <= most)
        return number;
    faults_->add(node->at, "'" + std::string(key) + "' must be a whole number from 1 to " +
                               std::to_string(most) + ", not " + describe(*node));
    return preset;
}

std::optional<double> Fields::number(std::string_view key, double least, double most) const {
    return parsed<double>(key, "a number", least, most);
}

std::optional<std::int64_t> Fields::whole(std::string_view key, std::int64_t least,
                                          std::int64_t most) const {
    return parsed<std::int64_t>(key, "a whole number", least, most);
}

template <typename Number>
std::optional<Number> Fields::parsed(std::string_view key, const char* what, Number least,
                                     Number most) const {
    const Node* node = find(key);
    if (node == nullptr)
        return std::nullopt;
    Number number{};
    const char* end = node->text.data() + node->text.size();
    const auto [stop, error] = std::from_chars(node->text.data(), end, number);
    if (node->kind == Node::Kind::scalar && !node->quoted && stop == end && error == std::errc() &&
        number >= least && number <= most)
        return number;
    std::ostringstream range;
    range << " from " << least << " to " << most;
    faults_->add(node->at, "'" + std::string(key) + "' must be " + what + range.str() + ", not " +
                               describe(*node));
    return std::nullopt;
}

const std::vector<Node>& Fields::list(std::string_view key) const {
    static const std::vector<Node> empty;
    const Node* node = find(key);
    if (node == nullptr)
        return empty;
    if (node->kind == Node::Kind::sequence)
        return node->items;
    faults_->add(node->at, "'" + std::string(key) + "' must be a list, not " + describe(*node));
    return empty;
}

std::optional<std::size_t> Fields::choose_name(const Node& node, std::string_view key,
                                               const Names& names, bool fold) const {
    if (node.kind == Node::Kind::scalar && scalar_type(node) == ScalarType::text) {
        const std::string text = fold ? lower_case(node.text) : node.text;
        const auto name = std::find(names.begin(), names.end(), text);
        if (name != names.end())
            return static_cast<std::size_t>(name - names.begin());
    }
    faults_->add(node.at,
                 "'" + std::string(key) + "' must be " + join(names, " or ") + ", not " +
                     describe(node),
                 did_you_mean(nearest_name(node.text, names)));
    return std::nullopt;
}

std::string read_text(const Node& node, std::string_view key, const TextRule& rule,
                      Faults& faults) {
    const std::string name = "'" + std::string(key) + "' ";
    if (node.kind != Node::Kind::scalar) {
        faults.add(node.at, name + "must be text, not " + describe(node));
        return "";
    }
    if (scalar_type(node) != ScalarType::text) {
        faults.add(node.at, name + "must be text, not " + describe(node),
                   "put it in quotes: \"" + node.text + "\"");
        return "";
    }
    if (!rule.holds(node.text)) {
        faults.add(node.at,
                   name + rule.says + (node.text.empty() ? "" : ", not " + quote(node.text)));
        return "";
    }
    return node.text;
}

std::set<Power> read_powers(const Fields& fields, std::string_view key) {
    std::set<Power> powers;
    for (const Node& node : fields.list(key))
        if (const auto power = fields.choose(node, key, power_choices))
            powers.insert(*power);
    return powers;
}

std::set<Power> with_implied(std::set<Power> powers) {
    if (powers.contains(Power::redirect))
        powers.insert(Power::drop);
    return powers;
}

} // namespace dynmon
