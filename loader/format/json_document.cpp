// SPDX-License-Identifier: BSD-2-Clause
// The frame around the metrics: lists by direction, names, timestamps.

#include "format/json_document.hpp"

#include "base/error.hpp"
#include "decode/text.hpp"
#include "format/export_options.hpp"

namespace dynmon {

// Entries to JSON values: the hot loop of a read.

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

std::string time_text(std::uint64_t ns) {
    constexpr std::uint64_t ns_per_second = 1'000'000'000;
    char text[longest_text];
    char* const end = put_time(text, static_cast<std::int64_t>(ns / ns_per_second),
                               static_cast<std::uint32_t>(ns % ns_per_second));
    return {text, end};
}

void append_json_time(std::uint64_t ns, std::string& out) {
    out += ns == 0 ? "null" : '"' + time_text(ns) + '"';
}

void JsonDocument::begin_document(const std::string& monitor, const Window& window) {
    list_.reset();
    if (bare())
        return;
    sink_.buffer() += '{';
    if (!options_.value_only)
        describe(monitor, window, sink_.buffer());
    enter(Direction::ingress);
}

// Opens the list of `direction`, and closes the one before.
void JsonDocument::enter(Direction direction) {
    if (list_ == direction)
        return;
    if (list_ == Direction::egress)
        throw Error(ErrorKind::failed, "the metrics of the ingress path must come first");
    std::string& out = sink_.buffer();
    if (list_)
        out += options_.value_only ? "}," : "],";
    out += direction == Direction::ingress ? "\"ingress-metrics\":" : "\"egress-metrics\":";
    out += options_.value_only ? '{' : '[';
    list_ = direction;
    first_ = true;
}

void JsonDocument::begin_metric(const MetricView& metric) {
    values_.emplace(shown(metric), style_, shape(metric));
    if (bare())
        return;
    enter(metric.direction);
    std::string& out = sink_.buffer();
    if (!first_)
        out += ',';
    first_ = false;
    if (options_.value_only) {
        append_json_string(metric.name, out);
        out += ':';
        return;
    }
    out += "{\"name\":";
    append_json_string(metric.name, out);
    describe(metric, out);
    out += ",\"value\":";
}

void JsonDocument::entries(const Batch& batch) {
    values_->add(batch, sink_);
}

void JsonDocument::end_metric(std::uint64_t timestamp_us) {
    std::string& out = sink_.buffer();
    values_->finish(out);
    values_.reset();
    if (bare())
        out += '\n';
    else if (!options_.value_only)
        out += ",\"timestamp\":" + std::to_string(timestamp_us) + '}';
    sink_.spill();
}

void JsonDocument::end_document() {
    if (bare())
        return;
    enter(Direction::egress);
    sink_.buffer() += options_.value_only ? "}}\n" : "]}\n";
    sink_.spill();
}

} // namespace dynmon
