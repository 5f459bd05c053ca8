// SPDX-License-Identifier: BSD-2-Clause
#include "control/read.hpp"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>

#include "base/error.hpp"
#include "base/identifier.hpp"
#include "base/log.hpp"
#include "control/build.hpp"
#include "control/chain_lookup.hpp"
#include "control/hand_out.hpp"
#include "control/health.hpp"
#include "control/recover.hpp"
#include "control/swap.hpp"
#include "control/window.hpp"
#include "control/window_log.hpp"
#include "control/window_writer.hpp"
#include "format/shape.hpp"
#include "hook/hook.hpp"
#include "kernel/clock.hpp"
#include "kernel/fence.hpp"
#include "state/bpffs.hpp"
#include "state/state.hpp"

namespace dynmon {

namespace {

// One read of one monitor, from the lock to the last byte.
class Reading {
public:
    Reading(const Store& store, const ReadRequest& request, Sink& sink)
        : store_(store), request_(request), dir_(store.monitor_dir(request.name)),
          current_(current_generation(store, request.name)), record_(current_.read_record()),
          maps_(current_), sources_(current_sources(store_, maps_, record_)),
          state_map_(dir_ + "/state"), state_(state_map_.read()),
          selected_(select(sources_, request)), unfinished_(find_unfinished()),
          output_(checked_output(store, request, selected_)), sink_(sink),
          writer_(request, dir_, output_with(unfinished_.size()), sink) {
        if (state_.phase != Phase::running)
            throw Error(ErrorKind::busy, "monitor '" + request.name + "' is not running")
                .hint("its load or unload was interrupted: `dynmon-load recover`");
        writer_.prepare(selected_);
        places_ = look_at_places();
        writer_.counts_at(places_);
        if (request.places)
            request.places(places_);
        if (output_.format->one_window)
            require_one_window(store_, request_, state_, waiting());
        require_room_for_unfinished();
        if (request.exposes())
            identity_ = identity(); // while there is the right to look into the device's namespace
    }

    // Named readers have taken the last windows of replaced generations.
    void discard_retired() {
        for (const GenerationDir& old : retired_generations(store_, request_.name))
            if (old.read_retirement())
                discard_if_read(old, old.read_record());
    }

    void make_totals() { writer_.make_totals(sources_); }
    const std::vector<MetricSource>& sources() const { return sources_; }
    const std::vector<CountingPlace>& places() const { return places_; }

    void run() {
        if (request_.exposes())
            state_ = state_map_.read(); // a named reader has just taken a window
        deliver_retired();
        deliver_unfinished();
        deliver_pending(selected_, writer_);
        if (is_full())
            return log::info("a newer window is there too: the next read prints it");
        if (request_.takes())
            begin_window();
        deliver_current();
        if (request_.exposes())
            writer_.finish(selected_, identity_);
    }

private:
    // A peek has put nothing back into the chains.
    std::vector<CountingPlace> look_at_places() const {
        return request_.peek ? counting_places_in_chains(store_, current_, record_.programs)
                             : counting_places(store_, current_, record_.programs);
    }

    // A reader of what Dynmon printed expects one document: the oldest window.
    bool is_full() const {
        return request_.consumer == nullptr && output_.format->one_document &&
               delivered_windows_ > 0;
    }

    void deliver(const WindowContent& content, WindowWriter& writer) {
        writer.deliver(content);
        ++delivered_windows_;
    }

    bool any_swapped() const {
        return std::any_of(selected_.begin(), selected_.end(),
                           [](const MetricSource* source) { return source->swap; });
    }

    std::vector<std::pair<std::string, std::string>> identity() const {
        std::vector<std::pair<std::string, std::string>> labels{{"monitor", request_.name}};
        if (!record_.programs.empty()) {
            const HookId& hook = record_.programs.front().hook;
            if (exists(store_.hook_dir(hook)))
                labels.emplace_back("device", hook_device(store_, hook));
        }
        return labels;
    }

    // What replaced generations still hold, oldest first; then they are gone.
    void deliver_retired() {
        for (const GenerationDir& old : retired_generations(store_, request_.name)) {
            const auto retirement = old.read_retirement();
            if (!retirement || is_full())
                continue;
            const GenerationRecord record = old.read_record();
            const std::vector<MetricSource> sources = named_sources(store_, old, record);
            for (const Side side : {other(retirement->active), retirement->active})
                deliver_retired_side(old, record, *retirement, sources, side);
            if (request_.takes())
                discard_if_read(old, record);
        }
    }

