// SPDX-License-Identifier: BSD-2-Clause
// Between the reader and the format: which entries are shown, in which order, which of their fields
// and whether counts are shown as rates. Works in front of every format.
#pragma once

#include <memory>
#include <vector>

#include "format/export_options.hpp"
#include "format/exporter.hpp"

namespace dynmon {

bool has_shape(const ExportOptions& options); // where, sort, top, columns or rate
ExportOptions without_shape(ExportOptions options);

// `options` must fit: throws Error{usage} as require_shape() does.
std::unique_ptr<Exporter> shape(const ExportOptions& options, std::unique_ptr<Exporter> format);

// Throws Error{usage} when what `options` says of the shape cannot be done: for the format, or with
// the fields of `metrics`. Condition and columns must fit every metric, since what is filtered out
// of a window is gone; at least one must have the columns to sort by, and one have counts for
// rates. To be asked before a read that takes entries out of their map.
void require_shape(const ExportOptions& options, const std::vector<const MetricView*>& metrics);

} // namespace dynmon
