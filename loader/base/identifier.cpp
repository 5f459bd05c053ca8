// SPDX-License-Identifier: BSD-2-Clause
#include "base/identifier.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace dynmon {

namespace {

constexpr std::size_t longest_identifier = 63;
constexpr std::string_view staging_prefix = "__stage_";

bool is_identifier_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j)
        row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
        }
    }
    return row[b.size()];
}

} // namespace

bool is_identifier(std::string_view text) {
    return !text.empty() && text.size() <= longest_identifier && text.front() != '-' &&
           !text.starts_with(staging_prefix) &&
           std::all_of(text.begin(), text.end(), is_identifier_char);
}

const std::string& require_identifier(const std::string& text, std::string_view what) {
    if (!is_identifier(text))
        throw Error(ErrorKind::usage, std::string(what) + " '" + text + "' is not a valid name")
            .hint("a name has 1 to 63 of the characters A-Z a-z 0-9 _ - and does not start with - "
                  "or __stage_");
    return text;
}

std::string nearest_name(std::string_view text, const std::vector<std::string>& candidates) {
    std::string best;
    // A third of the letters, or two that changed places, but not all of them.
    std::size_t best_distance = std::max<std::size_t>(2, text.size() / 3) + 1;
    for (const std::string& candidate : candidates) {
        const std::size_t distance = edit_distance(text, candidate);
        if (distance < best_distance && distance < text.size() && distance < candidate.size()) {
            best_distance = distance;
            best = candidate;
        }
    }
    return best;
}

} // namespace dynmon