    void discard_if_read(const GenerationDir& old, const GenerationRecord& record) {
        if (!metric_sources(old, record).empty() || log_has_generation(dir_, record.number))
            return;
        // Others look through all generations of the store while they hold its lock.
        const DirectoryLock lock = store_.lock(DirectoryLock::Mode::exclusive);
        store_.discard(old.path());
    }

    void deliver_retired_side(const GenerationDir& old, const GenerationRecord& record,
                              const Retirement& retirement,
                              const std::vector<MetricSource>& sources, Side side) {
        WindowContent content;
        content.of_current = false;
        const bool was_open = side == retirement.active;
        const std::uint64_t to_ns = was_open ? retirement.to_ns : retirement.pending_to_ns;
        content.window = {.sequence = was_open ? retirement.sequence : retirement.pending_sequence,
                          .from_ns = to_ns,
                          .to_ns = to_ns,
                          .generation = record.number};
        for (const MetricSource& source : sources) {
            if (!wants(request_, source) || (!source.swap && side != retirement.active))
                continue;
            OpenedMap map = old.try_open_map(source.map, side);
            if (!map.fd)
                continue;
            const bool follows = was_open && (retirement.pending & source.bit()) != 0;
            const std::uint64_t from_ns =
                follows ? retirement.pending_to_ns : retirement.from_ns.at(source.index);
            content.window.from_ns = std::min(content.window.from_ns, from_ns);
            content.items.push_back(
                {&source, std::make_shared<const OpenedMap>(std::move(map)), true, true, from_ns});
        }
        if (content.items.empty() || is_full())
            return;
        deliver(content, writer_);
        if (!request_.takes())
            return;
        for (const WindowMap& item : content.items)
            remove_pin(old.map_path(item.source->map, side));
    }

    // The swap gives all metrics new maps to count in: those that held the last window. Where this
    // read leaves a metric out, they may still hold it: a later read shows both windows as one. If
    // a reader has seen a part of the last one, that goes out first, under its number.
    std::vector<const MetricSource*> find_unfinished() const {
        std::vector<const MetricSource*> found;
        if (!request_.takes() || !any_swapped())
            return found;
        for (const MetricSource& source : sources_)
            if (source.swap && !wants(request_, source) &&
                (state_.pending & state_.begun & source.bit()) != 0)
                found.push_back(&source);
        return found;
    }

    std::vector<const MetricSource*> waiting() const {
        std::vector<const MetricSource*> all = selected_;
        all.insert(all.end(), unfinished_.begin(), unfinished_.end());
        return all;
    }

    ExportOptions output_with(std::size_t more_metrics) const {
        ExportOptions options = output_;
        options.metric_count += more_metrics;
        return options;
    }

    void require_room_for_unfinished() {
        if (unfinished_.empty())
            return;
        if ((output_.format->is_archive || output_.format->one_table) && has_shape(output_))
            throw Error(ErrorKind::busy, unfinished_text(unfinished_))
                .hint("`dynmon-load read " + request_.name +
                      "` hands it out; condition and columns of this read do not fit it");
        if (!output_.format->one_table)
            return;
        try {
            writer_.prepare(waiting());
        } catch (const Error&) { // it has other columns
            throw Error(ErrorKind::busy, unfinished_text(unfinished_))
                .hint("`dynmon-load read " + request_.name + "` hands it out");
        }
    }

    std::string unfinished_text(const std::vector<const MetricSource*>& sources) const {
        MonitorState state = state_;
        state.pending = 0;
        for (const MetricSource* source : sources)
            state.pending |= state_.pending & source->bit();
        const auto window = unfinished_window(state, record_.manifest);
        return window ? describe(*window) : "";
    }

    // Condition and columns are for the metrics that were asked for.
    void deliver_unfinished() {
        if (unfinished_.empty())
            return;
        if (!has_shape(output_))
            return deliver_pending(unfinished_, writer_);
        ReadRequest whole = request_;
        const ExportOptions output = without_shape(output_with(unfinished_.size()));
        whole.output = &output;
        WindowWriter plain(whole, dir_, output, sink_);
        plain.prepare(unfinished_);
        plain.counts_at(places_);
        deliver_pending(unfinished_, plain);
    }

