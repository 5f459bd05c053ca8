// SPDX-License-Identifier: BSD-2-Clause
#include "base/position.hpp"

namespace dynmon {

std::string place_text(std::string_view file, const Position& at) {
    std::string text(file);
    if (at.line != 0)
        text += ":" + std::to_string(at.line) + ":" + std::to_string(at.column);
    return text;
}

} // namespace dynmon
