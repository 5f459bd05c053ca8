// SPDX-License-Identifier: BSD-2-Clause
// Places in files that people write, and what is to be said of them.
#pragma once

#include <string>
#include <string_view>

namespace dynmon {

// Lines and columns start at 1; 0 is "nowhere".
struct Position {
    int line = 0;
    int column = 0;
};

// One finding; `hint` may be empty.
struct Diagnostic {
    Position at;
    std::string message;
    std::string hint;
};

// "probe.yaml:3:5", or just the file when the place is not known.
std::string place_text(std::string_view file, const Position& at);

} // namespace dynmon
