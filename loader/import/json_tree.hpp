// SPDX-License-Identifier: BSD-2-Clause
// JSON as a tree whose nodes know where they stand (manifest/document.hpp reads YAML, which takes
// more than JSON and says other things of a fault).
#pragma once

#include <string>
#include <string_view>

#include "manifest/document.hpp"

namespace dynmon {

// Throws Error{usage} "FILE:LINE:COL: …" for what is no JSON, is larger than `most` bytes or too
// deep, or has a key twice. Columns count characters. Pure.
Node parse_json_tree(std::string_view text, std::string_view file, std::size_t most);

// Error{usage} for a place in a file.
[[noreturn]] void throw_fault(std::string_view file, Position at, const std::string& message,
                              const std::string& hint = "");

// The offset of a place in a text, and back.
std::size_t offset_of(std::string_view text, Position at);
Position place_of(std::string_view text, std::size_t offset);

} // namespace dynmon
