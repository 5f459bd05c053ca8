// SPDX-License-Identifier: BSD-2-Clause
// The reverse of --raw: bare JSON of a value back to its bytes.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "btf/layout.hpp"

namespace dynmon::test {

struct Reversed {
    std::vector<std::byte> bytes; // of the value; zero where the text says nothing
    std::vector<std::byte> said;  // a bit for each that the text says
};

// `text` is what JsonPlan makes of a value in Style::raw. Throws std::runtime_error when it is not.
Reversed reverse(const Layout& layout, std::string_view text);

} // namespace dynmon::test
