// SPDX-License-Identifier: BSD-2-Clause
// Types made from the input × entries made from the input → one of the formats, or one property of
// all of them; which one is the input's first choice, so that each input costs little.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <bpf/libbpf.h>

#include "format/openmetrics.hpp"
#include "format/shape.hpp"
#include "fuzz/documents.hpp"
#include "fuzz/layouts.hpp"
#include "fuzz/made_metrics.hpp"
#include "fuzz/numpy_documents.hpp"
#include "fuzz/shapes.hpp"

using namespace dynmon;
using fuzz::expect;

namespace {

constexpr std::size_t most_bytes = 1024; // of a key or a value
constexpr std::size_t most_leaves = 128;

ExportOptions some_options(FuzzedDataProvider& input, const MetricView& view) {
    static const Format formats[] = {Format::json,  Format::jsonl, Format::dynmon, Format::csv,
                                     Format::table, Format::npy,   Format::npz};
    ExportOptions options;
    options.format = input.PickValueInArray(formats);
    options.raw = input.ConsumeBool();
    options.value_only = input.ConsumeBool();
    options.wide_as_text = input.ConsumeBool();
    options.now_ns = fuzz::noon;
    options.metric_count = options.format == Format::npy ? 1 : fuzz::some_size(input, 1, 2);
    if (options.format == Format::dynmon || input.ConsumeBool())
        return options;
    options.rate = input.ConsumeBool();
    options.top = fuzz::some_size(input, 0, 3);
    if (input.ConsumeBool())
        options.sort = fuzz::some_order(input, view);
    if (input.ConsumeBool())
        options.where = fuzz::some_condition(input, view);
    for (std::size_t i = fuzz::some_size(input, 0, 3); i > 0; --i)
        options.columns.push_back(fuzz::some_field(input, view));
    return options;
}

void check_document(const ExportOptions& options, const std::string& text, bool in_monitor) {
    std::uint64_t records = 0;
    if (options.format == Format::jsonl)
        fuzz::check_json_lines(text);
    else if (options.format == Format::csv)
        fuzz::check_csv_document(text);
    else if (options.format == Format::table)
        fuzz::check_table_document(text);
    else if (options.format == Format::npy)
        fuzz::check_npy(text);
    else if (options.format == Format::npz)
        expect(fuzz::check_npz(text, records) == options.metric_count + in_monitor,
               "another number of arrays");
    else
        fuzz::check_json_document(text);
}

// The second metric, where there is one, is the same on the other path.
void check_format(FuzzedDataProvider& input, const MetricView& view, ExportOptions& options) {
    options = some_options(input, view);
    const bool in_monitor = input.ConsumeBool();
    const fuzz::Entries entries(input, view);
    MetricView egress = view;
    egress.direction = Direction::egress;
    std::vector<const MetricView*> metrics = {&view};
    if (options.metric_count == 2)
        metrics.push_back(&egress);
    require_shape(options, metrics);
    const std::string text = fuzz::document(options, metrics, entries.batch, true, in_monitor);
    expect(fuzz::document(options, metrics, entries.batch, false, in_monitor) == text,
           "another text when entries come one at a time", text);
    check_document(options, text, in_monitor);
}

void check_openmetrics(FuzzedDataProvider& input, MetricView view) {
    view.open_metrics = fuzz::some_metadata(input, view);
    const fuzz::Entries entries(input, view);
    SeriesTable table(view);
    table.add(entries.batch);
    expect(table.rows().size() <= view.open_metrics->max_series, "more series than allowed");
    SeriesTable totals(view);
    for (std::uint32_t row = 0; row < table.rows().size(); ++row) {
        const std::string_view id = table.rows().id(row);
        expect(id.size() == table.id_size(), "a series whose id has another size");
        totals.add_total(reinterpret_cast<const std::byte*>(id.data()), table.rows().numbers(row));
    }
    expect(totals.rows().size() == table.rows().size(), "a stored total is not found again");
    if (table.has_rest(SeriesTable::Rest::other))
        totals.add_rest(SeriesTable::Rest::other,
                        table.numbers(table.rest_row(SeriesTable::Rest::other)));
    SeriesTable gauges(view);
    gauges.add(entries.batch);
    gauges.clear_sums();
    totals.absorb(gauges);
    Sink live(-1);
    write_openmetrics({&table}, {{"monitor", "web"}}, live);
    fuzz::check_openmetrics_document(live.buffer());
    Sink kept(-1);
    write_openmetrics({&totals}, {{"monitor", "web"}}, kept);
    expect(kept.buffer() == live.buffer(), "totals that were stored read otherwise", live.buffer());
    view.direction = Direction::egress;
    SeriesTable other(view);
    other.add(entries.batch);
    Sink both(-1);
    write_openmetrics({&table, &other}, {}, both);
    fuzz::check_openmetrics_document(both.buffer());
}

void check_format(FuzzedDataProvider& input, const MetricView& view) {
    ExportOptions options;
    try {
        check_format(input, view, options);
    } catch (const Error& error) { // a sum over CPUs that a record has no room for
        const bool in_records = options.format == Format::npy || options.format == Format::npz;
        if (error.kind() != ErrorKind::failed || view.cpus == 0 || !in_records)
            throw;
    }
}

bool is_small(const Layout& layout) { // and no map has values of no bytes
    if (layout.size == 0 || layout.size > most_bytes)
        return false;
    std::size_t leaves = 0;
    for_each_leaf(layout, [&](const std::string&, const Layout&, std::uint32_t) { ++leaves; });
    return leaves <= most_leaves;
}

void check(FuzzedDataProvider& input) {
    const std::size_t what = fuzz::some_size(input, 0, 9);
    fuzz::MadeTypes types(input);
    const MetricView view = fuzz::some_view(input, types);
    if (!is_small(view.value) || (view.key && !is_small(*view.key)))
        return;
    switch (what) {
    case 0:
        return fuzz::check_layout(view.value, fuzz::Entries(input, view).value_bytes());
    case 1:
    case 2:
        return check_openmetrics(input, view);
    case 3:
        return fuzz::check_row_counts(input, view);
    case 4:
        return fuzz::check_records(input, view);
    case 5:
        return fuzz::check_condition(input, view);
    case 6:
        return fuzz::check_order(input, view);
    default:
        return check_format(input, view);
    }
}

} // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
    libbpf_set_print([](libbpf_print_level, const char*, va_list) { return 0; });
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    FuzzedDataProvider input(data, size);
    try {
        check(input);
    } catch (const Error& error) {
        expect(error.kind() == ErrorKind::usage, error.what());
    }
    return 0;
}
