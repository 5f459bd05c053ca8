// SPDX-License-Identifier: BSD-2-Clause
#include "serve/request.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdio>

#include "base/text.hpp"

namespace dynmon::serve {

namespace {

int hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

HttpError bad_target(const std::string& what, const std::string& field = "path") {
    return {400, "the request target " + what, field};
}

// Once: what comes out is never decoded again.
std::string decoded(std::string_view text, bool plus_is_space, const char* field) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (c == '%') {
            const int high = i + 1 < text.size() ? hex_digit(text[i + 1]) : -1;
            const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
            if (high < 0 || low < 0)
                throw bad_target("has a % without two hexadecimal digits", field);
            c = static_cast<char>(high * 16 + low);
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
            throw bad_target("has a control character", field);
        out += c;
    }
    if (!is_utf8(out))
        throw bad_target("is not UTF-8", field);
    return out;
}

std::vector<std::string> segments_of(std::string_view path) {
    std::vector<std::string> segments;
    while (!path.empty()) {
        const std::size_t end = std::min(path.find('/'), path.size());
        std::string segment = decoded(path.substr(0, end), false, "path");
        path.remove_prefix(std::min(end + 1, path.size()));
        if (segment.empty())
            continue;
        if (segment == "." || segment == "..")
            throw bad_target("has the segment '" + segment + "'");
        if (segment.find('/') != std::string::npos)
            throw bad_target("has an encoded '/' in a name");
        segments.push_back(std::move(segment));
    }
    return segments;
}

std::map<std::string, std::string> query_of(std::string_view text) {
    std::map<std::string, std::string> query;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('&'), text.size());
        const std::string_view pair = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (pair.empty())
            continue;
        const std::size_t equals = std::min(pair.find('='), pair.size());
        std::string name = decoded(pair.substr(0, equals), true, "query");
        std::string value = decoded(pair.substr(std::min(equals + 1, pair.size())), true, "query");
        if (!query.emplace(name, std::move(value)).second)
            throw bad_target("has the parameter '" + name + "' twice", name);
    }
    return query;
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
        text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t'))
        text.remove_suffix(1);
    return text;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
        return std::tolower(static_cast<unsigned char>(x)) ==
               std::tolower(static_cast<unsigned char>(y));
    });
}

// Calls `visit` with what stands between separators, trimmed.
template <typename Visit>
void for_each_part(std::string_view text, char separator, Visit&& visit) {
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(separator), text.size());
        visit(trimmed(text.substr(0, end)));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
}

// "0", "0.75", "1.000"; anything else is no quality and counts as 0.
double quality_value(std::string_view text) {
    double value = 0;
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
    return fault == std::errc() && end == text.data() + text.size() && value >= 0 && value <= 1
               ? value
               : 0;
}

struct MediaRange {
    std::string_view type;
    std::vector<std::string_view> parameters;
    double quality = 1;
};

MediaRange media_range(std::string_view text) {
    MediaRange range;
    bool first = true;
    for_each_part(text, ';', [&](std::string_view part) {
        if (first)
            range.type = part;
        else if (part.size() > 2 && (part[0] == 'q' || part[0] == 'Q') && part[1] == '=')
            range.quality = quality_value(part.substr(2));
        else if (!equal_ignoring_case(part.substr(0, 8), "charset="))
            range.parameters.push_back(part);
        first = false;
    });
    return range;
}

// How exactly `range` names the type: -1 not at all, 0 "*/*", 1 "text/*", 2 the type, 3 with its
// parameter.
int closeness(const MediaRange& range, std::string_view type, std::string_view parameter) {
    if (range.type == "*/*")
        return 0;
    const std::string_view major = type.substr(0, type.find('/') + 1);
    if (range.type.size() == major.size() + 1 && range.type.back() == '*' &&
        equal_ignoring_case(range.type.substr(0, major.size()), major))
        return 1;
    if (!equal_ignoring_case(range.type, type))
        return -1;
    if (range.parameters.empty())
        return 2;
    const bool named =
        std::any_of(range.parameters.begin(), range.parameters.end(),
                    [&](std::string_view each) { return equal_ignoring_case(each, parameter); });
    return named || parameter.empty() ? 3 : -1;
}

