// Makers of the exporters that print one line a row.
#pragma once

#include <memory>

#include "decode/decode_plan.hpp"
#include "format/exporter.hpp"

namespace dynmon {

std::unique_ptr<Exporter> make_csv_exporter(const ExportOptions& options, Sink& sink);
std::unique_ptr<Exporter> make_json_lines_exporter(const ExportOptions& options, Sink& sink);
std::unique_ptr<Exporter> make_table_exporter(Style style, Sink& sink);

} // namespace dynmon
