// SPDX-License-Identifier: BSD-2-Clause
// JSON documents as text: the one place that prints them.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

namespace dynmon {

// On one line. Bytes that are no UTF-8 become U+FFFD, and what a terminal would obey
// (printable.hpp) \u escapes, which a parser reads as the same text.
std::string json_text(const nlohmann::ordered_json& document);
std::string json_text(const nlohmann::json& document);

// Makes every text that is no UTF-8 {"hex": "…"}, and back: JSON has no bytes.
void bytes_to_hex(nlohmann::json& document);
void hex_to_bytes(nlohmann::json& document);

} // namespace dynmon
