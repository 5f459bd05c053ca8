// SPDX-License-Identifier: BSD-2-Clause
#include "control/hand_out.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/identifier.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "control/read.hpp"
#include "control/window.hpp"
#include "control/window_log.hpp"
#include "kernel/bpf.hpp"
#include "kernel/clock.hpp"

namespace dynmon {

namespace {

std::string names_in(const WindowLog& log) {
    std::string names;
    for (const NamedReader& reader : log.readers())
        names += (names.empty() ? "'" : ", '") + std::string(reader.name.data()) + "'";
    return names;
}

void require_reader_name(const std::string& name) {
    if (!is_identifier(name))
        throw Error(ErrorKind::usage, "--as '" + name + "' is no name")
            .hint("a name has 1 to 63 letters, digits, '_' and '-'");
}

// The metric whose entries are those of this one's map.
const LoggedMetric& entries_of(const std::vector<LoggedMetric>& metrics,
                               const std::vector<MetricSource>& sources, std::size_t index) {
    if (is_queue_like(sources[index].view.map_type))
        return metrics[index];
    for (std::size_t i = 0; i < index; ++i)
        if (sources[i].map.name == sources[index].map.name)
            return metrics[i];
    return metrics[index];
}

} // namespace

WindowLog open_log_for(const Store& store, const ReadRequest& request) {
    const NamedReading& named = request.named;
    require_reader_name(named.as);
    const std::string dir = store.monitor_dir(request.name);
    std::optional<WindowLog> log = WindowLog::open(dir);
    if (log && named.keep_bytes && log->capacity() < *named.keep_bytes)
        throw Error(ErrorKind::usage, "--keep-memory: the readers of monitor '" + request.name +
                                          "' share " + std::to_string(log->capacity()) +
                                          " bytes already")
            .hint("it is for the first one; --forget removes them");
    if (!log)
        log = WindowLog::make(dir, named.keep_bytes.value_or(WindowLog::usual_bytes));
    if (log->find(named.as) == nullptr)
        log->add(named.as, epoch_ns());
    if (named.keep_ns)
        log->set_keep(named.as, *named.keep_ns);
    log->expire(epoch_ns(), named.as);
    return std::move(*log);
}

void require_no_named_readers(const Store& store, const std::string& monitor) {
    const auto log = WindowLog::open(store.monitor_dir(monitor));
    if (!log || log->readers().empty())
        return;
    throw Error(ErrorKind::busy, "monitor '" + monitor + "' has named readers, " + names_in(*log) +
                                     ", and one without a name would take their windows")
        .hint("give it a name with --as, or look with --peek; `dynmon-load read " + monitor +
              " --as NAME --forget` removes a reader");
}

void forget_reader(const Settings& settings, const std::string& monitor,
                   const std::string& reader) {
    require_reader_name(reader);
    const Store store = settings.open_store(false);
    const DirectoryLock lock = store.lock_monitor(monitor, DirectoryLock::Mode::exclusive);
    WindowClaim::require_free(store, monitor, reader);
    std::optional<WindowLog> log = WindowLog::open(store.monitor_dir(monitor));
    if (!log || log->find(reader) == nullptr)
        throw Error(ErrorKind::usage, "monitor '" + monitor + "' has no reader '" + reader + "'")
            .hint(log ? "it has " + names_in(*log) : "it has no named reader");
    WindowClaim::remove_place(store.monitor_dir(monitor), reader);
    log->remove(reader);
}

HandOut::HandOut(const Store& store, const ReadRequest& request, WindowLog& log,
                 const std::vector<MetricSource>& sources, const std::vector<CountingPlace>& places,
                 Sink& sink)
    : store_(store), request_(request), log_(log), sink_(sink), selected_(select(sources, request)),
      output_(checked_output(store, request, selected_)),
      own_exporter_(request.consumer == nullptr ? make_exporter(output_, sink) : nullptr),
      exporter_(own_exporter_ ? own_exporter_.get() : request.consumer) {
    std::vector<const MetricView*> views;
    for (const MetricSource* source : selected_)
        views.push_back(&source->view);
    exporter_->prepare(views);
    exporter_->counts_at(places);
}

void HandOut::run() {
    const std::string& reader = request_.named.as;
    if (const std::uint64_t lost = log_.tell_lost(reader); lost > 0)
        log::warn("reader '" + reader + "' has lost " + counted(lost, "window") +
                  ", for which it came too late");
    const auto& has_up_to = request_.named.has_up_to;
    if (has_up_to)
        take_off(*has_up_to);
    const std::vector<LoggedWindow> waiting = log_.waiting(reader);
    const bool prints = request_.consumer == nullptr;
    if (prints && output_.format->one_window && waiting.size() > 1)
        throw Error(ErrorKind::usage, "npy is one array, and " + std::to_string(waiting.size()) +
                                          " windows wait for reader '" + reader + "'")
            .hint("--format npz has room for all of them");
    for (std::size_t i = 0; i < waiting.size(); ++i) {
        // A reader of what Dynmon printed expects one document: the oldest window.
        if (prints && output_.format->one_document && i > 0)
            return log::info("a newer window is there too: the next read prints it");
        hand_out(waiting[i], i + 1 == waiting.size());
        if (!has_up_to)
            log_.took(reader, waiting[i].serial, epoch_ns());
    }
}

// Up to the first that it does not have: windows of a replaced generation come late.
void HandOut::take_off(std::uint64_t up_to) {
    for (const LoggedWindow& window : log_.waiting(request_.named.as)) {
        if (window.window.sequence > up_to)
            return;
        log_.took(request_.named.as, window.serial, epoch_ns());
    }
}

void HandOut::hand_out(const LoggedWindow& window, bool last) {
    const std::vector<std::byte> bytes = log_.bytes_of(window);
    const std::vector<LoggedMetric> metrics = read_logged(bytes);
    const GenerationDir dir =
        generation_dir(store_.monitor_dir(request_.name), window.window.generation);
    const std::vector<MetricSource> sources =
        named_logged_sources(store_, dir, dir.read_record(), metrics);
    Window shown = window.window;
    shown.from_ns = shown.to_ns;
    for (std::size_t i = 0; i < sources.size(); ++i)
        if (wants(request_, sources[i]))
            shown.from_ns = std::min(shown.from_ns, metrics[i].from_ns);
    exporter_->begin_document(request_.name, shown);
    for (std::size_t i = 0; i < sources.size(); ++i) {
        if (!wants(request_, sources[i]))
            continue;
        MetricView view = sources[i].view;
        view.from_ns = metrics[i].from_ns;
        bool shown_before = false; // the map, with a metric before this one
        for (std::size_t j = 0; j < i; ++j) {
            if (sources[j].map.name != sources[i].map.name || !wants(request_, sources[j]))
                continue;
            if (request_.consumer != nullptr || is_queue_like(view.map_type))
                shown_before = true;
            else if (sources[j].view.direction != view.direction && !view.same_as)
                view.same_as = sources[j].view.direction;
        }
        exporter_->begin_metric(view);
        if (!shown_before && !view.same_as)
            for (const Batch& batch : entries_of(metrics, sources, i).entries)
                exporter_->entries(batch);
        exporter_->end_metric(metrics[i].timestamp_us);
    }
    exporter_->end_document();
    if (last)
        exporter_->finish();
    sink_.flush();
}

} // namespace dynmon
