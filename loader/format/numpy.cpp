// SPDX-License-Identifier: BSD-2-Clause
// The `npy` and `npz` exporters: structured arrays of NumPy, one record a row, one field a column.
// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
#include <map>
#include <optional>

#include "base/error.hpp"
#include "decode/record_plan.hpp"
#include "format/export_options.hpp"
#include "format/exporter.hpp"
#include "format/rows.hpp"
#include "format/sink.hpp"
#include "format/zip.hpp"

namespace dynmon {

namespace {

using Field = RecordPlan::Field;

constexpr std::string_view magic = "\x93NUMPY";
constexpr std::size_t alignment = 64; // of the data, so that a file can be mapped

// Names come from BTF with every quote and backslash replaced.
std::string field_text(const Field& field) {
    std::string text = "(\"" + field.name + "\", \"" + field.type + '"';
    if (!field.shape.empty()) {
        text += ", (";
        for (const std::uint32_t count : field.shape)
            text += std::to_string(count) + ",";
        text += ')';
    }
    return text + ')';
}

// Magic, version, length and a Python literal, padded so that the data begin at a multiple of 64.
std::string array_header(const std::vector<Field>& fields, std::uint64_t count) {
    std::string text = "{\"descr\": [";
    for (const Field& field : fields)
        text += field_text(field) + ", ";
    text += "], \"fortran_order\": False, \"shape\": (" + std::to_string(count) + ",), }";
    const bool short_length = text.size() < 0xff00;
    const std::size_t length_bytes = short_length ? 2 : 4;
    const std::size_t before = magic.size() + 2 + length_bytes;
    const std::size_t all = (before + text.size() + 1 + alignment - 1) / alignment * alignment;
    text.append(all - before - text.size() - 1, ' ').append(1, '\n');
    std::string header(magic);
    header += short_length ? '\1' : '\2';
    header += '\0';
    for (std::size_t i = 0; i < length_bytes; ++i)
        header += static_cast<char>(text.size() >> 8 * i);
    return header + text;
}

// The records of one metric.
class RecordArray {
public:
    RecordArray(const MetricView& metric, Style style)
        : rows_(metric), value_(metric.value, "value", style) {
        if (metric.key)
            key_.emplace(*metric.key, "key", style);
        if (key_)
            fields_ = key_->fields();
        if (rows_.with_cpu())
            fields_.push_back({"cpu", "<u4", {}});
        fields_.insert(fields_.end(), value_.fields().begin(), value_.fields().end());
        size_ = (key_ ? key_->size() : 0) + (rows_.with_cpu() ? 4 : 0) + value_.size();
    }

    void add(const Batch& batch) {
        rows_.for_each(batch, [this](const Row& row) {
            char* to = body_.reserve(size_);
            if (key_)
                to = key_->put(row.key, to);
            if (rows_.with_cpu()) {
                const auto cpu = static_cast<std::uint32_t>(row.cpu);
                std::memcpy(to, &cpu, sizeof cpu);
                to += sizeof cpu;
            }
            value_.put(row.value, to);
            body_.grow(size_);
            ++count_;
        });
    }

    std::string header() const { return array_header(fields_, count_); }
    Spool& body() { return body_; }

private:
    Rows rows_;
    std::optional<RecordPlan> key_;
    RecordPlan value_;
    std::vector<Field> fields_;
    std::size_t size_ = 0; // of a record
    std::uint64_t count_ = 0;
    Spool body_;
};

class NpyExporter final : public Exporter {
public:
    NpyExporter(Style style, Sink& sink) : style_(style), sink_(sink) {}

    void begin_document(const std::string&, const Window&) override {}
    void begin_metric(const MetricView& metric) override {
        if (written_)
            throw Error(ErrorKind::failed, "npy is one array: a second one has no place in it");
        array_.emplace(metric, style_);
    }
    void entries(const Batch& batch) override { array_->add(batch); }
    void end_metric(std::uint64_t) override {
        sink_.buffer() += array_->header();
        array_->body().copy_to(sink_);
        array_.reset();
        written_ = true;
    }
    void end_document() override { sink_.spill(); }

private:
    Style style_;
    Sink& sink_;
    bool written_ = false;
    std::optional<RecordArray> array_;
};

// In an archive the arrays are called ingress/flows, and if there are several windows
// ingress/flows.2 and so on; `window` has what belongs to all of them.
class NpzExporter final : public Exporter {
public:
    NpzExporter(Style style, Sink& sink) : style_(style), zip_(sink) {}

    void begin_document(const std::string& monitor, const Window& window) override {
        in_monitor_ = !monitor.empty();
        if (in_monitor_)
            add_window(window);
    }
    void begin_metric(const MetricView& metric) override {
        name_ = in_monitor_ ? std::string(to_string(metric.direction)) + '/' + metric.name
                            : metric.name;
        array_.emplace(metric, style_);
    }
    void entries(const Batch& batch) override { array_->add(batch); }
    void end_metric(std::uint64_t) override {
        zip_.add(file_name(name_), array_->header(), array_->body());
        array_.reset();
    }
    void end_document() override {}
    void finish() override { zip_.finish(); }

private:
    void add_window(const Window& window) {
        const std::vector<Field> fields = {{"sequence", "<u8", {}},
                                           {"from_ns", "<u8", {}},
                                           {"to_ns", "<u8", {}},
                                           {"generation", "<u4", {}}};
        const std::uint64_t times[] = {window.sequence, window.from_ns, window.to_ns};
        Spool body;
        char* const to = body.reserve(sizeof times + sizeof window.generation);
        std::memcpy(to, times, sizeof times);
        std::memcpy(to + sizeof times, &window.generation, sizeof window.generation);
        body.grow(sizeof times + sizeof window.generation);
        zip_.add(file_name("window"), array_header(fields, 1), body);
    }

    std::string file_name(const std::string& name) {
        const std::size_t count = ++seen_[name];
        return name + (count > 1 ? '.' + std::to_string(count) : "") + ".npy";
    }

    Style style_;
    ZipWriter zip_;
    bool in_monitor_ = false;
    std::string name_;
    std::map<std::string, std::size_t> seen_;
    std::optional<RecordArray> array_;
};

Style style_of(const ExportOptions& options) {
    return options.raw ? Style::raw : Style::decoded;
}

} // namespace

std::unique_ptr<Exporter> make_npy_exporter(const ExportOptions& options, Sink& sink) {
    if (options.metric_count > 1)
        throw Error(ErrorKind::usage, "npy is one array, and these are " +
                                          std::to_string(options.metric_count) + " metrics")
            .hint("name one metric and one --direction, or use --format npz");
    return std::make_unique<NpyExporter>(style_of(options), sink);
}

std::unique_ptr<Exporter> make_npz_exporter(const ExportOptions& options, Sink& sink) {
    return std::make_unique<NpzExporter>(style_of(options), sink);
}

} // namespace dynmon
