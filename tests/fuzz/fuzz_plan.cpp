// Types made from the input × entries made from the input → every format.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <bpf/libbpf.h>

#include "export/exporter.hpp"
#include "export/openmetrics.hpp"
#include "fuzz/documents.hpp"
#include "fuzz/layouts.hpp"
#include "fuzz/made_types.hpp"

using namespace dynmon;
using fuzz::expect;

namespace {

constexpr std::size_t most_entries = 6;
constexpr std::uint64_t noon = 1795262400'000000000ull;

// A path that exists, of the key or the value; or one that does not.
std::string some_path(FuzzedDataProvider& input, const Layout& layout, const std::string& root) {
    const std::vector<std::string> leaves = leaf_paths(layout);
    if (leaves.empty() || input.ConsumeIntegralInRange<int>(0, 9) == 0)
        return root + input.ConsumeRandomLengthString(5);
    const auto last = std::min<std::size_t>(leaves.size(), 64) - 1;
    return join_path(root, leaves[input.ConsumeIntegralInRange<std::size_t>(0, last)]);
}

// With the format of a manifest for one of its fields, where that is possible.
Layout some_layout(FuzzedDataProvider& input, const fuzz::MadeTypes& types,
                   fuzz::MadeTypes::Made made, const std::string& root) {
    const auto id = static_cast<std::uint32_t>(made.id);
    Layout layout = build_layout(types.get(), id, made.size, root);
    if (!input.ConsumeBool())
        return layout;
    const std::string path = some_path(input, layout, root);
    const auto& names = meaning_names();
    const std::string& format =
        names[input.ConsumeIntegralInRange<std::size_t>(0, names.size() - 1)];
    try {
        return build_layout(types.get(), id, made.size, root, {{path, format}});
    } catch (const Error& error) {
        expect(error.kind() == ErrorKind::usage, error.what());
        return layout;
    }
}

OpenMetrics some_metadata(FuzzedDataProvider& input, const MetricView& view) {
    static constexpr MetricType types[] = {MetricType::counter, MetricType::gauge,
                                           MetricType::untyped};
    OpenMetrics section;
    section.help = input.ConsumeRandomLengthString(8);
    section.type = input.PickValueInArray(types);
    section.max_series = input.ConsumeIntegralInRange<std::size_t>(1, 8);
    for (int i = input.ConsumeIntegralInRange<int>(0, 3); i > 0; --i) {
        Label label;
        label.name = "label" + std::to_string(i);
        if (view.key && input.ConsumeBool())
            label.field = some_path(input, *view.key, "key");
        else
            label.value = input.ConsumeRandomLengthString(8);
        section.labels.push_back(label);
    }
    for (int i = input.ConsumeIntegralInRange<int>(0, 2); i > 0; --i) {
        Series series;
        series.name = "series" + std::to_string(i);
        series.field = some_path(input, view.value, "value");
        section.series.push_back(series);
    }
    return section;
}

MetricView some_view(FuzzedDataProvider& input, fuzz::MadeTypes& types) {
    static constexpr bpf_map_type kinds[] = {BPF_MAP_TYPE_HASH,        BPF_MAP_TYPE_ARRAY,
                                             BPF_MAP_TYPE_PERCPU_HASH, BPF_MAP_TYPE_PERCPU_ARRAY,
                                             BPF_MAP_TYPE_QUEUE,       BPF_MAP_TYPE_LRU_HASH};
    static constexpr Merge merges[] = {Merge::sum,  Merge::max,    Merge::min,
                                       Merge::last, Merge::bit_or, Merge::none};
    MetricView view;
    view.name = "flows";
    view.map_name = "FLOWS";
    view.map_type = input.PickValueInArray(kinds);
    view.merge = input.PickValueInArray(merges);
    if (view.map_type == BPF_MAP_TYPE_PERCPU_HASH || view.map_type == BPF_MAP_TYPE_PERCPU_ARRAY)
        view.cpus = input.ConsumeIntegralInRange<std::size_t>(1, 3);
    if (is_array_like(view.map_type)) // always numbered
        view.key = untyped_layout(4);
    else if (!is_queue_like(view.map_type))
        view.key = some_layout(input, types, types.any(2), "key");
    view.value = some_layout(input, types, types.any(4), "value");
    view.open_metrics = some_metadata(input, view);
    return view;
}

// Entries as the kernel lays them out; the last byte of the last one is the last of its vector.
struct Entries {
    Entries(FuzzedDataProvider& input, const MetricView& view) {
        batch.count = input.ConsumeIntegralInRange<std::size_t>(0, most_entries);
        batch.key_stride = view.key ? view.key->size : 0;
        batch.value_stride = view.cpus > 0 ? view.cpus * cpu_stride(view) : view.value.size;
        const auto bytes = input.ConsumeRemainingBytes<std::uint8_t>();
        const auto take = [&](std::vector<std::byte>& to, std::size_t size, std::size_t from) {
            to.resize(size);
            for (std::size_t i = 0; i < size && !bytes.empty(); ++i)
                to[i] = static_cast<std::byte>(bytes[(from + i) % bytes.size()]);
        };
        take(keys, batch.count * batch.key_stride, 0);
        take(values, batch.count * batch.value_stride, keys.size());
        batch.keys = view.key ? keys.data() : nullptr;
        batch.values = values.data();
    }

