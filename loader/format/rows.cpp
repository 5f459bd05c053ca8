// SPDX-License-Identifier: BSD-2-Clause
#include "format/rows.hpp"

namespace dynmon {

Rows::Rows(const MetricView& metric)
    : merged_(metric), cpus_(merged_.view().cpus), stride_(cpu_stride(merged_.view())) {}

} // namespace dynmon
