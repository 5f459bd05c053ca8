// SPDX-License-Identifier: BSD-2-Clause
// The format `csv`: RFC 4180.
#include "format/separated_rows.hpp"

namespace dynmon {

namespace {

// Puts quotes around a cell that needs them.
void quote(std::size_t start, std::string& out) {
    if (out.find_first_of(",\"\r\n", start) == std::string::npos)
        return;
    std::string quoted = "\"";
    for (std::size_t i = start; i < out.size(); ++i)
        quoted.append(out[i] == '"' ? 2 : 1, out[i]);
    out.replace(start, std::string::npos, quoted + '"');
}

constexpr Dialect csv{.separator = ',', .end_of_line = "\r\n", .make_cell = quote};

} // namespace

std::unique_ptr<Exporter> make_csv_exporter(const ExportOptions& options, Sink& sink) {
    return make_separated_rows(options, csv, sink);
}

} // namespace dynmon
