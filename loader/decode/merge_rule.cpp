// SPDX-License-Identifier: BSD-2-Clause
// The table of what merges how, by kind and semantic of the field.
#include "decode/merge_rule.hpp"

#include <algorithm>
#include <tuple>

#include "base/error.hpp"
#include "btf/layout.hpp"
#include "btf/semantic.hpp"
#include "decode/decode_plan.hpp"

namespace dynmon {

namespace {

using Kind = Layout::Kind;

bool is_alike(const Layout& a, const Layout& b);

bool are_alike(const std::vector<Layout>& a, const std::vector<Layout>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), is_alike);
}

// In all but the names.
bool is_alike(const Layout& a, const Layout& b) {
    const auto shape = [](const Layout& field) {
        return std::tie(field.kind, field.semantic, field.is_signed, field.big_endian, field.offset,
                        field.size, field.bit_offset, field.bit_size, field.count, field.stride);
    };
    return shape(a) == shape(b) && are_alike(a.fields, b.fields);
}

// Each bit for itself.
bool is_bit_set(const Layout& field) {
    return field.semantic == Semantic::tcp_flags || field.semantic == Semantic::flags ||
           field.semantic == Semantic::boolean || field.kind == Kind::boolean;
}

// What says who or where, and not how much: the same on every CPU that has seen it.
bool is_identity(const Layout& field) {
    if (field.semantic == Semantic::none)
        return field.kind == Kind::enumeration || field.kind == Kind::pointer;
    return !is_bit_set(field) && !is_time(field.semantic) && !is_duration(field.semantic);
}

bool is_bytes(const Layout& field) {
    return field.semantic == Semantic::text ||
           (field.semantic == Semantic::hex && !holds_number(field));
}

// All that is in it is.
bool is_all_identity(const Layout& field) {
    if (is_scalar(field))
        return is_identity(field) && !is_bytes(field);
    return std::all_of(field.fields.begin(), field.fields.end(), is_all_identity);
}

bool takes_one(MergeRule rule) {
    return rule == MergeRule::first || rule == MergeRule::last || rule == MergeRule::follows;
}

// A number of something: what stands for anything else has no sum.
bool is_amount(const Layout& field) {
    const bool number = field.kind == Kind::integer || field.kind == Kind::character;
    const bool plain = field.semantic == Semantic::none || field.semantic == Semantic::big_endian ||
                       field.semantic == Semantic::hex;
    return field.kind == Kind::real || (number && (plain || is_duration(field.semantic)));
}

} // namespace

MergeRule merge_rule(Merge merge) {
    switch (merge) {
    case Merge::sum:
        return MergeRule::sum;
    case Merge::max:
        return MergeRule::max;
    case Merge::min:
        return MergeRule::min;
    case Merge::first:
        return MergeRule::first;
    case Merge::last:
        return MergeRule::last;
    case Merge::bit_or:
        return MergeRule::bit_or;
    case Merge::leads:
        return MergeRule::leads;
    case Merge::follows:
        return MergeRule::follows;
    case Merge::none:
        break;
    }
    throw Error(ErrorKind::usage, "merge 'none' keeps the CPUs apart: there is nothing to merge");
}

MergeRule preset_rule(const Layout& field, MergeRule preset) {
    if (takes_one(preset))
        return preset;
    if (is_identity(field) || !holds_number(field))
        return MergeRule::first;
    if (is_bit_set(field))
        return MergeRule::bit_or;
    if (is_time(field.semantic) && preset == MergeRule::sum)
        return MergeRule::max;
    if (field.kind == Kind::real && preset == MergeRule::bit_or)
        return MergeRule::first;
    return preset;
}

bool preset_fits(MergeRule preset, const Layout& field) {
    if (takes_one(preset))
        return true;
    return field.kind == Kind::union_ && !is_scalar(field) ? is_all_identity(field)
                                                           : !is_bytes(field);
}

bool rule_fits(MergeRule rule, const Layout& field) {
    if (takes_one(rule))
        return true;
    if (rule == MergeRule::sum)
        return is_amount(field);
    const bool whole = rule == MergeRule::bit_or || rule == MergeRule::leads;
    return holds_number(field) && !(whole && field.kind == Kind::real);
}

bool has_one_semantic(const Layout& arms) {
    return !arms.fields.empty() &&
           std::all_of(arms.fields.begin(), arms.fields.end(),
                       [&](const Layout& arm) { return is_alike(arm, arms.fields.front()); });
}

namespace {

class ByteRules {
public:
    explicit ByteRules(const MergeFields& fields) : rules_(fields) {
        for (const auto& [path, merge] : fields)
            known_.emplace(without_brackets(path), merge);
    }

    // An element has the path of its array.
    void visit(const Layout& field, const std::string& path) {
        if (const auto known = known_.find(path); known != known_.end())
            if (takes_one(merge_rule(known->second)))
                return;
        const bool is_union = field.kind == Kind::union_ && !is_scalar(field);
        const bool fits = preset_fits(MergeRule::sum, field);
        if (is_union && !fits && !has_one_semantic(field)) {
            if (!has_rule_below(field, path))
                arms(field, path);
        } else if (is_scalar(field)) {
            if (!fits)
                take_first(path);
        } else {
            for (const Layout& member : field.fields)
                visit(member, below(path, member));
        }
    }

    MergeFields rules() && { return std::move(rules_); }

private:
    static std::string below(const std::string& path, const Layout& member) {
        return member.name.empty() ? path : path + '.' + member.name;
    }

    bool has_rule_below(const Layout& field, const std::string& path) const {
        return std::any_of(field.fields.begin(), field.fields.end(), [&](const Layout& member) {
            const std::string inner = below(path, member);
            if (member.name.empty())
                return has_rule_below(member, inner);
            return std::any_of(known_.begin(), known_.end(), [&](const auto& known) {
                std::string_view rest;
                return split_root(known.first, inner, rest);
            });
        });
    }

    void arms(const Layout& field, const std::string& path) {
        for (const Layout& arm : field.fields)
            if (arm.name.empty())
                arms(arm, path);
            else
                take_first(below(path, arm));
    }

    void take_first(const std::string& path) {
        if (known_.emplace(path, Merge::first).second)
            rules_.emplace(path, Merge::first);
    }

    MergeFields rules_;
    MergeFields known_; // by path without "[]"
};

} // namespace

MergeFields with_rules_for_bytes(const Layout& value, const MergeFields& fields) {
    ByteRules rules(fields);
    rules.visit(value, "value");
    return std::move(rules).rules();
}

Merge default_merge(const Layout& value, const MergeFields& fields) {
    return with_rules_for_bytes(value, fields).size() == fields.size() ? Merge::sum : Merge::none;
}

} // namespace dynmon
