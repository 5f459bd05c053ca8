// SPDX-License-Identifier: BSD-2-Clause
// What all formats must agree in, and what conditions and orders may do to the entries.
#pragma once

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "decode/record_plan.hpp"
#include "filter/projection.hpp"
#include "format/merged_metric.hpp"
#include "format/shape.hpp"
#include "fuzz/documents.hpp"
#include "fuzz/made_metrics.hpp"
#include "fuzz/numpy_documents.hpp"

namespace dynmon::fuzz {

inline constexpr std::uint64_t noon = 1795262400'000000000ull;

// All at once or one at a time: how the kernel hands them over must not show.
inline std::string document(const ExportOptions& options,
                            const std::vector<const MetricView*>& metrics, const Batch& batch,
                            bool at_once = true, bool in_monitor = false) {
    Sink sink(-1);
    const auto exporter = make_exporter(options, sink);
    exporter->begin_document(in_monitor ? "web" : "", {7, noon - 1'500'000'000, noon, 3});
    for (const MetricView* metric : metrics) {
        exporter->begin_metric(*metric);
        if (at_once)
            exporter->entries(batch);
        for (std::size_t i = 0; i < batch.count && !at_once; ++i)
            exporter->entries(one_entry(batch, i));
        exporter->end_metric(noon / 1000);
    }
    exporter->end_document();
    exporter->finish();
    return std::move(sink.buffer());
}

// "saddr,-value.bytes"
inline std::string some_order(FuzzedDataProvider& input, const MetricView& view) {
    std::string order;
    for (std::size_t i = some_size(input, 1, 3); i > 0; --i)
        order += (order.empty() ? "" : ",") + std::string(input.ConsumeBool() ? "-" : "") +
                 some_field(input, view);
    return order;
}

inline std::string some_condition(FuzzedDataProvider& input, const MetricView& view) {
    static constexpr const char* tests[] = {
        "",           " == 0",      " > 1",           " <= 0x7f",     " in (1, 2, 3)", " != -1",
        " & 1",       " < 1.5",     " == true",       " == TCP",      " & SYN|ACK",    " > 5ms",
        " >= now-5m", " ~ \"*a*\"", " contains \"\"", " == 10.0.0.1", " in fe80::/10", " == lo"};
    std::string text;
    for (std::size_t i = some_size(input, 1, 2); i > 0; --i) {
        if (!text.empty())
            text += input.ConsumeBool() ? " && " : " || ";
        text += (input.ConsumeBool() ? "!(" : "(") + some_field(input, view) +
                input.PickValueInArray(tests) + ')';
    }
    return text;
}

inline bool keeps_cpus(const MetricView& view) {
    return view.cpus > 0 && view.merge == Merge::none;
}

// A table on its own is a title, and unless it is empty a header and a line for each row.
inline std::size_t table_rows(const std::string& text) {
    const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
    expect(lines != 2, "a header without rows", text);
    return lines > 2 ? lines - 2 : 0;
}

// Every format shows the same entries.
inline void check_row_counts(FuzzedDataProvider& input, const MetricView& view) {
    ExportOptions options;
    options.now_ns = noon;
    options.raw = input.ConsumeBool();
    options.top = some_size(input, 0, 3);
    if (input.ConsumeBool())
        options.where = some_condition(input, view);
    if (input.ConsumeBool())
        options.sort = some_order(input, view);
    const Entries entries(input, view);
    require_shape(options, {&view});
    const auto show = [&](Format format) {
        options.format = format;
        options.value_only = format == Format::json;
        return document(options, {&view}, entries.batch);
    };
    const std::size_t count = check_json_lines(show(Format::jsonl));
    expect(options.top == 0 || count <= options.top, "more than the top");
    expect(count <= entries.batch.count, "more than there are");
    expect(!options.where.empty() || options.top != 0 || count == entries.batch.count, "lost one");
    const std::string json = show(Format::json);
    expect(nlohmann::json::parse(json).size() == count, "json shows others than jsonl", json);
    const std::size_t rows = count * (keeps_cpus(view) ? view.cpus : 1);
    const std::string csv = show(Format::csv);
    expect(check_csv_document(csv) == rows, "csv shows others than jsonl", csv);
    const std::string table = show(Format::table);
    expect(table_rows(table) == rows, "table shows others than jsonl", table);
    try {
        expect(check_npy(show(Format::npy)) == rows, "npy shows others than jsonl");
        std::uint64_t records = 0;
        check_npz(show(Format::npz), records);
        expect(records == rows, "npz shows others than jsonl");
    } catch (const Error& error) { // a sum over CPUs that a record has no room for
        expect(error.kind() == ErrorKind::failed && view.cpus > 0, error.what());
    }
}

// The number of a field as it has to stand in a record.
inline std::string packed_number(const Layout& field, const std::byte* bytes, std::size_t size) {
    const Number number = read_number(field, bytes);
    std::string packed(size, '\0');
    const auto single = static_cast<float>(number.f);
    if (number.kind != Number::Kind::f64)
        std::memcpy(packed.data(),
                    number.kind == Number::Kind::i64 ? static_cast<const void*>(&number.i)
                                                     : &number.u,
                    size);
    else
        std::memcpy(packed.data(),
                    size == sizeof single ? static_cast<const void*>(&single) : &number.f, size);
    return packed;
}

// Each number of a record is that of the field whose name it has.
inline void check_record(const Layout& layout, const std::byte* value) {
    const RecordPlan plan(layout, "value");
    std::string record(plan.size(), '\0');
    expect(plan.put(value, record.data()) == record.data() + record.size(), "another size");
    std::size_t at = 0;
    for (const RecordPlan::Field& field : plan.fields()) {
        std::size_t size = element_size(field.type);
        for (const std::uint32_t count : field.shape)
            size *= count;
        std::string_view path;
        expect(split_root(field.name, "value", path), "a field without its root", field.name);
        const auto found = find_field(layout, path);
        expect(found != nullptr, "no field of that name", field.name);
        const bool text = field.type[1] == 'S' || field.type[1] == 'U';
        const bool number = field.shape.empty() && holds_number(*found) && !text;
        // Halves become doubles, and a NaN does not keep its bits on that way.
        if (number && field.type[1] != 'f' && field.type[1] != 'b')
            expect(record.substr(at, size) == packed_number(*found, value, size),
                   "a number of a record is not that of its field", field.name);
        if (number && field.type[1] == 'f')
            expect(std::memcmp(record.data() + at, value + found->offset, size) == 0,
                   "a real of a record is not that of its field", field.name);
        at += size;
    }
    expect(at == record.size(), "fields of another size than the record");
}

inline void check_records(FuzzedDataProvider& input, const MetricView& view) {
    const Entries entries(input, view);
    for (std::size_t i = 0; i < entries.batch.count; ++i)
        check_record(view.value, entries.batch.values + i * entries.batch.value_stride);
}

inline std::vector<std::string> sorted_lines(const std::string& text) {
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = text.find('\n', at);
        lines.push_back(text.substr(at, end - at));
        at = end + 1;
    }
    std::sort(lines.begin(), lines.end());
    return lines;
}

// Each entry passes a condition or its negation, and nothing else is shown. Where CPUs are kept
// apart it passes both when one CPU has this and another has that.
inline void check_condition(FuzzedDataProvider& input, const MetricView& view) {
    ExportOptions options{.format = Format::jsonl, .raw = true, .now_ns = noon};
    const std::string condition = some_condition(input, view);
    const Entries entries(input, view);
    const auto lines = [&](const std::string& where) {
        options.where = where;
        return sorted_lines(document(options, {&view}, entries.batch));
    };
    const std::vector<std::string> all = lines("");
    const std::vector<std::string> held = lines(condition);
    const std::vector<std::string> not_held = lines("!(" + condition + ")");
    expect(std::includes(all.begin(), all.end(), held.begin(), held.end()), "made up", condition);
    std::vector<std::string> both;
    std::merge(held.begin(), held.end(), not_held.begin(), not_held.end(),
               std::back_inserter(both));
    if (keeps_cpus(view))
        expect(std::includes(both.begin(), both.end(), all.begin(), all.end()), "lost one",
               condition);
    else
        expect(both == all, "a condition and its negation are not all", condition);
}

// The entries as the order sees them: CPUs merged, or apart.
class OrderedEntries {
public:
    OrderedEntries(const std::vector<std::string>& columns, const MetricView& view,
                   const Batch& batch)
        : merged_(view), batch_(merged_.merge(batch)),
          order_(columns, {view.key ? &*view.key : nullptr, &merged_.view().value},
                 merged_.view().cpus, cpu_stride(merged_.view())) {}

    int compare(std::size_t a, std::size_t b) const {
        const int order = order_.compare(key(a), value(a), key(b), value(b));
        return order < 0 ? -1 : order > 0;
    }

private:
    const std::byte* key(std::size_t i) const {
        return batch_.keys ? batch_.keys + i * batch_.key_stride : nullptr;
    }
    const std::byte* value(std::size_t i) const { return batch_.values + i * batch_.value_stride; }

    MergedMetric merged_;
    Batch batch_;
    EntryOrder order_;
};

// It is an order, and what is shown is the first of it, equal ones as they came.
inline void check_order(FuzzedDataProvider& input, const MetricView& view) {
    std::vector<std::string> columns;
    ExportOptions options{.format = Format::jsonl, .raw = true, .now_ns = noon};
    for (std::size_t i = some_size(input, 1, 3); i > 0; --i)
        columns.push_back((input.ConsumeBool() ? "-" : "") + some_field(input, view));
    const std::size_t top = some_size(input, 0, 4);
    const Entries entries(input, view);
    const OrderedEntries ordered(columns, view, entries.batch);
    std::vector<std::size_t> indices;
    for (std::size_t a = 0; a < entries.batch.count; ++a) {
        indices.push_back(a);
        for (std::size_t b = 0; b < entries.batch.count; ++b) {
            expect(ordered.compare(a, b) == -ordered.compare(b, a), "not the reverse");
            for (std::size_t c = 0; c < entries.batch.count; ++c)
                expect(ordered.compare(a, b) > 0 || ordered.compare(b, c) > 0 ||
                           ordered.compare(a, c) <= 0,
                       "no order");
        }
    }
    std::stable_sort(indices.begin(), indices.end(),
                     [&](std::size_t a, std::size_t b) { return ordered.compare(a, b) < 0; });
    if (top != 0)
        indices.resize(std::min(top, indices.size()));
    std::string expected;
    for (const std::size_t i : indices)
        expected += document(options, {&view}, one_entry(entries.batch, i));
    for (const std::string& column : columns) {
        if (column.find_first_of(", ") != column.npos)
            return; // a name that only BTF can have: the list of columns is read otherwise
        options.sort += (options.sort.empty() ? "" : ",") + column;
    }
    options.top = top;
    const std::string shown = document(options, {&view}, entries.batch);
    expect(shown == expected, "sorted otherwise", shown + expected);
}

} // namespace dynmon::fuzz
