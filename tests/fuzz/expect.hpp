// SPDX-License-Identifier: BSD-2-Clause
// What a fuzz target demands beyond not crashing.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace dynmon::fuzz {

// Ends the run with `what`, so that libFuzzer keeps the input.
inline void expect(bool holds, const char* what, std::string_view shown = {}) {
    if (holds)
        return;
    std::fprintf(stderr, "fuzz: broken property: %s\n%.*s\n", what,
                 static_cast<int>(shown.substr(0, 4000).size()), shown.data());
    std::abort();
}

} // namespace dynmon::fuzz
