// What nlohmann's dump() leaves to be done: never throws, and prints nothing that a terminal obeys.
#include "base/json_text.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <string_view>

#include "base/printable.hpp"
#include "base/utf8.hpp"

namespace dynmon {

namespace {

constexpr const char* hex_key = "hex";

// dump() escapes control characters below U+0020 itself. All others are in the first plane, of
// which one \u escape is enough.
std::string escape_unprintable(const std::string& text) {
    std::string out;
    out.reserve(text.size());
    for (std::string_view left = text; !left.empty();) {
        const std::string_view character =
            left.substr(0, std::max<std::size_t>(utf8_length(left), 1));
        left.remove_prefix(character.size());
        if (!is_unprintable(character)) {
            out += character;
            continue;
        }
        char escape[8];
        std::snprintf(escape, sizeof escape, "\\u%04x",
                      static_cast<unsigned>(code_point(character)));
        out += escape;
    }
    return out;
}

template <typename Json>
std::string text_of(const Json& document) {
    return escape_unprintable(document.dump(-1, ' ', false, Json::error_handler_t::replace));
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

nlohmann::json bytes_as_hex(const nlohmann::json& document) {
    if (document.is_string() && !is_utf8(document.get_ref<const std::string&>()))
        return {{hex_key, to_hex(document.get_ref<const std::string&>())}};
    nlohmann::json copy = document;
    if (document.is_structured())
        for (auto& child : copy)
            child = bytes_as_hex(child);
    return copy;
}

nlohmann::json bytes_from_hex(const nlohmann::json& document) {
    if (document.is_object() && document.size() == 1 && document.contains(hex_key) &&
        document[hex_key].is_string() && is_hex(document[hex_key].get_ref<const std::string&>()))
        return from_hex(document[hex_key].get_ref<const std::string&>());
    nlohmann::json copy = document;
    if (document.is_structured())
        for (auto& child : copy)
            child = bytes_from_hex(child);
    return copy;
}

} // namespace dynmon
