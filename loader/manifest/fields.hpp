// SPDX-License-Identifier: BSD-2-Clause
// Reads the keys of one mapping with their types; every fault is noted and reading goes on.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "manifest/document.hpp"
#include "manifest/rules.hpp"
#include "manifest/words.hpp"

namespace dynmon {

// Collects faults up to `most_faults`.
class Faults {
public:
    void add(Position at, std::string message, std::string hint = "");
    std::vector<Diagnostic>& list() { return list_; }
    // Throws Error{rejected} "FILE:LINE:COL: …" with the first fault, if there is one; `hint` where
    // that fault has none.
    void reject(std::string_view file, const std::string& hint) const;

private:
    std::vector<Diagnostic> list_;
};

// What a plain scalar is in YAML's core schema, which is also what JSON means by it.
enum class ScalarType { text, boolean, integer, real };
ScalarType scalar_type(const Node& node);

// "true", "12" and "x" of any scalar node as the words of a fault: "the number 12".
std::string describe(const Node& node);

// The keys of a mapping. A node that is no mapping is reported once and reads as an empty one.
class Fields {
public:
    using Names = std::vector<std::string>;

    // `what` names the mapping in messages: "ingress-path", "a label". Reports unknown keys with
    // the nearest of `known`, and each of `required` that is missing.
    Fields(const Node& node, std::string what, const Names& known, const Names& required,
           Faults& faults);

    // nullptr when the key is absent or has no value (which is a fault).
    const Node* find(std::string_view key) const;
    bool has(std::string_view key) const { return find(key) != nullptr; }
    bool mentions(std::string_view key) const; // with or without a value
    // Where the value is, or the mapping when the key is absent.
    Position at(std::string_view key) const;
    Position at() const { return node_->at; }

    std::string text(std::string_view key, const TextRule& rule) const;
    bool flag(std::string_view key) const;
    // A number as written: an integer, true/false, or text.
    std::optional<std::string> literal(std::string_view key) const;
    std::size_t count(std::string_view key, std::size_t preset, std::size_t most) const;
    // A decimal number from `least` to `most`; nothing when the key is absent or after reporting.
    std::optional<double> number(std::string_view key, double least, double most) const;
    std::optional<std::int64_t> whole(std::string_view key, std::int64_t least,
                                      std::int64_t most) const;
    // Empty when the key is absent or is no sequence.
    const std::vector<Node>& list(std::string_view key) const;

    template <typename Enum>
    std::optional<Enum> choice(std::string_view key, const Choices<Enum>& choices) const {
        const Node* node = find(key);
        return node == nullptr ? std::nullopt : choose(*node, key, choices);
    }
    // `fold`: in any case, as Dynmon took its metric types.
    template <typename Enum>
    std::optional<Enum> choose(const Node& node, std::string_view key, const Choices<Enum>& choices,
                               bool fold = false) const {
        Names names;
        for (const auto& [name, value] : choices)
            names.push_back(name);
        const auto index = choose_name(node, key, names, fold);
        return index ? std::optional<Enum>(choices[*index].second) : std::nullopt;
    }

    Faults& faults() const { return *faults_; }

private:
    template <typename Number>
    std::optional<Number> parsed(std::string_view key, const char* what, Number least,
                                 Number most) const;
    std::optional<std::size_t> choose_name(const Node& node, std::string_view key,
                                           const Names& names, bool fold) const;
    void report_unknown(const Node::Key& key, const Names& known) const;

    const Node* node_;
    std::string what_;
    Faults* faults_;
};

// The text of a scalar that must be text and follow `rule`; "" after reporting otherwise.
std::string read_text(const Node& node, std::string_view key, const TextRule& rule, Faults& faults);

// `may: [drop, loops]`: the list of powers, in a manifest and in an administrator's policy.

// Every word of `key` that is a power; the others become faults.
std::set<Power> read_powers(const Fields& fields, std::string_view key);

// With what each implies: a packet that is sent elsewhere is gone from here.
std::set<Power> with_implied(std::set<Power> powers);

} // namespace dynmon
