// SPDX-License-Identifier: BSD-2-Clause
// UTF-8: which bytes are a character.
#pragma once

#include <cstddef>
#include <string_view>

namespace dynmon {

// Bytes of the character at the start of `text`: 1 to 4, or 0 when there is none, it is cut off,
// overlong, a surrogate or beyond U+10FFFF.
std::size_t utf8_length(std::string_view text);
bool is_utf8(std::string_view text);

} // namespace dynmon
