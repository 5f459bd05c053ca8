// SPDX-License-Identifier: BSD-2-Clause
#include "filter/projection.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/error.hpp"
#include "btf/layout.hpp"

namespace dynmon {

namespace {

using Paths = std::vector<std::string>;

bool is_index(std::string_view path) { // "[2]…" and not "[]…" or "[*]…"
    return path.starts_with('[') && path.size() > 1 && path[1] >= '0' && path[1] <= '9';
}

// Length of "name", "name[2]" or "[2][3]" at the start of `path`.
std::size_t head_length(std::string_view path) {
    std::size_t length = std::min(path.find_first_of(".["), path.size());
    while (is_index(path.substr(length)))
        length = path.find(']', length) + 1;
    return length;
}

std::string rest_behind(const std::string& path, std::size_t length) {
    return path.substr(length + (length < path.size() && path[length] == '.' ? 1 : 0));
}

Layout select(const Layout& field, const Paths& paths);

// The members that `paths` begin with, each once, in the order in which they come.
Layout select_members(const Layout& group, const Paths& paths) {
    std::vector<std::pair<std::string, Paths>> heads;
    for (const std::string& path : paths) {
        const std::size_t length = head_length(path);
        const std::string head = path.substr(0, length);
        auto known = std::find_if(heads.begin(), heads.end(),
                                  [&](const auto& entry) { return entry.first == head; });
        if (known == heads.end())
            known = heads.insert(known, {head, {}});
        known->second.push_back(rest_behind(path, length));
    }
    Layout selected = group;
    selected.semantic = Semantic::none;
    selected.fields.clear();
    if (group.kind == Layout::Kind::array) // elements of it, as members of a struct
        selected.kind = Layout::Kind::structure;
    for (const auto& [head, rests] : heads) {
        Layout member = select(*find_field(group, head), rests);
        member.name = head;
        selected.fields.push_back(std::move(member));
    }
    return selected;
}

// `paths` are known to lead somewhere.
Layout select(const Layout& field, const Paths& paths) {
    if (std::find(paths.begin(), paths.end(), "") != paths.end())
        return field;
    if (field.kind != Layout::Kind::array || std::any_of(paths.begin(), paths.end(), is_index))
        return select_members(field, paths);
    Paths of_element;
    for (const std::string& path : paths)
        of_element.push_back(path.starts_with('[') ? rest_behind(path, path.find(']') + 1) : path);
    Layout selected = field;
    selected.fields.front() = select(field.fields.front(), of_element);
    return selected;
}

} // namespace

Projection project(const EntryTypes& types, const std::vector<std::string>& columns) {
    Paths of_key;
    Paths of_value;
    for (const std::string& column : columns) {
        FieldPlace place = locate_field(types, column);
        (place.in_key ? of_key : of_value).push_back(std::move(place.path));
    }
    Projection result;
    if (!of_key.empty())
        result.key = select(*types.key, of_key);
    if (!of_value.empty()) {
        result.value = select(*types.value, of_value);
    } else {
        result.value.kind = Layout::Kind::structure;
        result.value.size = types.value->size;
    }
    return result;
}

EntryOrder::EntryOrder(const std::vector<std::string>& columns, const EntryTypes& types,
                       std::size_t cpus, std::size_t cpu_stride)
    : cpus_(cpus), cpu_stride_(cpu_stride) {
    for (const std::string& column : columns) {
        const bool descending = column.starts_with('-');
        const FieldRef ref = resolve_field(types, column.substr(descending ? 1 : 0));
        if (!ref.loops.empty())
            throw Error(ErrorKind::usage, "'" + ref.path + "' is an array")
                .hint("name one element: " + ref.path + "[0]");
        if (value_class(ref.field) == ValueClass::opaque)
            throw Error(ErrorKind::usage,
                        "'" + ref.path + "' cannot be seen from outside the kernel");
        terms_.push_back({ref.in_key, descending, FieldValue(ref.field)});
    }
}

int EntryOrder::compare(const std::byte* key_a, const std::byte* value_a, const std::byte* key_b,
                        const std::byte* value_b) const {
    for (const Term& term : terms_) {
        const int order = term.in_key
                              ? term.compare(key_a, key_b)
                              : term.compare(first_cpu(term, value_a), first_cpu(term, value_b));
        if (order != 0)
            return order;
    }
    return 0;
}

const std::byte* EntryOrder::first_cpu(const Term& term, const std::byte* copies) const {
    const std::byte* first = copies;
    for (std::size_t cpu = 1; cpu < cpus_; ++cpu) {
        const std::byte* copy = copies + cpu * cpu_stride_;
        if (term.compare(copy, first) < 0)
            first = copy;
    }
    return first;
}

} // namespace dynmon
