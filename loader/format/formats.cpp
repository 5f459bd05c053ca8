// SPDX-License-Identifier: BSD-2-Clause
#include "format/formats.hpp"

#include <algorithm>
#include <array>

#include "base/error.hpp"
#include "format/export_options.hpp"
#include "format/exporter.hpp"

namespace dynmon {

using Maker = std::unique_ptr<Exporter>(const ExportOptions& options, Sink& sink);
Maker make_json_exporter, make_json_lines_exporter, make_dynmon_exporter, make_csv_exporter,
    make_tsv_exporter, make_table_exporter, make_npy_exporter, make_npz_exporter;

namespace {

constexpr const char* of_totals =
    "it shows totals of all entries, which would be wrong of some of them";

constexpr auto format_rows = std::to_array<FormatRow>({
    {.name = "json",
     .make = make_json_exporter,
     .value_only = true,
     .wide_as_text = true,
     .added = true,
     .follows = true},
    {.name = "jsonl",
     .make = make_json_lines_exporter,
     .value_only = true,
     .wide_as_text = true,
     .origin = true,
     .added = true,
     .follows = true},
    {.name = "dynmon",
     .make = make_dynmon_exporter,
     .value_only = true,
     .why_unshaped = "its readers expect every entry as it is; --format json takes it",
     .one_document = true,
     .lists_cpus = true},
    {.name = "openmetrics",
     .make = nullptr,
     .raw = false,
     .why_unshaped = of_totals,
     .of_maps = false},
    {.name = "prometheus",
     .make = nullptr,
     .raw = false,
     .why_unshaped = of_totals,
     .of_maps = false,
     .is_classic = true},
    {.name = "csv",
     .make = make_csv_exporter,
     .csv_safe = true,
     .origin = true,
     .added = true,
     .one_table = true},
    {.name = "tsv",
     .make = make_tsv_exporter,
     .csv_safe = true,
     .origin = true,
     .added = true,
     .one_table = true},
    {.name = "table", .make = make_table_exporter},
    {.name = "npy", .make = make_npy_exporter, .is_binary = true, .one_window = true},
    {.name = "npz",
     .make = make_npz_exporter,
     .of_maps = false,
     .is_binary = true,
     .is_archive = true},
});

constexpr Format row_of(std::string_view name) {
    return Format(*std::find_if(format_rows.begin(), format_rows.end(),
                                [&](const FormatRow& row) { return row.name == name; }));
}

} // namespace

constinit const Format Format::json = row_of("json");
constinit const Format Format::jsonl = row_of("jsonl");
constinit const Format Format::dynmon = row_of("dynmon");
constinit const Format Format::openmetrics = row_of("openmetrics");
constinit const Format Format::csv = row_of("csv");
constinit const Format Format::table = row_of("table");
constinit const Format Format::npy = row_of("npy");
constinit const Format Format::npz = row_of("npz");

const std::vector<Format>& all_formats() {
    static const std::vector<Format> all = [] {
        std::vector<Format> formats;
        for (const FormatRow& row : format_rows)
            formats.emplace_back(row);
        return formats;
    }();
    return all;
}

Format format_of(std::string_view name) {
    for (const Format format : all_formats())
        if (format->name == name)
            return format;
    throw Error(ErrorKind::usage, "there is no format '" + std::string(name) + "'");
}

std::string names_of_formats(bool FormatRow::*property, const char* last) {
    std::vector<std::string> names;
    for (const FormatRow& row : format_rows)
        if (row.*property)
            names.emplace_back(row.name);
    std::string text;
    for (std::size_t i = 0; i < names.size(); ++i)
        text += (i == 0 ? "" : i + 1 == names.size() ? last : ", ") + names[i];
    return text;
}

} // namespace dynmon
