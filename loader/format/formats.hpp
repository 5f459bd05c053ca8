// SPDX-License-Identifier: BSD-2-Clause
// The table of formats: what --format can be, and what goes with each. A new format is one file
// with its exporter, and one row in formats.cpp.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace dynmon {

class Exporter;
class Sink;
struct ExportOptions;

struct FormatRow {
    const char* name; // as --format has it
    // Null: it shows totals, and format/openmetrics.hpp writes it.
    std::unique_ptr<Exporter> (*make)(const ExportOptions& options, Sink& sink);

    // Options that it has a place for.
    bool raw = true;
    bool value_only = false;
    bool wide_as_text = false; // --u64 string
    bool csv_safe = false;
    bool origin = false; // rows say where they come from, --no-origin
    bool added = false;  // --add
    // Null: --where, --sort, --top, --columns and --rate. Else why not.
    const char* why_unshaped = nullptr;

    // What prints in it, besides `read`.
    bool of_maps = true;  // `dump`
    bool follows = false; // `dump --follow`

    // What it is.
    bool is_binary = false;    // for files, not for terminals
    bool one_window = false;   // a file has room for one window of one metric
    bool one_document = false; // a read prints the oldest window only
    bool one_table = false;    // metrics with other columns do not go into one file
    bool is_archive = false;   // a member for each metric and window
    bool lists_cpus = false;   // whatever the merge rules say
    bool is_classic = false;   // the older text of Prometheus
};

// A row of the table. Cheap to copy; compares by the row.
class Format {
public:
    constexpr explicit Format(const FormatRow& row) : row_(&row) {}
    constexpr const FormatRow* operator->() const { return row_; }
    bool has(bool FormatRow::*property) const { return row_->*property; }
    bool shows_totals() const { return row_->make == nullptr; }
    bool operator==(const Format&) const = default;

    static const Format json, jsonl, dynmon, openmetrics, csv, table, npy, npz;

private:
    const FormatRow* row_;
};

const std::vector<Format>& all_formats(); // in the order of --help
// Throws Error{usage}. `name`: one of all_formats().
Format format_of(std::string_view name);
// "json, jsonl and csv": those whose rows have `property`.
std::string names_of_formats(bool FormatRow::*property, const char* last = " and ");

} // namespace dynmon
