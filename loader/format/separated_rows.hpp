// SPDX-License-Identifier: BSD-2-Clause
// Rows of cells with a separator in between: CSV and what is like it. One table with one header;
// metrics share it if they have the same columns, all others are refused.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "format/exporter.hpp"

namespace dynmon {

struct Dialect {
    char separator;
    std::string_view end_of_line; // one or two characters
    // Makes a cell of the text that was appended to `out` from `start` on: quotes or escapes it.
    // Gets each name of the header and each value that is not plain.
    void (*make_cell)(std::size_t start, std::string& out);
};

// Both must outlive the exporter.
std::unique_ptr<Exporter> make_separated_rows(const ExportOptions& options, const Dialect& dialect,
                                              Sink& sink);

} // namespace dynmon
