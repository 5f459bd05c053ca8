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
#include "control/window_steps.hpp"
#include "control/window_writer.hpp"
#include "format/shape.hpp"
#include "hook/hook.hpp"
#include "kernel/clock.hpp"
#include "kernel/fence.hpp"
#include "state/bpffs.hpp"
#include "state/state.hpp"

namespace dynmon {

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

namespace {

// One read of one monitor, from the lock to the last byte.
class Reading : private WindowPort {
public:
    Reading(const Store& store, const ReadRequest& request, Sink& sink, OpenedState monitor)
        : store_(store), request_(request), dir_(store.monitor_dir(request.name)),
          current_(current_generation(store, request.name)), record_(current_.read_record()),
          maps_(current_), state_map_(std::move(monitor.state_map)), state_(monitor.state),
          positions_(std::move(monitor.positions)),
          sources_(current_sources(store_, maps_, record_, state_.active_side(), both_sides())),
          selected_(select(sources_, request)), unasked_(sources_of(unasked_metrics(facts()))),
          output_(checked_output(store, request, selected_)), sink_(sink),
          writer_(request, dir_, output_with(unasked_.size()), sink) {
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
        require_room_for_unasked();
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
        if (!WindowSteps(facts(), *this).run())
            return log::info("a newer window is there too: the next read prints it");
        if (request_.exposes())
            writer_.finish(selected_, identity_);
    }

private:
    // A replaced generation whose windows are handed out.
    struct Replaced {
        GenerationDir dir;
        GenerationRecord record;
        std::vector<MetricSource> sources;
    };

    ReadFacts facts() const {
        return {.state = state_,
                .generation = record_.number,
                .metrics = facts_of(sources_),
                .takes = request_.takes(),
                // A reader of what Dynmon printed expects one document: the oldest window.
                .one_document = request_.consumer == nullptr && request_.output != nullptr &&
                                request_.output->format->one_document};
    }

    std::vector<MetricFacts> facts_of(const std::vector<MetricSource>& sources) const {
        std::vector<MetricFacts> facts;
        for (const MetricSource& source : sources)
            facts.push_back({.index = source.index,
                             .swap = source.swap,
                             .consumed = source.consumed(),
                             .wanted = wants(request_, source)});
        return facts;
    }

    // The metrics of which both sides are walked. A named reader swaps before it shows totals.
    std::uint64_t both_sides() const {
        return request_.is_named() ? ~std::uint64_t{0} : state_.pending;
    }

    std::vector<const MetricSource*> sources_of(std::uint64_t bits) const {
        std::vector<const MetricSource*> found;
        for (const MetricSource& source : sources_)
            if ((bits & source.bit()) != 0)
                found.push_back(&source);
        return found;
    }