    // A window that a reader closed and did not get to hand out, or that it closed for another
    // metric of the same monitor.
    void deliver_pending(const std::vector<const MetricSource*>& sources, WindowWriter& writer) {
        WindowContent content;
        content.window = {.sequence = state_.pending_sequence,
                          .from_ns = state_.pending_to_ns,
                          .to_ns = state_.pending_to_ns,
                          .generation = record_.number};
        std::uint64_t delivered = 0;
        for (const MetricSource* source : sources) {
            if ((state_.pending & source->bit()) == 0)
                continue;
            add_item(content, *source, other(state_.active_side()), true);
            delivered |= source->bit();
        }
        if (delivered == 0 || is_full())
            return;
        if (const std::string text = unfinished_text(sources); !text.empty() && !request_.exposes())
            log::warn(text + ": here it is again");
        if (request_.takes()) {
            state_.begun |= delivered;
            state_map_.write(state_);
            fence(); // the reader that closed it may have been killed before its own fence
        }
        deliver(content, writer);
        if (request_.takes())
            finish_window(sources, delivered, state_.pending_to_ns);
    }

    // A window's number is written before anything of it is handed out, and never given again.
    void begin_window() {
        ++state_.sequence;
        if (any_swapped())
            close_window();
        else
            state_map_.write(state_);
    }

    // The swap: every program of the monitor changes sides, both directions, one slot write each.
    // Packets that come after the write belong to the next window; the fence waits for those that
    // came before it and are still on their way through the old side.
    // The state is written first, so that a kill in between is rolled forward by the next verb.
    void close_window() {
        const DirectoryLock lock = store_.lock(DirectoryLock::Mode::exclusive);
        const Side next = other(state_.active_side());
        MonitorSwap swap(store_, current_, record_, next); // so that the writes follow each other
        state_.active = static_cast<std::uint32_t>(next);
        for (const MetricSource& source : sources_)
            if (source.swap)
                state_.pending |= source.bit();
        state_.begun = 0;
        for (const MetricSource* source : selected_)
            if (source->swap)
                state_.begun |= source->bit();
        state_.pending_sequence = state_.sequence;
        state_.pending_to_ns = epoch_ns();
        state_map_.write(state_);
        swap.run(lock);
        fence();
    }

    // The window that was just closed, and the metrics that are not swapped as they are now.
    void deliver_current() {
        const std::uint64_t now = epoch_ns();
        const bool closed = request_.takes() && any_swapped();
        const std::uint64_t to = closed ? state_.pending_to_ns : now;
        WindowContent content;
        content.last = true;
        content.window = {.sequence = state_.sequence + (request_.takes() ? 0 : 1),
                          .from_ns = to,
                          .to_ns = to,
                          .generation = record_.number};
        std::uint64_t delivered = 0;
        for (const MetricSource* source : selected_) {
            const Side side =
                source->swap && closed ? other(state_.active_side()) : state_.active_side();
            add_item(content, *source, side, source->swap && closed);
            delivered |= source->bit();
        }
        deliver(content, writer_);
        if (request_.takes())
            finish_window(selected_, delivered, to);
    }

    // The side that is written began where the window ended that is still to be handed out.
    std::uint64_t begin_of(const MetricSource& source, Side side) const {
        const bool follows = (state_.pending & source.bit()) != 0 && side == state_.active_side();
        return follows ? state_.pending_to_ns : state_.from_ns[source.index];
    }

    void add_item(WindowContent& content, const MetricSource& source, Side side, bool quiet) {
        const std::uint64_t from_ns = begin_of(source, side);
        content.window.from_ns = std::min(content.window.from_ns, from_ns);
        content.items.push_back({&source, maps_.open(source.map, side),
                                 source.consumed() && !request_.peek, quiet, from_ns});
    }

    void finish_window(const std::vector<const MetricSource*>& sources, std::uint64_t delivered,
                       std::uint64_t to_ns) {
        state_.pending &= ~delivered;
        state_.begun &= ~delivered;
        for (const MetricSource* source : sources)
            if ((delivered & source->bit()) != 0 && source->consumed())
                state_.from_ns[source->index] = to_ns;
        state_map_.write(state_);
    }

