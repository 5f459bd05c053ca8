// SPDX-License-Identifier: BSD-2-Clause
// Bytes as text and as JSON strings: what stands for itself, what is escaped, what is replaced.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

#include "base/utf8.hpp"

namespace dynmon {

// Length of the run at the start of `text` that needs no look at its bytes: plain ASCII, and for
// `json` without quotes, backslashes and control characters.
std::size_t plain_length(std::string_view text, bool json);
std::string_view json_escape(char c); // of a quote, backslash or control character

// Gives `put` the pieces of `text` in order, invalid bytes as U+FFFD, escaped for JSON or not.
template <typename Put>
void spell(std::string_view text, bool json, Put&& put) {
    while (!text.empty()) {
        std::size_t taken = plain_length(text, json);
        const bool ascii = static_cast<unsigned char>(text.front()) < 0x80;
        if (taken == 0 && !ascii)
            taken = utf8_length(text);
        if (taken != 0)
            put(text.substr(0, taken));
        else
            put(ascii ? json_escape(text.front()) : std::string_view("\xef\xbf\xbd"));
        text.remove_prefix(std::max<std::size_t>(taken, 1));
    }
}

// `text` as a JSON string with its quotes.
void append_json_string(std::string_view text, std::string& out);

} // namespace dynmon
