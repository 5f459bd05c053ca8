// Makers of the exporters that print bytes and no text.
#pragma once

#include <memory>

#include "format/exporter.hpp"

namespace dynmon {

// Throws Error{usage} for more than one metric: such a file is one array.
std::unique_ptr<Exporter> make_npy_exporter(const ExportOptions& options, Sink& sink);
std::unique_ptr<Exporter> make_npz_exporter(const ExportOptions& options, Sink& sink);

} // namespace dynmon