    const Store& store_;
    const ReadRequest& request_;
    std::string dir_;
    GenerationDir current_;
    GenerationRecord record_;
    GenerationMaps maps_;
    std::vector<MetricSource> sources_;
    StateMap state_map_;
    MonitorState state_;
    std::vector<const MetricSource*> selected_;
    std::vector<const MetricSource*> unfinished_; // of others, which stand in the way of a swap
    ExportOptions output_;
    Sink& sink_;
    WindowWriter writer_;
    std::vector<CountingPlace> places_;
    std::size_t delivered_windows_ = 0;
    std::vector<std::pair<std::string, std::string>> identity_; // labels of every series
};

void keep_clock_right(const GenerationDir& dir, const GenerationRecord& record) {
    const MapRecord* clock = record.map(clock_map_name);
    if (clock == nullptr)
        return;
    const OpenedMap map = dir.open_map(*clock, Side::a);
    refresh_clock(map.fd, map.facts, record.clock);
}

// A read with everything open, before it hands out anything.
class OpenedRead {
public:
    OpenedRead(const Settings& settings, const ReadRequest& request, Sink& sink)
        : store_(settings.open_store(false)),
          lock_(store_.lock_monitor(request.name, request.peek ? DirectoryLock::Mode::shared
                                                               : DirectoryLock::Mode::exclusive)) {
        if (request.is_named() || request.takes())
            claim(request);
        if (!request.peek)
            with_rights(request.name, [&] { settle(request.name); });
        std::optional<DirectoryLock> opening;
        if (request.peek) // a load that has published the monitor is about to start it
            opening.emplace(store_.lock_for(request.name, DirectoryLock::Mode::shared));
        if (request.is_named())
            open_named(request, sink);
        else
            reading_.emplace(store_, request, sink);
        if (request.peek)
            return;
        with_rights(request.name, [&] { reading_->make_totals(); });
        if (request.is_named() || request.takes())
            prepare_fence();
    }

    void run() {
        if (!whole_.named.only_waiting)
            reading_->run();
        if (hand_out_)
            hand_out_->run();
        if (exposing_)
            expose();
        if (log_)
            reading_->discard_retired();
    }

private:
    // A process that has given up its rights cannot finish what a killed one left.
    template <typename Body>
    static void with_rights(const std::string& name, Body&& body) {
        try {
            body();
        } catch (const Error& error) {
            if (error.error_number() != EPERM && error.error_number() != EACCES)
                throw;
            NeedsRepair repair(error);
            repair.during("monitor '" + name + "' was left half changed");
            if (error.hints().empty())
                repair.hint("`dynmon-load recover` finishes it");
            throw repair;
        }
    }

    // A named reader of totals takes its windows by reading the totals, which hold them.
    void expose() {
        if (const auto waiting = log_->waiting(reader_); !waiting.empty())
            log_->took(reader_, waiting.back().serial, epoch_ns());
        exposing_->run();
    }

    // All windows go into the log first, whole, and to the reader from there.
    void open_named(const ReadRequest& request, Sink& sink) {
        reader_ = request.named.as;
        log_.emplace(open_log_for(store_, request));
        writer_.emplace(*log_);
        whole_ = request;
        whole_.metric.clear();
        whole_.direction.reset();
        whole_.output = nullptr;
        whole_.consumer = &*writer_;
        reading_.emplace(store_, whole_, sink);
        if (request.exposes())
            exposing_.emplace(store_, request, sink);
        else
            hand_out_.emplace(store_, request, *log_, reading_->sources(), reading_->places(),
                              sink);
    }

    void claim(const ReadRequest& request) const {
        const std::string& reader = request.named.as;
        if (!reader.empty())
            WindowClaim::require_free(store_, request.name, "");
        else
            require_no_named_readers(store_, request.name);
        if (request.claim != nullptr)
            request.claim->hold(store_, request.name, reader);
        else
            WindowClaim::require_free(store_, request.name, reader);
    }

    void settle(const std::string& name) const {
        std::vector<std::string> actions;
        const DirectoryLock lock = store_.lock_for(name, DirectoryLock::Mode::exclusive);
        if (!recover_monitor(store_, lock, name, actions, LookAt::own_places))
            throw Error(ErrorKind::failed,
                        "monitor '" + name + "' is gone: its load or unload was interrupted");
        const GenerationDir current = current_generation(store_, name);
        keep_clock_right(current, current.read_record());
    }

