// SPDX-License-Identifier: BSD-2-Clause
// The buckets of a histogram: where they end, and how OpenMetrics writes that.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "manifest/open_metrics.hpp"

namespace dynmon {

struct Histogram {
    std::vector<double> bounds; // the largest value of each bucket but the last, which has no end
    double factor = 1;          // from the stored sum to the unit of the bounds
    bool has_sum = false;

    std::size_t buckets() const { return bounds.size() + 1; }
    std::size_t numbers() const { return buckets() + has_sum; } // in a row
};

// `count`: how many buckets, at least 1. Values are integers before they are multiplied, so that
// a bound is exactly the largest value that its bucket can have.
Histogram make_histogram(const Buckets& buckets, std::size_t count);

// `value` times `factor` as decimal people mean it: 1023 and 1e-09 is 1.023e-06.
double scaled(long double value, double factor);

// A bound as `le` has it, written as Go does: "1.0", "1e-05", "1.048575e+06".
void append_bound(double bound, std::string& out);

} // namespace dynmon
