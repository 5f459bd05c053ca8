// Makers of the exporters that print bytes and no text.
#pragma once

#include <cstddef>
#include <memory>

#include "decode/decode_plan.hpp"
#include "format/exporter.hpp"

namespace dynmon {

// Throws Error{usage} for more than one metric: such a file is one array.
std::unique_ptr<Exporter> make_npy_exporter(Style style, std::size_t metric_count, Sink& sink);
std::unique_ptr<Exporter> make_npz_exporter(Style style, Sink& sink);

} // namespace dynmon
