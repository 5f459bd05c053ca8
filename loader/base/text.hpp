// SPDX-License-Identifier: BSD-2-Clause
// Texts for people: numbers with what they count, UTF-8, what a terminal may be given, times.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace dynmon {

inline std::string counted(std::uint64_t number, const char* what) {
    return std::to_string(number) + ' ' + what + (number == 1 ? "" : "s");
}

std::string lower_case(std::string text); // letters of ASCII
std::string replace_all(std::string text, std::string_view what, std::string_view by);

// UTF-8: which bytes are a character.

// Bytes of the character at the start of `text`: 1 to 4, or 0 when there is none, it is cut off,
// overlong, a surrogate or beyond U+10FFFF.
std::size_t utf8_length(std::string_view text);
bool is_utf8(std::string_view text);

// Text that others chose (interfaces, ELF, manifests, paths, packets, the verifier), as a terminal
// may be given it.

// `text` with everything escaped that a terminal obeys or that hides what stands there: control
// characters as \x1b, those of two bytes (U+0080 to U+009F) and what changes the direction or the
// line of a text (Unicode's bidirectional controls, U+2028, U+2029) as \u{202e}, and bytes that are
// no UTF-8 as \xff. Newline and tab stay.
std::string printable(std::string_view text);

// The same with newline and tab escaped too, and cut after `most` bytes, where "…" is put.
std::string printable_line(std::string_view text, std::size_t most = std::string::npos);

// A message of several lines: all but the first are indented, so that none can pass for a message
// of its own. A line longer than 4096 bytes is cut.
std::string printable_message(std::string_view text);

// `text`, with what `escape(character, out)` appends for each character that is unprintable and for
// each byte that is no UTF-8.
template <typename Escape>
std::string escape_unprintable(std::string_view text, Escape escape);

// `character`: one whole character in UTF-8. Its number, and whether `printable` escapes it.
std::uint32_t code_point(std::string_view character);
bool is_unprintable(std::string_view character);

template <typename Escape>
std::string escape_unprintable(std::string_view text, Escape escape) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const std::size_t length = utf8_length(text);
        const std::string_view character = text.substr(0, std::max<std::size_t>(length, 1));
        if (length == 0 || is_unprintable(character))
            escape(character, out);
        else
            out += character;
        text.remove_prefix(character.size());
    }
    return out;
}

// Times as messages and JSON have them.

std::string iso_time(std::uint64_t epoch_ns); // "2026-11-21T01:02:03Z"

} // namespace dynmon
