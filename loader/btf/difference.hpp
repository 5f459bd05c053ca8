// SPDX-License-Identifier: BSD-2-Clause
// Do two layouts describe the same bytes with the same names? What lets a map outlive its probe.
#pragma once

#include <string>

#include "btf/layout.hpp"

namespace dynmon {

// "" when equal, else a sentence with the path of the first field that differs. Pure.
std::string layout_difference(const Layout& before, const Layout& after, const std::string& path);

} // namespace dynmon
