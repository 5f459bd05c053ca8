// SPDX-License-Identifier: BSD-2-Clause
// From a path to its field, with loops for the arrays that it passes without an index.
#include "filter/field_ref.hpp"

#include <charconv>

#include "base/error.hpp"
#include "base/identifier.hpp"
#include "btf/layout.hpp"

namespace dynmon {

namespace {

using Kind = Layout::Kind;

bool is_group(const Layout& field) {
    return field.kind == Kind::structure || field.kind == Kind::union_;
}

class Walk {
public:
    explicit Walk(const Layout& root) : field_(&root) {}

    bool follow(std::string_view path) {
        for (bool first = true; !path.empty(); first = false)
            if (!(path.front() == '[' ? step_into(path) : step_to_member(path, first)))
                return false;
        return true;
    }

    // A plain array stands for every element.
    void enter_arrays() {
        while (!is_scalar(*field_) && field_->kind == Kind::array)
            enter();
    }

    const Layout& field() const { return *field_; }

    FieldRef result() const {
        FieldRef ref;
        ref.field = *field_;
        shift(ref.field, moved_);
        ref.loops = loops_;
        return ref;
    }

private:
    void enter() {
        loops_.push_back({field_->count, field_->stride});
        field_ = &field_->fields.front();
    }

    bool step_into(std::string_view& path) {
        const std::size_t close = path.find(']');
        if (field_->kind != Kind::array || close == std::string_view::npos)
            return false;
        const std::string_view text = path.substr(1, close - 1);
        path.remove_prefix(close + 1);
        if (text.empty() || text == "*") {
            enter();
            return true;
        }
        std::uint32_t index = 0;
        const char* end = text.data() + text.size();
        const auto [stop, fault] = std::from_chars(text.data(), end, index);
        if (fault != std::errc{} || stop != end || index >= field_->count)
            return false;
        moved_ += index * field_->stride;
        field_ = &field_->fields.front();
        return true;
    }

    bool step_to_member(std::string_view& path, bool first) {
        if (!first && path.front() != '.')
            return false;
        path.remove_prefix(first ? 0 : 1);
        const std::string_view name = path.substr(0, path.find_first_of(".["));
        path.remove_prefix(name.size());
        while (field_->kind == Kind::array)
            enter();
        field_ = is_group(*field_) ? find_member(*field_, name) : nullptr;
        return field_ != nullptr;
    }

    const Layout* field_;
    std::uint32_t moved_ = 0;
    std::vector<FieldRef::Loop> loops_;
};

constexpr std::size_t most_names = 1000; // that are offered or compared

// Paths with the arrays folded: a large one has more elements than a message should offer.
void collect_names(const Layout& field, const std::string& path, std::vector<std::string>& names) {
    if (names.size() >= most_names)
        return;
    if (is_scalar(field)) {
        names.push_back(path);
        return;
    }
    for (const Layout& inner : field.fields)
        collect_names(inner,
                      inner.name.empty() ? path
                      : path.empty()     ? inner.name
                                         : path + '.' + inner.name,
                      names);
}

std::string list_of(const std::vector<std::string>& names) {
    constexpr std::size_t most_listed = 16;
    std::string list;
    for (std::size_t i = 0; i < names.size() && i < most_listed; ++i)
        list += (i > 0 ? ", " : "") + names[i];
    return names.size() > most_listed ? list + ", …" : list;
}

[[noreturn]] void throw_unknown(const EntryTypes& types, std::string_view path) {
    std::vector<std::string> full;
    if (types.key)
        collect_names(*types.key, "key", full);
    collect_names(*types.value, "value", full);
    std::vector<std::string> known = full;
    for (const std::string& name : full)
        if (const std::size_t dot = name.find('.'); dot != std::string::npos)
            known.push_back(name.substr(dot + 1));
    const std::string nearest = nearest_name(path, known);
    throw Error(ErrorKind::usage, "no field '" + std::string(path) + "'")
        .hint(nearest.empty() || nearest == path ? "the fields are " + list_of(full)
                                                 : "did you mean '" + nearest + "'?");
}

bool leads_somewhere(const Layout* root, std::string_view path) {
    return root != nullptr && Walk(*root).follow(path);
}

} // namespace

std::string FieldPlace::full() const {
    return join_path(in_key ? "key" : "value", path);
}

FieldPlace locate_field(const EntryTypes& types, std::string_view path) {
    std::string_view rest;
    if (types.key && split_root(path, "key", rest) && leads_somewhere(types.key, rest))
        return {true, std::string(rest)};
    if (split_root(path, "value", rest) && leads_somewhere(types.value, rest))
        return {false, std::string(rest)};
    const bool bare = !path.empty() && path.front() != '[';
    const bool in_key = bare && leads_somewhere(types.key, path);
    const bool in_value = bare && leads_somewhere(types.value, path);
    if (in_key && in_value)
        throw Error(ErrorKind::usage, "both key and value have a field '" + std::string(path) + "'")
            .hint("write key." + std::string(path) + " or value." + std::string(path));
    if (!in_key && !in_value)
        throw_unknown(types, path);
    return {in_key, std::string(path)};
}

FieldRef resolve_field(const EntryTypes& types, std::string_view path) {
    const FieldPlace place = locate_field(types, path);
    Walk walk(place.in_key ? *types.key : *types.value);
    walk.follow(place.path);
    walk.enter_arrays();
    if (!is_scalar(walk.field())) {
        std::vector<std::string> names;
        collect_names(walk.field(), place.full(), names);
        throw Error(ErrorKind::usage, "'" + std::string(path) + "' is not one field but several")
            .hint(names.empty() ? "it is empty" : "name one: " + list_of(names));
    }
    FieldRef ref = walk.result();
    ref.in_key = place.in_key;
    ref.path = place.full();
    return ref;
}

} // namespace dynmon
