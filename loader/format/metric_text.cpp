// SPDX-License-Identifier: BSD-2-Clause
// Cleaning of names, escaping of label values and help.
#include "format/metric_text.hpp"

#include "decode/spelling.hpp"

namespace dynmon {

namespace {

bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

std::string clean(std::string_view text, bool colon) {
    std::string name;
    if (text.empty() || (text.front() >= '0' && text.front() <= '9'))
        name += '_';
    for (const char c : text)
        name += is_letter(c) || (c >= '0' && c <= '9') || (colon && c == ':') ? c : '_';
    return name;
}

std::string valid_text(std::string_view text) {
    std::string valid;
    spell(text, false, [&](std::string_view piece) { valid.append(piece); });
    return valid;
}

} // namespace

std::string metric_name(std::string_view text) {
    return clean(text, true);
}
std::string label_name(std::string_view text) {
    return clean(text, false);
}

void append_label(std::string_view name, std::string_view value, std::string& out) {
    out.append(name).append("=\"");
    for (const char c : valid_text(value)) {
        if (c == '\n')
            out += "\\n";
        else if (c == '\\' || c == '"')
            out.append("\\").append(1, c);
        else
            out += c;
    }
    out += '"';
}

void append_help(std::string_view text, std::string& out) {
    for (const char c : valid_text(text)) {
        if (c == '\n')
            out += "\\n";
        else if (c == '\\')
            out += "\\\\";
        else
            out += c == '"' ? '\'' : c;
    }
}

} // namespace dynmon