    Store store_;
    DirectoryLock lock_;
    ReadRequest whole_; // of a named reader
    std::string reader_;
    std::optional<WindowLog> log_;
    std::optional<LogWriter> writer_;
    std::optional<Reading> reading_;
    std::optional<HandOut> hand_out_;
    std::optional<Reading> exposing_;
};

} // namespace

bool ReadRequest::exposes() const {
    return consumer == nullptr && output != nullptr && output->format.shows_totals();
}

void prepare_read(const Settings& settings, const ReadRequest& request) {
    Sink nowhere(-1);
    const OpenedRead prepared(settings, request, nowhere);
}

void read_monitor(const Settings& settings, const ReadRequest& request, Sink& sink) {
    OpenedRead reading(settings, request, sink);
    if (request.opened)
        request.opened();
    reading.run();
}

namespace {

// What a replaced probe left is read first, and may have had other fields.
void require_shape_of(const Store& store, const GenerationDir& old, const ReadRequest& request,
                      const ExportOptions& options) {
    if (!old.read_retirement())
        return;
    const GenerationRecord record = old.read_record();
    const std::vector<MetricSource> sources = named_sources(store, old, record);
    std::vector<const MetricView*> views;
    for (const MetricSource& source : sources)
        if (wants(request, source))
            views.push_back(&source.view);
    if (!views.empty())
        during("what generation " + std::to_string(record.number) + " left, which was replaced",
               [&] { require_shape(options, views); });
}

} // namespace

ExportOptions checked_output(const Store& store, const ReadRequest& request,
                             const std::vector<const MetricSource*>& selected) {
    std::vector<const MetricView*> views;
    for (const MetricSource* source : selected)
        views.push_back(&source->view);
    const bool prints = request.consumer == nullptr && request.output != nullptr;
    ExportOptions options = prints ? *request.output : ExportOptions{};
    options.metric_count = views.size();
    options.now_ns = epoch_ns();
    require_shape(options, views);
    if (has_shape(options))
        for (const GenerationDir& old : retired_generations(store, request.name))
            require_shape_of(store, old, request, options);
    return options;
}

void require_one_window(const Store& store, const ReadRequest& request, const MonitorState& state,
                        const std::vector<const MetricSource*>& selected) {
    bool waits = std::any_of(selected.begin(), selected.end(), [&](const MetricSource* source) {
        return (state.pending & source->bit()) != 0;
    });
    for (const GenerationDir& old : retired_generations(store, request.name))
        for (const MetricSource& source : metric_sources(old, old.read_record()))
            waits = waits || (old.read_retirement() && wants(request, source));
    if (waits)
        throw Error(ErrorKind::usage, "npy is one array, and an earlier window has not been read "
                                      "yet")
            .hint("--format npz has room for both; any other read takes the earlier one away");
}

namespace {

[[noreturn]] void throw_nothing_selected(const std::vector<MetricSource>& sources,
                                         const ReadRequest& request) {
    std::vector<std::string> names;
    std::string list;
    for (const MetricSource& source : sources) {
        names.push_back(source.view.name);
        list += std::string(list.empty() ? "" : ", ") + source.view.name + " (" +
                to_string(source.view.direction) + ")";
    }
    const std::string what = request.metric.empty()
                                 ? " has no metric there"
                                 : " has no metric '" + request.metric + "' there";
    const std::string nearest = nearest_name(request.metric, names);
    throw Error(ErrorKind::usage, "monitor '" + request.name + "'" + what)
        .hint(nearest.empty() || nearest == request.metric ? "it has " + list
                                                           : "did you mean '" + nearest + "'?");
}

} // namespace

bool wants(const ReadRequest& request, const MetricSource& source) {
    return (request.metric.empty() || source.view.name == request.metric) &&
           (!request.direction || source.view.direction == *request.direction);
}

std::vector<const MetricSource*> select(const std::vector<MetricSource>& sources,
                                        const ReadRequest& request) {
    std::vector<const MetricSource*> selected;
    for (const MetricSource& source : sources)
        if (wants(request, source))
            selected.push_back(&source);
    if (selected.empty())
        throw_nothing_selected(sources, request);
    return selected;
}

} // namespace dynmon
