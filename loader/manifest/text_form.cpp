// SPDX-License-Identifier: BSD-2-Clause
#include "manifest/text_form.hpp"

#include <algorithm>
#include <string>

#include "base/limits.hpp"
#include "base/text.hpp"

namespace dynmon {

namespace {

bool is_continuation(char c) {
    return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

bool is_control(unsigned char c) {
    return c < 0x20 || c == 0x7f;
}

// A document whose first character opens a brace or bracket: tabs between tokens are harmless
// there.
bool is_flow(std::string_view text) {
    const std::size_t first = text.find_first_not_of(" \t\r\n");
    return first != std::string_view::npos && (text[first] == '{' || text[first] == '[');
}

std::optional<std::size_t> find_tab_indentation(std::string_view text) {
    for (std::size_t line = 0; line < text.size();) {
        const std::size_t end = std::min(text.find('\n', line), text.size());
        const std::string_view content = text.substr(line, end - line);
        const std::size_t first = content.find_first_not_of(" \t\r");
        const std::size_t tab = content.find('\t');
        if (first != std::string_view::npos && tab < first)
            return line + tab;
        line = end + 1;
    }
    return std::nullopt;
}

std::string control_name(unsigned char c) {
    if (c == 0)
        return "NUL byte";
    constexpr char digits[] = "0123456789abcdef";
    return std::string("control character 0x") + digits[c >> 4] + digits[c & 15];
}

} // namespace

Position position_of(std::string_view text, std::size_t offset) {
    const std::string_view before = text.substr(0, offset);
    const std::size_t newline = before.rfind('\n');
    const std::string_view line =
        newline == std::string_view::npos ? before : before.substr(newline + 1);
    const auto lines = std::count(before.begin(), before.end(), '\n');
    const auto inner = std::count_if(line.begin(), line.end(), is_continuation);
    return {static_cast<int>(lines) + 1, static_cast<int>(line.size() - inner) + 1};
}

std::optional<Diagnostic> find_form_fault(std::string_view text) {
    if (text.size() > limits::manifest_bytes)
        return Diagnostic{{1, 1},
                          "the manifest has " + std::to_string(text.size()) + " bytes; at most " +
                              std::to_string(limits::manifest_bytes) + " are read",
                          ""};
    for (std::size_t i = 0; i < text.size();) {
        const auto c = static_cast<unsigned char>(text[i]);
        if (is_control(c) && c != '\n' && c != '\r' && c != '\t')
            return Diagnostic{position_of(text, i), control_name(c), "the manifest is plain text"};
        const std::size_t length = utf8_length(text.substr(i));
        if (length == 0)
            return Diagnostic{position_of(text, i), "not valid UTF-8", "save the file as UTF-8"};
        i += length;
    }
    if (const auto tab = is_flow(text) ? std::nullopt : find_tab_indentation(text))
        return Diagnostic{position_of(text, *tab), "tab in the indentation", "indent with spaces"};
    return std::nullopt;
}

bool is_clean_text(std::string_view text) {
    for (std::size_t i = 0; i < text.size();) {
        const auto c = static_cast<unsigned char>(text[i]);
        const std::size_t length = utf8_length(text.substr(i));
        if (length == 0 || (is_control(c) && c != '\n' && c != '\t'))
            return false;
        i += length;
    }
    return true;
}

} // namespace dynmon
