// SPDX-License-Identifier: BSD-2-Clause
// Entries to JSON values: the hot loop of a read.
#include "format/json_values.hpp"

namespace dynmon {

namespace {

// What follows the value belongs to its plan: one step less for each entry.
std::string_view after_value(const JsonShape& shape) {
    return shape.keyed && !shape.list_cpus ? "}" : "";
}

bool has_keys(const MetricView& metric, const JsonShape& shape) {
    return shape.keyed && metric.key.has_value();
}

} // namespace

JsonValues::JsonValues(const MetricView& metric, Style style, JsonShape shape)
    : metric_(metric), shape_{has_keys(metric, shape), shape.list_cpus && metric.cpus > 0,
                              shape.null_if_empty, shape.wide_as_text},
      value_(metric.value, style, {}, after_value(shape_), shape.wide_as_text) {
    if (shape_.keyed)
        key_.emplace(*metric.key, style, "{\"key\":", ",\"value\":", shape.wide_as_text);
}

void JsonValues::add(const Batch& batch, Sink& sink) {
    Cursor cursor(sink.buffer());
    for (std::size_t i = 0; i < batch.count; ++i) {
        cursor.put(empty_ ? "[" : ",");
        empty_ = false;
        if (key_)
            key_->append(batch.keys + i * batch.key_stride, cursor);
        add_value(batch.values + i * batch.value_stride, cursor);
        sink.spill();
    }
    cursor.finish();
    sink.spill();
}

void JsonValues::add_value(const std::byte* values, Cursor& to) {
    if (shape_.list_cpus)
        return add_cpus(values, to);
    value_.append(values, to);
}

void JsonValues::add_cpus(const std::byte* values, Cursor& to) {
    for (std::size_t cpu = 0; cpu < metric_.cpus; ++cpu) {
        to.put(cpu == 0 ? "[" : ",");
        value_.append(values + cpu * cpu_stride(metric_), to);
    }
    to.put(shape_.keyed ? "]}" : "]");
}

void JsonValues::finish(std::string& out) {
    if (!empty_)
        out += ']';
    else
        out += shape_.null_if_empty ? "null" : "[]";
}

} // namespace dynmon
