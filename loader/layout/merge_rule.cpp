// The table of what merges how, by kind and meaning of the field.
#include "layout/merge_rule.hpp"

#include <algorithm>
#include <tuple>

#include "base/error.hpp"
#include "layout/decode_plan.hpp"
#include "layout/meaning.hpp"

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
        return std::tie(field.kind, field.meaning, field.is_signed, field.big_endian, field.offset,
                        field.size, field.bit_offset, field.bit_size, field.count, field.stride);
    };
    return shape(a) == shape(b) && are_alike(a.fields, b.fields);
}

// Each bit for itself.
bool is_bit_set(const Layout& field) {
    return field.meaning == Meaning::tcp_flags || field.meaning == Meaning::flags ||
           field.meaning == Meaning::boolean || field.kind == Kind::boolean;
}

// What says who or where, and not how much: the same on every CPU that has seen it.
bool is_identity(const Layout& field) {
    if (field.meaning == Meaning::none)
        return field.kind == Kind::enumeration || field.kind == Kind::pointer;
    return !is_bit_set(field) && !is_time(field.meaning) && !is_duration(field.meaning);
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
    if (preset == MergeRule::first || preset == MergeRule::last || preset == MergeRule::follows)
        return preset;
    if (is_identity(field) || !holds_number(field))
        return MergeRule::first;
    if (is_bit_set(field))
        return MergeRule::bit_or;
    if (is_time(field.meaning) && preset == MergeRule::sum)
        return MergeRule::max;
    if (field.kind == Kind::real && preset == MergeRule::bit_or)
        return MergeRule::first;
    return preset;
}

bool rule_fits(MergeRule rule, const Layout& field) {
    if (rule == MergeRule::first || rule == MergeRule::last || rule == MergeRule::follows)
        return true;
    const bool whole = rule == MergeRule::bit_or || rule == MergeRule::leads;
    return holds_number(field) && !(whole && field.kind == Kind::real);
}

bool has_one_meaning(const Layout& arms) {
    return !arms.fields.empty() &&
           std::all_of(arms.fields.begin(), arms.fields.end(),
                       [&](const Layout& arm) { return is_alike(arm, arms.fields.front()); });
}

} // namespace dynmon
