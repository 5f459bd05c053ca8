// SPDX-License-Identifier: BSD-2-Clause
// Entries → text: ns a byte of each format.
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fcntl.h>

#include <sys/mman.h>

#include "format/export_options.hpp"
#include "format/exporter.hpp"
#include "format/openmetrics.hpp"
#include "full_map.hpp"
#include "measure.hpp"
#include "source/typed_map.hpp"

namespace bench {

namespace {

using dynmon::Fd;
using dynmon::Format;
using dynmon::Sink;
using dynmon::TypedMap;

// The entries of a map, read once.
struct Entries {
    explicit Entries(const TypedMap& map, const FullMap& full) {
        dynmon::MapReader reader(full.fd(), map.facts(), dynmon::Take::look);
        dynmon::Batch part;
        while (reader.next(part)) {
            keys.insert(keys.end(), part.keys, part.keys + part.count * part.key_stride);
            values.insert(values.end(), part.values, part.values + part.count * part.value_stride);
            batch = part;
        }
        batch.keys = keys.data();
        batch.values = values.data();
        batch.count = keys.size() / batch.key_stride;
    }
    std::vector<std::byte> keys;
    std::vector<std::byte> values;
    dynmon::Batch batch;
};

void print_entries(const TypedMap& map, const Entries& entries, Format format, Sink& sink) {
    const auto exporter = dynmon::make_exporter({.format = format}, sink);
    exporter->begin_document("bench", {});
    exporter->begin_metric(map.view());
    exporter->entries(entries.batch);
    exporter->end_metric(0);
    exporter->end_document();
    sink.flush();
}

// Every field of the key a label, every number of the value a series.
void print_openmetrics(const TypedMap& map, const Entries& entries, Sink& sink) {
    dynmon::MetricView view = map.view();
    view.open_metrics.emplace();
    view.open_metrics->type = dynmon::MetricType::counter;
    for (const char* label : {"saddr", "daddr", "sport", "dport", "proto"})
        view.open_metrics->labels.push_back({.name = label, .field = std::string("key.") + label});
    for (const char* series : {"seq", "ack_seq", "window", "check"})
        view.open_metrics->series.push_back(
            {.name = std::string("bench_") + series, .field = std::string("value.") + series});
    dynmon::SeriesTable table(view);
    table.add(entries.batch);
    dynmon::write_openmetrics({&table}, {{"monitor", "bench"}}, sink);
    sink.flush();
}

} // namespace

// What a byte of output costs in each format, without the kernel's part: it is the same for all,
// and their bytes an entry are not.
void measure_formats(const Setup& setup, Results& results) {
    constexpr std::uint32_t count = 10'000;
    constexpr int times = 10;
    constexpr double most_of_json = 1.5;
    const FullMap full(false, count, count);
    const TypedMap map = TypedMap::by_id(full.id());
    const Entries entries(map, full);
    const Fd nowhere(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    Sink sink(nowhere.get());
    using Printer = std::function<void(Sink&)>;
    const auto in = [&](Format format) {
        return [&map, &entries, format](Sink& to) { print_entries(map, entries, format, to); };
    };
    const std::vector<std::pair<const char*, Printer>> formats{
        {"json", in(Format::json)},
        {"jsonl", in(Format::jsonl)},
        {"csv", in(Format::csv)},
        {"npy", in(Format::npy)},
        {"openmetrics", [&](Sink& to) { print_openmetrics(map, entries, to); }},
        {"table", in(Format::table)}};
    std::vector<Contender> contenders;
    for (const auto& [name, printer] : formats) {
        const Fd file(::memfd_create("output", MFD_CLOEXEC));
        Sink whole(file.get());
        printer(whole);
        const auto bytes = static_cast<double>(contents(file).size());
        Figure& figure = results.figure("formatting 10000 entries", name, "ns/byte", "json");
        if (name == std::string_view("csv") || name == std::string_view("openmetrics"))
            figure.most_ratio = most_of_json;
        contenders.push_back({figure, setup.rounds, [&sink, printer = printer, bytes] {
                                  return cpu_ns_of([&] {
                                             for (int i = 0; i < times; ++i)
                                                 printer(sink);
                                         }) /
                                         times / bytes;
                              }});
    }
    take_turns(contenders);
}

} // namespace bench
