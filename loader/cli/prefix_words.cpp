// SPDX-License-Identifier: BSD-2-Clause
#include "cli/prefix_words.hpp"

#include <sstream>

#include "base/error.hpp"

namespace dynmon {

namespace {

constexpr std::size_t most_words = 1u << 20; // of one command
constexpr std::size_t longest_line = 4096;

std::string trimmed(const std::string& text) {
    const std::size_t first = text.find_first_not_of(" \t\r");
    if (first == std::string::npos)
        return "";
    return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

void add_words(const std::string& line, std::vector<Word>& found) {
    const std::size_t comment = line.find('#');
    const std::string reason =
        comment == std::string::npos ? "" : trimmed(line.substr(comment + 1));
    std::istringstream words(line.substr(0, comment));
    for (std::string word; words >> word;)
        found.push_back({word, reason});
}

} // namespace

void read_words(std::istream& lines, std::vector<Word>& found) {
    std::vector<char> line(longest_line + 1);
    for (std::size_t number = 1;; ++number) {
        lines.getline(line.data(), static_cast<std::streamsize>(line.size()));
        if (lines.fail() && !lines.eof())
            throw Error(ErrorKind::usage, "standard input, line " + std::to_string(number) +
                                              ": longer than " + std::to_string(longest_line) +
                                              " bytes");
        add_words(line.data(), found);
        if (found.size() > most_words)
            throw Error(ErrorKind::usage,
                        "standard input has more than " + std::to_string(most_words) + " prefixes")
                .hint("add the rest with another command");
        if (lines.eof())
            return;
    }
}

} // namespace dynmon
