// SPDX-License-Identifier: BSD-2-Clause
// What nlohmann's dump() leaves to be done: never throws, and prints nothing that a terminal obeys.
#include "base/json_text.hpp"

#include <cstdint>
#include <cstdio>
#include <string_view>

#include <nlohmann/json.hpp>

#include "base/text.hpp"

namespace dynmon {

namespace {

constexpr const char* hex_key = "hex";

// dump() escapes control characters below U+0020 itself. All others are in the first plane, of
// which one \u escape is enough.
void append_json_escape(std::string_view character, std::string& out) {
    char text[8];
    std::snprintf(text, sizeof text, "\\u%04x", static_cast<unsigned>(code_point(character)));
    out += text;
}

template <typename Json>
std::string text_of(const Json& document) {
    return escape_unprintable(document.dump(-1, ' ', false, Json::error_handler_t::replace),
                              append_json_escape);
}

std::string to_hex(const std::string& bytes) {
    std::string hex;
    for (const char byte : bytes) {
        char digits[3];
        std::snprintf(digits, sizeof digits, "%02x",
                      static_cast<unsigned>(static_cast<std::uint8_t>(byte)));
        hex += digits;
    }
    return hex;
}

bool is_hex(const std::string& text) {
    return text.size() % 2 == 0 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

std::string from_hex(const std::string& hex) {
    std::string bytes;
    for (std::size_t i = 0; i < hex.size(); i += 2)
        bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
    return bytes;
}

} // namespace

std::string json_text(const nlohmann::ordered_json& document) {
    return text_of(document);
}

std::string json_text(const nlohmann::json& document) {
    return text_of(document);
}

void bytes_to_hex(nlohmann::json& document) {
    if (document.is_structured())
        for (auto& child : document)
            bytes_to_hex(child);
    else if (document.is_string() && !is_utf8(document.get_ref<const std::string&>()))
        document = {{hex_key, to_hex(document.get_ref<const std::string&>())}};
}

void hex_to_bytes(nlohmann::json& document) {
    if (!document.is_structured())
        return;
    const auto hex =
        document.is_object() && document.size() == 1 ? document.find(hex_key) : document.end();
    if (hex != document.end() && hex->is_string() && is_hex(hex->get_ref<const std::string&>()))
        document = from_hex(hex->get<std::string>());
    else
        for (auto& child : document)
            hex_to_bytes(child);
}

} // namespace dynmon
