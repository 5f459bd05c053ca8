// SPDX-License-Identifier: BSD-2-Clause
#include "decode/metric_fields.hpp"

#include <algorithm>
#include <vector>

#include "base/identifier.hpp"
#include "decode/decode_plan.hpp"

namespace dynmon {

namespace {

constexpr std::size_t most_offered = 10'000;

// Without making the paths, which for a large array are as many as the layout may have.
std::size_t count_leaves(const Layout& field) {
    if (is_scalar(field))
        return 1;
    std::size_t count = 0;
    for (const Layout& inner : field.fields)
        count += count_leaves(inner);
    return field.kind == Layout::Kind::array ? count * field.count : count;
}

} // namespace

bool is_number(const Layout& field) {
    switch (field.semantic) {
    case Semantic::ipv4:
    case Semantic::ipv6:
    case Semantic::ip:
    case Semantic::mac:
    case Semantic::text:
        return false;
    default:
        return holds_number(field) && field.size <= 8;
    }
}

bool is_integer(const Layout& field) {
    return is_number(field) && field.kind != Layout::Kind::real;
}

std::string_view below_root(std::string_view path) {
    path.remove_prefix(std::min(path.find_first_of(".["), path.size()));
    return path.starts_with('.') ? path.substr(1) : path;
}

std::string field_hint(const Layout& layout, std::string_view root, const std::string& path) {
    std::vector<std::string> known;
    if (count_leaves(layout) > most_offered)
        return "";
    for (const std::string& leaf : leaf_paths(layout))
        known.push_back(std::string(root) + (leaf.empty() || leaf[0] == '[' ? "" : ".") + leaf);
    const std::string near = nearest_name(path, known);
    if (!near.empty())
        return "did you mean '" + near + "'?";
    std::string list;
    for (std::size_t i = 0; i < std::min<std::size_t>(known.size(), 10); ++i)
        list += (i > 0 ? ", " : "") + known[i];
    return known.empty() ? "it has no fields"
                         : "its fields are " + list + (known.size() > 10 ? ", …" : "");
}

} // namespace dynmon
