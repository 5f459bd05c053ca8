// SPDX-License-Identifier: BSD-2-Clause
// The format `tsv`: no quotes, and what would end a cell or a row is escaped.
#include "format/separated_rows.hpp"

namespace dynmon {

namespace {

void escape(std::size_t start, std::string& out) {
    std::size_t at = out.find_first_of("\t\n\r\\", start);
    for (; at != std::string::npos; at = out.find_first_of("\t\n\r\\", at + 2)) {
        const char c = out[at];
        out.replace(at, 1, c == '\t' ? "\\t" : c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\\\");
    }
}

constexpr Dialect tsv{.separator = '\t', .end_of_line = "\n", .make_cell = escape};

} // namespace

std::unique_ptr<Exporter> make_tsv_exporter(const ExportOptions& options, Sink& sink) {
    return make_separated_rows(options, tsv, sink);
}

} // namespace dynmon