bool is_loopback_name(std::string_view host) {
    return equal_ignoring_case(host, "localhost") || host == "::1" ||
           (host.starts_with("127.") && std::all_of(host.begin(), host.end(), [](unsigned char c) {
                return std::isdigit(c) != 0 || c == '.';
            }));
}

} // namespace

std::string Target::path() const {
    std::string text;
    for (const std::string& segment : segments)
        text += '/' + segment;
    return text.empty() ? "/" : text;
}

std::string Target::parameter(const std::string& name) const {
    const auto found = query.find(name);
    return found == query.end() ? "" : found->second;
}

Target parse_target(std::string_view raw) {
    if (raw.size() > most_target)
        throw HttpError(
            414, "the request target is longer than " + std::to_string(most_target) + " bytes",
            "path");
    if (raw.empty() || raw.front() != '/')
        throw bad_target("does not begin with '/'");
    raw = raw.substr(0, raw.find('#'));
    const std::size_t mark = std::min(raw.find('?'), raw.size());
    return {.segments = segments_of(raw.substr(0, mark)),
            .query = query_of(raw.substr(std::min(mark + 1, raw.size())))};
}

std::string percent_encoded(std::string_view segment) {
    constexpr std::string_view plain = "-._~";
    std::string text;
    for (const char c : segment) {
        const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                              (c >= '0' && c <= '9') || plain.find(c) != std::string_view::npos;
        char code[4];
        std::snprintf(code, sizeof code, "%%%02X", static_cast<unsigned char>(c));
        text += is_plain ? std::string(1, c) : std::string(code);
    }
    return text;
}

std::optional<std::string> host_of(std::string_view header) {
    header = trimmed(header);
    std::string_view port;
    std::string_view host = header;
    if (header.starts_with('[')) {
        const std::size_t end = header.find(']');
        if (end == std::string_view::npos)
            return std::nullopt;
        host = header.substr(1, end - 1);
        port = header.substr(end + 1);
        if (!port.empty() && port.front() != ':')
            return std::nullopt;
    } else if (const std::size_t colon = header.find(':'); colon != std::string_view::npos) {
        host = header.substr(0, colon);
        port = header.substr(colon);
    }
    if (host.empty() || (!port.empty() && !std::all_of(port.begin() + 1, port.end(), [](char c) {
            return c >= '0' && c <= '9';
        })))
        return std::nullopt;
    return std::string(host);
}

bool is_foreign_host(std::string_view header, const std::vector<std::string>& names) {
    const std::optional<std::string> host = host_of(header);
    return !host || (!is_loopback_name(*host) &&
                     std::none_of(names.begin(), names.end(), [&](const std::string& name) {
                         return equal_ignoring_case(name, *host);
                     }));
}

double quality_of(std::string_view accept, std::string_view type, std::string_view parameter) {
    if (trimmed(accept).empty())
        return 1;
    int best = -1;
    double quality = 0;
    for_each_part(accept, ',', [&](std::string_view part) {
        const MediaRange range = media_range(part);
        const int close = closeness(range, type, parameter);
        if (close > best) {
            best = close;
            quality = range.quality;
        }
    });
    return quality;
}

bool matches_tag(std::string_view header, std::string_view tag) {
    const auto opaque = [](std::string_view text) {
        return text.starts_with("W/") ? text.substr(2) : text;
    };
    bool found = false;
    for_each_part(header, ',', [&](std::string_view part) {
        found = found || part == "*" || opaque(part) == opaque(tag);
    });
    return found;
}

std::string Request::header(const std::string& lower_case_name) const {
    const auto found = headers.find(lower_case_name);
    return found == headers.end() ? "" : found->second;
}

} // namespace dynmon::serve
