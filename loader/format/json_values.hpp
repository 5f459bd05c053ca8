// SPDX-License-Identifier: BSD-2-Clause
// The value of one metric as JSON: the list of what its map holds, written entry by entry.
#pragma once

#include <optional>
#include <string>

#include "decode/cursor.hpp"
#include "decode/decode_plan.hpp"
#include "format/exporter.hpp"

namespace dynmon {

struct JsonShape {
    bool keyed = true;          // {"key":K,"value":V} and not just V
    bool list_cpus = false;     // V is the list of the values of all CPUs, where there are any
    bool null_if_empty = false; // and not []
    bool wide_as_text = false;  // see JsonPlan
};

class JsonValues {
public:
    // `metric` must outlive it; the CPUs of one that does not list them are merged already.
    JsonValues(const MetricView& metric, Style style, JsonShape shape);

    void add(const Batch& batch, Sink& sink);
    void finish(std::string& out); // the end of the list; must be called once

private:
    void add_value(const std::byte* values, Cursor& to);
    void add_cpus(const std::byte* values, Cursor& to);

    const MetricView& metric_;
    JsonShape shape_;
    std::optional<JsonPlan> key_;
    JsonPlan value_;
    bool empty_ = true;
};

} // namespace dynmon
