// SPDX-License-Identifier: BSD-2-Clause
// What every document of a format must be, whatever the entries: read by parsers of our own.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "decode/text.hpp"
#include "fuzz/expect.hpp"

namespace dynmon::fuzz {

inline void check_json_document(const std::string& text) {
    expect(nlohmann::json::accept(text), "no JSON", text);
}

// One document a line; how many.
inline std::size_t check_json_lines(const std::string& text) {
    std::size_t lines = 0;
    std::string_view left = text;
    for (; !left.empty(); ++lines) {
        const std::size_t end = left.find('\n');
        expect(end != std::string_view::npos, "the last line has no end", text);
        expect(nlohmann::json::accept(left.substr(0, end)), "a line that is no JSON", text);
        left.remove_prefix(end + 1);
    }
    return lines;
}

// RFC 4180: takes one record off the front and returns its number of cells; 0: an empty line.
inline std::size_t take_record(std::string_view& left) {
    std::size_t cells = 1;
    bool quoted = false;
    for (std::size_t i = 0; i < left.size(); ++i) {
        const char c = left[i];
        if (c == '"') {
            quoted = !quoted; // a doubled one does it twice
        } else if (!quoted && c == ',') {
            ++cells;
        } else if (!quoted && c == '\r') {
            expect(left.substr(i, 2) == "\r\n", "a bare carriage return in CSV", left);
            left.remove_prefix(i + 2);
            return i == 0 ? 0 : cells;
        } else {
            expect(quoted || c != '\n', "a bare newline in CSV", left);
        }
    }
    expect(false, "CSV does not end with its line", left);
    return 0;
}

// Every row of a table has the cells of its header. How many rows there are without the headers.
inline std::size_t check_csv_document(const std::string& text) {
    expect(is_utf8(text), "no UTF-8", text);
    std::string_view left = text;
    std::size_t header = 0;
    std::size_t rows = 0;
    while (!left.empty()) {
        const std::size_t cells = take_record(left);
        if (header != 0 && cells != 0) {
            expect(cells == header, "a row with other cells than its header", text);
            ++rows;
        }
        header = cells;
    }
    return rows;
}

// Nothing that a terminal obeys.
inline void check_table_document(const std::string& text) {
    expect(is_utf8(text), "no UTF-8", text);
    expect(text.empty() || text.back() == '\n', "the last line has no end", text);
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto c = static_cast<unsigned char>(text[i]);
        expect((c >= 0x20 && c != 0x7f) || c == '\n', "a control character in a table", text);
        expect(c != 0xc2 || static_cast<unsigned char>(text[i + 1]) >= 0xa0,
               "a control character in a table", text);
    }
}

inline bool is_name_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == ':';
}

inline std::size_t name_length(std::string_view text) {
    std::size_t length = 0;
    while (length < text.size() && is_name_char(text[length]))
        ++length;
    return text.empty() || (text[0] >= '0' && text[0] <= '9') ? 0 : length;
}

// name{label="text",…} number
inline void check_sample(std::string_view line) {
    std::string_view left = line;
    const auto take = [&](std::size_t count) { left.remove_prefix(count); };
    expect(name_length(left) > 0, "a sample without a name", line);
    take(name_length(left));
    if (left.starts_with('{')) {
        do {
            take(1);
            const std::size_t name = name_length(left);
            if (name == 0)
                break;
            expect(left.substr(name, 2) == "=\"", "a label without a value", line);
            take(name + 2);
            while (!left.empty() && left[0] != '"')
                take(left[0] == '\\' ? 2 : 1);
            take(left.empty() ? 0 : 1);
        } while (left.starts_with(','));
        expect(left.starts_with('}'), "labels without an end", line);
        take(1);
    }
    expect(left.size() > 1 && left[0] == ' ', "a sample without a value", line);
    expect(left.find_first_not_of("0123456789.+-eInfaN ") == std::string_view::npos,
           "a value that is no number", line);
}

// The buckets of a histogram follow each other, each with a larger bound than the one before; the
// last one has all, and is what _count says.
class HistogramCheck {
public:
    void line(std::string_view line) {
        const std::size_t at = std::max(find(line, "{le=\""), find(line, ",le=\""));
        const std::string_view number = line.substr(line.rfind(' ') + 1);
        if (at != 0) {
            const double bound = std::strtod(std::string(line.substr(at + 5)).c_str(), nullptr);
            expect(!open_ || (line.substr(0, at) == series_ && bound > bound_),
                   "buckets out of order", line);
            series_ = line.substr(0, at);
            bound_ = bound;
            all_ = number;
            open_ = !std::isinf(bound);
            return;
        }
        expect(!open_, "a histogram without its last bucket", line);
        if (!series_.empty() && line.substr(0, line.find_first_of("{ ")).ends_with("_count"))
            expect(number == all_, "another count than that of the last bucket", line);
        series_ = {};
    }

private:
    // The last label. A label's text has no bare quote, but may end in what looks like another
    // label.
    static std::size_t find(std::string_view line, std::string_view what) {
        const std::size_t at = line.rfind(what);
        if (at == std::string_view::npos)
            return 0;
        const std::size_t end = line.find('"', at + what.size());
        return end != std::string_view::npos && line.substr(end + 1).starts_with('}') ? at : 0;
    }

    bool open_ = false; // more buckets must follow
    std::string_view series_;
    std::string_view all_;
    double bound_ = 0;
};

inline void check_openmetrics_document(const std::string& text) {
    expect(is_utf8(text), "no UTF-8", text);
    expect(text.ends_with("# EOF\n"), "no EOF", text);
    std::string_view left = text;
    HistogramCheck histograms;
    for (std::size_t end = left.find('\n'); end != std::string_view::npos; end = left.find('\n')) {
        const std::string_view line = left.substr(0, end);
        left.remove_prefix(end + 1);
        if (line.starts_with("# ")) {
            expect(line == "# EOF" || line.starts_with("# HELP ") || line.starts_with("# TYPE ") ||
                       line.starts_with("# UNIT "),
                   "a comment that is no metadata", line);
            continue;
        }
        check_sample(line);
        histograms.line(line);
    }
}

} // namespace dynmon::fuzz