    // A peek has put nothing back into the chains.
    std::vector<CountingPlace> look_at_places() const {
        if (request_.peek && request_.known_places != nullptr)
            return *request_.known_places;
        return request_.peek ? counting_places_in_chains(store_, current_, record_.programs)
                             : counting_places(store_, current_, record_.programs);
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

    void discard_if_read(const GenerationDir& old, const GenerationRecord& record) {
        if (!metric_sources(old, record).empty() || log_has_generation(dir_, record.number))
            return;
        // Others look through all generations of the store while they hold its lock.
        const DirectoryLock lock = store_.lock(DirectoryLock::Mode::exclusive);
        store_.discard(old.path());
    }

    std::vector<const MetricSource*> waiting() const {
        std::vector<const MetricSource*> all = selected_;
        all.insert(all.end(), unasked_.begin(), unasked_.end());
        return all;
    }

    ExportOptions output_with(std::size_t more_metrics) const {
        ExportOptions options = output_;
        options.metric_count += more_metrics;
        return options;
    }

    void require_room_for_unasked() {
        if (unasked_.empty())
            return;
        if ((output_.format->is_archive || output_.format->one_table) && has_shape(output_))
            throw Error(ErrorKind::busy, text_of(unasked_metrics(facts())))
                .hint("`dynmon-load read " + request_.name +
                      "` hands it out; condition and columns of this read do not fit it");
        if (!output_.format->one_table)
            return;
        try {
            writer_.prepare(waiting());
        } catch (const Error&) { // it has other columns
            throw Error(ErrorKind::busy, text_of(unasked_metrics(facts())))
                .hint("`dynmon-load read " + request_.name + "` hands it out");
        }
    }

    // Says which metrics of the window that waits a reader may have seen a part of.
    std::string text_of(std::uint64_t again) const {
        const MonitorState seen{
            .pending = again, .pending_sequence = state_.pending_sequence, .begun = again};
        const auto window = unfinished_window(seen, record_.manifest);
        return window ? describe(*window) : "";
    }

    std::uint64_t now_ns() override { return epoch_ns(); }

    void write(const MonitorState& state) override {
        state_map_.write(state);
        state_ = state;
    }

    void prepare_swap(Side next) override {
        swap_lock_.emplace(store_.lock(DirectoryLock::Mode::exclusive));
        swap_.emplace(store_, current_, record_, next, std::move(positions_));
    }

    void swap() override { swap_->run(*swap_lock_); }

    void fence() override {
        dynmon::fence();
        swap_.reset();
        swap_lock_.reset();
    }

    void show(const ShownWindow& shown) override {
        WindowContent content;
        content.window = shown.window;
        content.last = shown.last;
        for (const WindowPart& part : shown.parts) {
            const MetricSource& source = source_at(sources_, part.metric);
            content.items.push_back({&source, maps_.open(source.map, part.side),
                                     source.consumed() && !request_.peek, part.quiet,
                                     part.from_ns});
        }
        if (shown.again != 0 && !request_.exposes())
            log::warn(text_of(shown.again) + ": here it is again");
        if (shown.unasked && has_shape(output_))
            show_whole(content);
        else
            writer_.deliver(content);
    }

    // Condition and columns are for the metrics that were asked for.
    void show_whole(const WindowContent& content) {
        ReadRequest whole = request_;
        const ExportOptions output = without_shape(output_with(unasked_.size()));
        whole.output = &output;
        WindowWriter plain(whole, dir_, output, sink_);
        plain.prepare(unasked_);
        plain.counts_at(places_);
        plain.deliver(content);
    }

    static const MetricSource& source_at(const std::vector<MetricSource>& sources,
                                         std::size_t index) {
        return *std::find_if(sources.begin(), sources.end(),
                             [&](const MetricSource& source) { return source.index == index; });
    }

    std::vector<std::uint32_t> replaced_generations() override {
        std::vector<std::uint32_t> numbers = generation_numbers(dir_);
        numbers.pop_back(); // which runs
        return numbers;
    }

    std::optional<RetiredFacts> look_at_replaced(std::uint32_t generation) override {
        const GenerationDir old = generation_dir(dir_, generation);
        auto retirement = old.read_retirement();
        if (!retirement)
            return std::nullopt;
        const GenerationRecord record = old.read_record();
        replaced_.emplace(Replaced{old, record, named_sources(store_, old, record)});
        RetiredFacts facts{.generation = generation,
                           .retirement = std::move(*retirement),
                           .metrics = facts_of(replaced_->sources)};
        for (const MetricSource& source : replaced_->sources)
            for (const Side side : {Side::a, Side::b})
                if (exists(old.map_path(source.map, side)))
                    facts.there.insert({source.index, side});
        return facts;
    }

    void show_replaced(const ShownWindow& shown) override {
        WindowContent content;
        content.of_current = false;
        content.window = shown.window;
        for (const WindowPart& part : shown.parts) {
            const MetricSource& source = source_at(replaced_->sources, part.metric);
            content.items.push_back(
                {&source,
                 std::make_shared<const OpenedMap>(replaced_->dir.open_map(source.map, part.side)),
                 true, part.quiet, part.from_ns});
        }
        writer_.deliver(content);
    }

    void remove_maps(const ShownWindow& shown) override {
        for (const WindowPart& part : shown.parts)
            remove_pin(
                replaced_->dir.map_path(source_at(replaced_->sources, part.metric).map, part.side));
    }

    void discard_if_read(std::uint32_t) override {
        discard_if_read(replaced_->dir, replaced_->record);
    }

    const Store& store_;
    const ReadRequest& request_;
    std::string dir_;
    GenerationDir current_;
    GenerationRecord record_;
    GenerationMaps maps_;
    StateMap state_map_;
    MonitorState state_;
    std::vector<ChainPosition> positions_; // until the swap
    std::vector<MetricSource> sources_;
    std::vector<const MetricSource*> selected_;
    std::vector<const MetricSource*> unasked_; // of others, which stand in the way of a swap
    ExportOptions output_;
    Sink& sink_;
    WindowWriter writer_;
    std::vector<CountingPlace> places_;
    std::optional<DirectoryLock> swap_lock_;
    std::optional<MonitorSwap> swap_;
    std::optional<Replaced> replaced_;
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
            with_rights(request.name, [&] { settled_ = settle(request.name); });
        std::optional<DirectoryLock> opening;
        if (request.peek) // a load that has published the monitor is about to start it
            opening.emplace(store_.lock_for(request.name, DirectoryLock::Mode::shared));
        if (request.is_named())
            open_named(request, sink);
        else
            open_reading(request, sink);
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

    void open_reading(const ReadRequest& request, Sink& sink) {
        reading_.emplace(store_, request, sink,
                         settled_ ? std::move(*settled_) : open_state(store_, request.name));
        settled_.reset();
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
        open_reading(whole_, sink);
        if (request.exposes())
            exposing_.emplace(store_, request, sink, open_state(store_, request.name));
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

    OpenedState settle(const std::string& name) const {
        const DirectoryLock lock = store_.lock_for(name, DirectoryLock::Mode::exclusive);
        std::optional<OpenedState> monitor = settle_monitor(store_, lock, name);
        if (!monitor)
            throw Error(ErrorKind::failed,
                        "monitor '" + name + "' is gone: its load or unload was interrupted");
        const GenerationDir current = current_generation(store_, name);
        keep_clock_right(current, current.read_record());
        return std::move(*monitor);
    }

    Store store_;
    DirectoryLock lock_;
    std::optional<OpenedState> settled_; // until the reading has it
    ReadRequest whole_;                  // of a named reader
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

} // namespace dynmon
