// SPDX-License-Identifier: BSD-2-Clause
// One window on its way out: walked, printed, added to the totals, and only then emptied.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "control/read.hpp"
#include "control/window.hpp"
#include "format/openmetrics.hpp"
#include "kernel/own_pin.hpp"
#include "source/map_reader.hpp"
#include "source/totals.hpp"

namespace dynmon {

// A metric's map as it takes part in one window.
struct WindowMap {
    const MetricSource* source = nullptr;
    std::shared_ptr<const OpenedMap> map;
    bool take = false; // what is read leaves the map
    // No program writes the map any more (the side that was swapped out, a retired generation): it
    // can be emptied after it was written out. Otherwise taking means look-up-and-delete.
    bool quiet = false;
    std::uint64_t from_ns = 0; // when the map began to count; 0: with the window
};

struct WindowContent {
    Window window;
    bool last = false;      // of this read
    bool of_current = true; // of the running generation, not of a replaced one
    std::vector<WindowMap> items;
};

// Makes the totals of all metrics that have some, so that a reader needs no right to make maps.
// `monitor_dir` may still be staged.
void make_totals(const std::string& monitor_dir, const std::vector<MetricSource>& sources);
bool has_totals(const std::string& monitor_dir, const std::vector<MetricSource>& sources);

// Prints deliveries in one format and gathers what OpenMetrics has to show at the end.
class WindowWriter {
public:
    // `totals_dir` is the monitor's directory.
    WindowWriter(const ReadRequest& request, std::string totals_dir, const ExportOptions& options,
                 Sink& sink);
    ~WindowWriter();

    // As the function of this name; keeps them open.
    void make_totals(const std::vector<MetricSource>& sources);
    // The metrics that the documents will be about. They must outlive this.
    void prepare(const std::vector<const MetricSource*>& sources);
    // Where the monitor counts now; before the first content.
    void counts_at(const std::vector<CountingPlace>& places);
    // After this the window is on its way to its reader: written, flushed, folded and emptied.
    void deliver(const WindowContent& content);
    // OpenMetrics: writes the exposition of `sources`. Other formats: nothing is left to do.
    void finish(const std::vector<const MetricSource*>& sources,
                const std::vector<std::pair<std::string, std::string>>& identity);

private:
    using MetricKey = std::pair<Direction, std::string>;

    // `series`, `holds`: filled in by item: what is to be added up, and whether the map has to be
    // emptied.
    void print(const WindowContent& content, std::vector<std::unique_ptr<SeriesTable>>& series,
               std::vector<bool>& holds);
    bool walk(const WindowContent& content, std::size_t index, SeriesTable* series);
    bool is_shown(const WindowContent& content, std::size_t index) const;
    bool takes(const WindowContent& content, std::size_t index) const;
    bool takes_out(const WindowContent& content, std::size_t index) const;
    void warn_of_approximate();
    void fold(const WindowContent& content, const WindowMap& item, const SeriesTable& series);
    void gather(const WindowContent& content, const WindowMap& item, SeriesTable& series);
    std::unique_ptr<SeriesTable> make_table(const WindowMap& item);
    const Totals& totals_of(const SeriesTable& shape, bool make);

    std::string monitor_;
    std::string totals_dir_;
    bool takes_;
    unsigned jobs_;
    bool open_metrics_;
    MonitorFacts facts_;
    Exposition exposition_;
    Sink& sink_;
    std::unique_ptr<Exporter> own_exporter_; // none for OpenMetrics, and none for a consumer
    Exporter* exporter_;                     // that, or the consumer; null for OpenMetrics
    bool consumed_;
    DrainedEntries drained_;
    std::set<std::string> approximate_; // maps of the window at hand that were read key by key
    std::map<MetricKey, std::unique_ptr<SeriesTable>> gathered_; // live values, not in the totals
    std::map<std::string, Totals> totals_;                       // by the pin and the shape
    std::vector<CountingPlace> places_;
    std::uint64_t shown_from_ns_ = 0; // of the current generation; 0: not known
};

} // namespace dynmon
