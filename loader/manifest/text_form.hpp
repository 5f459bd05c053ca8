// SPDX-License-Identifier: BSD-2-Clause
// What text may be before a parser sees it: bounded, UTF-8, free of control characters.
#pragma once

#include <optional>
#include <string_view>

#include "manifest/manifest.hpp"

namespace dynmon {

// Line and column (in characters) of the byte at `offset`.
Position position_of(std::string_view text, std::size_t offset);

// The first fault of a document's form: size, NUL, control character, encoding, tab as indentation.
std::optional<Diagnostic> find_form_fault(std::string_view text);

// A scalar's text: valid UTF-8 without control characters other than newline and tab.
bool is_clean_text(std::string_view text);

} // namespace dynmon