    std::vector<std::byte> keys;
    std::vector<std::byte> values;
    Batch batch;
};

Batch one_entry(const Batch& all, std::size_t index) {
    Batch one = all;
    one.count = 1;
    one.keys = all.keys == nullptr ? nullptr : all.keys + index * all.key_stride;
    one.values = all.values + index * all.value_stride;
    return one;
}

// All at once or one at a time: how the kernel hands them over must not show.
std::string document(const ExportOptions& options, const MetricView& view, const Batch& batch,
                     bool at_once, bool in_monitor) {
    Sink sink(-1);
    const auto exporter = make_exporter(options, sink);
    exporter->begin_document(in_monitor ? "web" : "", {7, noon - 1'500'000'000, noon, 3});
    exporter->begin_metric(view);
    if (at_once)
        exporter->entries(batch);
    for (std::size_t i = 0; i < batch.count && !at_once; ++i)
        exporter->entries(one_entry(batch, i));
    exporter->end_metric(noon / 1000);
    exporter->end_document();
    return sink.buffer();
}

void check_formats(const MetricView& view, const Batch& batch, const ExportOptions& given,
                   bool in_monitor) {
    for (const Format format : {Format::json, Format::dynmon, Format::csv, Format::table}) {
        ExportOptions options = given;
        options.format = format;
        if (format == Format::dynmon) {
            options.sort.clear();
            options.top = 0;
        }
        const std::string text = document(options, view, batch, true, in_monitor);
        expect(document(options, view, batch, false, in_monitor) == text,
               "another text when entries come one at a time", text);
        if (format == Format::csv)
            fuzz::check_csv_document(text);
        else if (format == Format::table)
            fuzz::check_table_document(text);
        else
            fuzz::check_json_document(text);
    }
}

void check_openmetrics(const MetricView& view, const Batch& batch) {
    SeriesTable table(view);
    table.add(batch);
    SeriesTable again(view);
    for (const auto& [id, values] : table.rows()) {
        expect(id.size() == table.id_size(), "a series whose id has another size");
        expect(values.size() == table.value_count(), "a series with other values");
        again.add_total(reinterpret_cast<const std::byte*>(id.data()), values.data());
    }
    Sink sink(-1);
    write_openmetrics({&table}, {{"monitor", "web"}}, sink);
    fuzz::check_openmetrics_document(sink.buffer());
}

} // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
    libbpf_set_print([](libbpf_print_level, const char*, va_list) { return 0; });
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    FuzzedDataProvider input(data, size);
    fuzz::MadeTypes types(input);
    ExportOptions options;
    options.raw = input.ConsumeBool();
    options.value_only = input.ConsumeBool();
    options.top = input.ConsumeIntegralInRange<std::size_t>(0, 3);
    const bool in_monitor = input.ConsumeBool();
    try {
        const MetricView view = some_view(input, types);
        if (view.value.size == 0 || (view.key && view.key->size == 0))
            return 0; // no map has them
        if (input.ConsumeBool())
            options.sort = (input.ConsumeBool() ? "-" : "") + some_path(input, view.value, "value");
        const Entries entries(input, view);
        fuzz::check_layout(view.value, entries.values);
        check_formats(view, entries.batch, options, in_monitor);
        check_openmetrics(view, entries.batch);
    } catch (const Error& error) {
        expect(error.kind() == ErrorKind::usage, error.what());
    }
    return 0;
}
