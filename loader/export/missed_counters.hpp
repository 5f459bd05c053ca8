// SPDX-License-Identifier: BSD-2-Clause
// Adds up what a probe says it has not captured: every number of a metric called …_missed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "export/fields.hpp"
#include "format/rows.hpp"

namespace dynmon {

class MissedCounters {
public:
    static bool is_one(const MetricView& metric);

    void clear() { counts_.clear(); }
    void begin(const MetricView& metric); // must outlive add()
    void add(const Batch& batch);
    // Those that are not 0, by name.
    std::vector<std::pair<std::string, std::uint64_t>> counts() const;

private:
    std::uint64_t& count(const std::string& name);

    std::vector<std::pair<std::string, Field>> fields_;
    std::optional<Rows> rows_;
    std::vector<std::pair<std::string, std::uint64_t>> counts_;
};

} // namespace dynmon
