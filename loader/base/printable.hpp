// Text that others chose (interfaces, ELF, manifests, paths, packets, the verifier), as a terminal
// may be given it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace dynmon {

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

// Of one whole character in UTF-8: its number, and whether `printable` escapes it.
std::uint32_t code_point(std::string_view character);
bool is_unprintable(std::string_view character);

} // namespace dynmon
