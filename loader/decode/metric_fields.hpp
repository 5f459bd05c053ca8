// SPDX-License-Identifier: BSD-2-Clause
// What the fields of a map are good for in a metric, and how a message offers them.
#pragma once

#include <string>
#include <string_view>

#include "btf/layout.hpp"

namespace dynmon {

bool is_number(const Layout& field);  // can be added up and compared: neither an address nor a text
bool is_integer(const Layout& field); // a number without a fraction
std::string_view below_root(std::string_view path); // the part behind "key" or "value"
// "did you mean …?", or the fields of `layout`, whose paths begin with `root`; "" when they are too
// many.
std::string field_hint(const Layout& layout, std::string_view root, const std::string& path);

} // namespace dynmon
