// SPDX-License-Identifier: BSD-2-Clause
// What is asked of an exporter: the format, and what is shown how. Many files pass exporters on and
// few decide on these, so the others do not include this.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "format/formats.hpp"

namespace dynmon {

struct ExportOptions {
    Format format = Format::json;
    bool raw = false;        // Style::raw instead of Style::decoded
    bool value_only = false; // json, jsonl, dynmon: just the value(s), without names and window
    // json, jsonl: integers whose type has more than 53 bits are strings, for readers that know
    // doubles only
    bool wide_as_text = false;
    // csv: texts that a spreadsheet would run as a formula (= + - @ tab CR first) begin with '
    bool csv_safe = false;
    // json, dynmon with value_only: one metric is printed bare, several as an object by direction
    // and name, {"ingress-metrics":{"flows":…},…}; a stream must know which from the start.
    std::size_t metric_count = 1;
    // What is shown of the entries; not with dynmon and openmetrics. See format/shape.hpp.
    std::string where = {};                // a condition, see filter/condition.hpp
    std::string sort = {};                 // "a,-b": columns to sort by, '-' for descending
    std::size_t top = 0;                   // at most that many entries of a metric (0: all)
    std::vector<std::string> columns = {}; // only these fields, in this order
    bool rate = false;                     // counts per second of the window
    std::uint64_t now_ns = 0;              // `now` in a condition: ns since the Unix epoch
    std::string build = {}; // json, openmetrics: which dynmon prints it; "": left out
    // csv, jsonl: the machine that each row of a monitor begins with, before the monitor, its
    // device, its namespace and the window; unset: rows do not say where they come from
    std::optional<std::string> host = {};
    // csv, jsonl: names and values that each row has behind those; json: each document
    std::vector<std::pair<std::string, std::string>> added = {};
};

} // namespace dynmon
