// SPDX-License-Identifier: BSD-2-Clause
#include "control/window_writer.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/log.hpp"
#include "format/export_options.hpp"
#include "kernel/clock.hpp"
#include "source/totals.hpp"

namespace dynmon {

namespace {

// Two metrics may read one map.
bool is_first_user(const std::vector<WindowMap>& items, std::size_t index) {
    for (std::size_t i = 0; i < index; ++i)
        if (items[i].source->map.name == items[index].source->map.name)
            return false;
    return true;
}

// The direction before this one that has its map.
std::optional<Direction> other_direction(const std::vector<WindowMap>& items, std::size_t index) {
    const Direction own = items[index].source->view.direction;
    for (std::size_t i = 0; i < index; ++i)
        if (items[i].source->map.name == items[index].source->map.name &&
            items[i].source->view.direction != own)
            return items[i].source->view.direction;
    return std::nullopt;
}

bool has_series(const MetricSource& source) {
    return source.view.open_metrics.has_value();
}

// Where the exporter, if there is one, wants what is drained; null: it does not care.
DrainBuffer* room_of(Exporter* exporter, const MetricView& metric, const MapFacts& facts) {
    const std::size_t most = std::size_t{facts.max_entries} * facts.value_size;
    return exporter == nullptr ? nullptr : exporter->room_for_drained(metric, most);
}

} // namespace

void make_totals(const std::string& monitor_dir, const std::vector<MetricSource>& sources) {
    for (const MetricSource& source : sources)
        if (has_series(source)) // also what is not emptied: a replaced generation is added up
            Totals::open(monitor_dir, SeriesTable(source.view));
}

bool has_totals(const std::string& monitor_dir, const std::vector<MetricSource>& sources) {
    return std::all_of(sources.begin(), sources.end(), [&](const MetricSource& source) {
        return !has_series(source) ||
               Totals::open_existing(monitor_dir, SeriesTable(source.view)).are_whole();
    });
}

WindowWriter::WindowWriter(const ReadRequest& request, std::string totals_dir,
                           const ExportOptions& options, Sink& sink)
    : monitor_(request.name), totals_dir_(std::move(totals_dir)), takes_(request.takes()),
      jobs_(request.jobs), open_metrics_(request.exposes()), facts_{.build = options.build},
      exposition_(options.format->is_classic ? Exposition::classic : Exposition::openmetrics),
      sink_(sink), consumed_(request.consumer != nullptr) {
    if (!consumed_ && !open_metrics_)
        own_exporter_ = make_exporter(options, sink);
    exporter_ = consumed_ ? request.consumer : own_exporter_.get();
}

WindowWriter::~WindowWriter() = default;

// Each entry once: a map of both directions with the first of them. Two metrics of one direction
// show a map in two ways, but for a queue, of which the first shows what is drained, and for a
// consumer.
bool WindowWriter::is_shown(const WindowContent& content, std::size_t index) const {
    const bool queue = is_queue_like(content.items[index].source->view.map_type);
    return queue || consumed_ ? is_first_user(content.items, index)
                              : !other_direction(content.items, index);
}

// Whether what is read leaves the map, by any metric of it.
bool WindowWriter::takes(const WindowContent& content, std::size_t index) const {
    const std::string& map = content.items[index].source->map.name;
    return takes_ &&
           std::any_of(content.items.begin(), content.items.end(), [&](const WindowMap& item) {
               return item.take && item.source->map.name == map;
           });
}

// What is taken out has to be shown before: the last metric that shows a map takes it.
bool WindowWriter::takes_out(const WindowContent& content, std::size_t index) const {
    const std::vector<WindowMap>& items = content.items;
    for (std::size_t i = index + 1; i < items.size(); ++i)
        if (items[i].source->map.name == items[index].source->map.name && is_shown(content, i))
            return false;
    return takes(content, index) && is_shown(content, index);
}

// False: the map holds nothing.
bool WindowWriter::walk(const WindowContent& content, std::size_t index, SeriesTable* series) {
    const WindowMap& item = content.items[index];
    if (!is_shown(content, index))
        return true;
    const bool queue = is_queue_like(item.source->view.map_type);
    const bool remove = takes_out(content, index) && (queue || !item.quiet);
    const MapFacts& facts = item.map->facts;
    DrainBuffer* const room =
        queue && remove ? room_of(exporter_, item.source->view, facts) : nullptr;
    MapReader reader(item.map->fd, facts, remove ? Take::remove : Take::look, jobs_, room);
    Batch batch;
    std::uint64_t entries = 0;
    bool holds = false;
    while (reader.next(batch)) {
        entries += batch.count;
        holds = holds || !holds_nothing(batch, facts);
        if (queue && remove)
            drained_.keep(item.map->fd, batch, room != nullptr);
        if (exporter_)
            exporter_->entries(batch);
        if (series != nullptr)
            series->add(batch);
    }
    if (content.of_current)
        facts_.entries[{item.source->view.direction, item.source->view.name}] = entries;
    if (reader.approximate() && !item.quiet)
        approximate_.insert(item.source->map.name);
    return holds;
}

// One warning a window, however many maps there are.
void WindowWriter::warn_of_approximate() {
    std::string names;
    for (const std::string& name : approximate_)
        names += (names.empty() ? "" : "', '") + name;
    if (!names.empty())
        warn_approximate((approximate_.size() == 1 ? "map '" : "maps '") + names + "'");
    approximate_.clear();
}

void WindowWriter::fold(const WindowContent& content, const WindowMap& item,
                        const SeriesTable& series) {
    // A metric that was redefined since has totals of another shape: what it was has ended.
    const Totals& totals = totals_of(series, content.of_current);
    const MetricView& metric = item.source->view;
    if (!totals.fold(content.window.sequence, series))
        log::warn("metric '" + metric.name + "' has more series than its max-series, " +
                  std::to_string(metric.open_metrics->max_series) +
                  ": OpenMetrics shows the others as one, dynmon_series=\"other\"");
}

void WindowWriter::make_totals(const std::vector<MetricSource>& sources) {
    for (const MetricSource& source : sources)
        if (has_series(source))
            totals_of(SeriesTable(source.view), true);
}

const Totals& WindowWriter::totals_of(const SeriesTable& shape, bool make) {
    const MetricView& metric = shape.metric();
    Totals& totals =
        totals_[to_string(metric.direction) + ("/" + metric.name + "/") + shape.shape()];
    if (!totals.are_there())
        totals =
            make ? Totals::open(totals_dir_, shape) : Totals::open_existing(totals_dir_, shape);
    return totals;
}

void WindowWriter::prepare(const std::vector<const MetricSource*>& sources) {
    if (exporter_ != nullptr) {
        std::vector<const MetricView*> views;
        for (const MetricSource* source : sources)
            views.push_back(&source->view);
        exporter_->prepare(views);
    }
    if (!open_metrics_)
        return;
    for (const MetricSource* source : sources)
        if (has_series(*source))
            gathered_[{source->view.direction, source->view.name}] =
                std::make_unique<SeriesTable>(source->view);
}

// A replaced generation may have had another metric under the same name: that one has ended. A
// window that was closed may have come into the totals, or a part of it, with a reader that died.
void WindowWriter::gather(const WindowContent& content, const WindowMap& item,
                          SeriesTable& series) {
    const MetricView& metric = item.source->view;
    const auto found = gathered_.find({metric.direction, metric.name});
    if (found == gathered_.end() || found->second->id_size() != series.id_size() ||
        found->second->value_count() != series.value_count())
        return;
    const Totals& totals = totals_of(series, false);
    if (item.quiet)
        totals.leave_out_folded(content.window.sequence, series);
    totals.keep_places(*found->second);
    found->second->absorb(series);
}

// Series that have places in the totals are not left out for others.
std::unique_ptr<SeriesTable> WindowWriter::make_table(const WindowMap& item) {
    auto table = std::make_unique<SeriesTable>(item.source->view);
    table->before_leaving_out([&totals = totals_of(*table, false), series = table.get()] {
        totals.keep_places(*series);
    });
    return table;
}

void WindowWriter::print(const WindowContent& content,
                         std::vector<std::unique_ptr<SeriesTable>>& series,
                         std::vector<bool>& holds) {
    if (exporter_)
        exporter_->begin_document(monitor_, content.window);
    for (std::size_t i = 0; i < content.items.size(); ++i) {
        const WindowMap& item = content.items[i];
        if (has_series(*item.source) && is_shown(content, i) &&
            (open_metrics_ || takes(content, i)))
            series[i] = make_table(item);
        MetricView view = item.source->view;
        view.from_ns = item.from_ns;
        if (!is_shown(content, i))
            view.same_as = other_direction(content.items, i);
        if (exporter_)
            exporter_->begin_metric(view);
        holds[i] = walk(content, i, series[i].get());
        if (exporter_)
            exporter_->end_metric(epoch_ns() / 1000);
    }
    if (exporter_)
        exporter_->end_document();
    if (exporter_ && content.last)
        exporter_->finish();
    sink_.flush();
}

void WindowWriter::counts_at(const std::vector<CountingPlace>& places) {
    places_ = places;
    if (exporter_ != nullptr)
        exporter_->counts_at(places);
}

void WindowWriter::deliver(const WindowContent& content) {
    if (content.of_current)
        shown_from_ns_ = content.window.from_ns;
    std::vector<std::unique_ptr<SeriesTable>> series(content.items.size());
    std::vector<bool> holds(content.items.size());
    try {
        print(content, series, holds); // flushes too: the maps are emptied below
    } catch (...) {
        drained_.put_back();
        throw;
    }
    drained_.forget();
    warn_of_approximate();
    for (std::size_t i = 0; i < content.items.size(); ++i) {
        const WindowMap& item = content.items[i];
        if (series[i] && takes(content, i))
            fold(content, item, *series[i]);
        if (item.quiet && holds[i] && takes_out(content, i))
            empty_map(item.map->fd, item.map->facts);
        if (series[i] && open_metrics_)
            gather(content, item, *series[i]);
    }
}

void WindowWriter::finish(const std::vector<const MetricSource*>& sources,
                          const std::vector<std::pair<std::string, std::string>>& identity) {
    if (!open_metrics_)
        return;
    std::vector<const SeriesTable*> tables;
    for (const MetricSource* source : sources) {
        if (!has_series(*source))
            continue;
        SeriesTable& table = *gathered_.at({source->view.direction, source->view.name});
        totals_of(table, false).add_to(table);
        tables.push_back(&table);
    }
    if (const std::uint64_t now = epoch_ns(); shown_from_ns_ != 0 && shown_from_ns_ < now)
        facts_.window_age = static_cast<double>(now - shown_from_ns_) / 1e9;
    write_openmetrics(tables, identity, sink_, places_, exposition_, facts_);
    sink_.flush();
}

} // namespace dynmon
