// SPDX-License-Identifier: BSD-2-Clause
// Field paths as a manifest writes them: "value.addrs[].x" and "value.addrs.x" are the same field.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "btf/layout.hpp"

namespace dynmon {

// Without the "[]" that says "every element"; numbered indices stay.
std::string without_brackets(std::string_view path);

// "key.proto" with root "key" → "proto"; "key" → "". False: the path starts with something else.
bool split_root(std::string_view path, std::string_view root, std::string_view& rest);

// The reverse: "key" and "addrs[0]" → "key.addrs[0]", "key" and "[0]" → "key[0]".
std::string join_path(std::string_view root, std::string_view path);

// Calls `visit` for each field that prints as one value, arrays unfolded: its path relative to
// `root`, the field, and how many bytes to add to its offset. Throws Error{usage} when there are
// more than limits::layout_nodes.
using LeafVisitor =
    std::function<void(const std::string& path, const Layout& leaf, std::uint32_t moved)>;
void for_each_leaf(const Layout& root, const LeafVisitor& visit);

// The member `name` of a struct or union, also of one within an anonymous member; nullptr if there
// is none.
const Layout* find_member(const Layout& group, std::string_view name);

// Sets version_at of the addresses in `group` and its anonymous members: the version of `saddr` is
// in the integer `saddr_version` of the same struct, or else in `ip_version`.
void link_versions(Layout& group);

// `field` and everything below moved by `bytes`.
void shift(Layout& field, std::uint32_t bytes);

} // namespace dynmon
