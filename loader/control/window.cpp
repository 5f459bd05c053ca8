// SPDX-License-Identifier: BSD-2-Clause
#include "control/window.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>
#include <set>
#include <string>

#include "base/error.hpp"
#include "base/log.hpp"
#include "control/build.hpp"
#include "control/chain_lookup.hpp"
#include "control/window_steps.hpp"
#include "decode/merge_rule.hpp"
#include "hook/hook.hpp"
#include "kernel/bpf.hpp"
#include "kernel/device.hpp"
#include "kernel/own_pin.hpp"
#include "object/object.hpp"
#include "source/map_reader.hpp"
#include "source/map_types.hpp"
#include "state/bpffs.hpp"

namespace dynmon {

namespace {

// Sides of a map that exist: both for a swapped one.
std::vector<Side> sides_of(const MapRecord& map) {
    return map.swapped ? std::vector{Side::a, Side::b} : std::vector{Side::a};
}

std::set<std::uint32_t> map_ids(const GenerationDir& dir, const GenerationRecord& record) {
    std::set<std::uint32_t> ids;
    for (const MapRecord& map : record.maps)
        for (const Side side : sides_of(map))
            if (const OpenedMap opened = dir.try_open_map(map, side); opened.fd)
                ids.insert(opened.facts.id);
    return ids;
}

const MetricConfig* metric_of(const Manifest& manifest, Direction direction,
                              const std::string& name, std::size_t& index) {
    index = 0;
    for (const PathConfig& path : manifest.paths)
        for (const MetricConfig& metric : path.metrics) {
            if (path.direction == direction && metric.name == name)
                return &metric;
            ++index;
        }
    return nullptr;
}

// A metric goes on with its window when its map was carried over, else it begins a new one where
// the old generation ended.
MonitorState carry_state(const MonitorState& old_state, const GenerationRecord& old_record,
                         const GenerationRecord& record, const std::set<std::string>& carried,
                         std::uint64_t begin_ns) {
    MonitorState state = old_state;
    state.generation = record.number;
    state.pending = 0;
    state.begun = 0;
    state.doubled = 0;
    state.active = static_cast<std::uint32_t>(record.initial_side);
    state.from_ns.fill(begin_ns);
    std::size_t index = 0;
    for (const PathConfig& path : record.manifest.paths) {
        for (const MetricConfig& metric : path.metrics) {
            std::size_t before = 0;
            if (carried.contains(metric.map_name) &&
                metric_of(old_record.manifest, path.direction, metric.name, before) != nullptr) {
                state.from_ns[index] = old_state.from_ns[before];
                state.pending |= (old_state.pending >> before & 1) << index;
                state.begun |= (old_state.begun >> before & 1) << index;
                state.doubled |= (old_state.doubled >> before & 1) << index;
            }
            ++index;
        }
    }
    return state;
}

MetricSource make_source(std::size_t index, Direction direction, const MetricConfig& metric,
                         const MapRecord& map, const MapFacts& facts, const btf* types) {
    MetricView view{.name = metric.name,
                    .map_name = map.name,
                    .direction = direction,
                    .map_type = facts.type,
                    .max_entries = facts.max_entries,
                    .key = std::nullopt,
                    .value = value_layout(types, map.value_type_id, facts, metric.formats),
                    .cpus = is_per_cpu(facts.type) ? possible_cpus() : 0,
                    .merge_fields = metric.merge_fields,
                    .columns = metric.columns,
                    .open_metrics = metric.open_metrics,
                    .stays = !map.swapped && !metric.empty_on_read && !is_queue_like(facts.type)};
    view.merge = metric.merge.value_or(default_merge(view.value, metric.merge_fields));
    if (!is_queue_like(facts.type))
        view.key = key_layout(types, map.key_type_id, facts, metric.formats);
    return {.index = index,
            .view = std::move(view),
            .map = map,
            .swap = map.swapped,
            .empty = metric.empty_on_read || is_queue_like(facts.type)};
}

// What is read of an entry lies within it.
void require_entries_of(const MetricView& view, const LoggedMetric& logged) {
    const std::size_t value =
        view.cpus > 0 ? cpu_stride(view) * view.cpus : static_cast<std::size_t>(view.value.size);
    for (const Batch& batch : logged.entries)
        if (batch.value_stride < value ||
            (view.key && batch.key_stride < static_cast<std::size_t>(view.key->size)))
            throw Damaged("a window that waits for named readers has entries of '" + view.name +
                          "' that are too short");
}

std::set<std::string> metric_maps(const Manifest& manifest) {
    std::set<std::string> names;
    for (const PathConfig& path : manifest.paths)
        for (const MetricConfig& metric : path.metrics)
            names.insert(metric.map_name);
    return names;
}

// Was anything counted in the window that was open when the generation ended?
bool holds_open_window(const GenerationDir& old, const GenerationRecord& record, Side active,
                       const std::set<std::uint32_t>& live_on) {
    for (const std::string& name : metric_maps(record.manifest)) {
        const MapRecord* map = record.map(name);
        const auto [fd, facts] = map != nullptr ? old.try_open_map(*map, active) : OpenedMap();
        if (!fd)
            continue;
        if (!live_on.contains(facts.id) && !is_empty(fd, facts))
            return true;
    }
    return false;
}

// Unpins what no reader needs: maps that live on, empty ones, and those of no metric.
bool drop_what_is_read(const GenerationDir& old, const GenerationRecord& record,
                       const std::set<std::uint32_t>& live_on) {
    bool unread = false;
    for (const MapContent& map : map_contents(old, record)) {
        if (map.unread && !live_on.contains(map.id))
            unread = true;
        else
            remove_pin(map.path);
    }
    return unread;
}

} // namespace

std::vector<MapContent> map_contents(const GenerationDir& dir, const GenerationRecord& record) {
    std::vector<MapContent> contents;
    const std::set<std::string> wanted = metric_maps(record.manifest);
    for (const MapRecord& map : record.maps) {
        for (const Side side : sides_of(map)) {
            const auto [fd, facts] = dir.try_open_map(map, side);
            if (fd)
                contents.push_back({dir.map_path(map, side), facts.id,
                                    wanted.contains(map.name) && !is_empty(fd, facts)});
        }
    }
    return contents;
}

std::vector<MetricSource> metric_sources(const GenerationDir& dir, const GenerationRecord& record) {
    GenerationMaps maps(dir);
    return metric_sources(maps, record, Side::a);
}

std::vector<MetricSource> metric_sources(GenerationMaps& maps, const GenerationRecord& record,
                                         Side first) {
    const BtfPtr types = maps.dir().read_btf(record);
    std::vector<MetricSource> sources;
    std::size_t index = 0;
    for (const PathConfig& path : record.manifest.paths) {
        for (const MetricConfig& metric : path.metrics) {
            const std::size_t at = index++;
            const MapRecord* map = record.map(metric.map_name);
            if (map == nullptr)
                throw Error(ErrorKind::failed, "metric '" + metric.name + "' has no map");
            auto opened = maps.try_open(*map, first);
            if (!opened)
                opened = maps.try_open(*map, other(first));
            if (!opened)
                continue; // of a retired generation, and read already
            sources.push_back(
                make_source(at, path.direction, metric, *map, opened->facts, types.get()));
        }
    }
    return sources;
}

std::vector<MetricSource> logged_sources(const GenerationDir& dir, const GenerationRecord& record,
                                         const std::vector<LoggedMetric>& metrics) {
    const BtfPtr types = dir.read_btf(record);
    std::vector<MetricSource> sources;
    for (const LoggedMetric& logged : metrics) {
        std::size_t index = 0;
        const MetricConfig* const metric =
            metric_of(record.manifest, logged.direction, logged.name, index);
        const MapRecord* const map = metric != nullptr ? record.map(metric->map_name) : nullptr;
        if (map == nullptr)
            throw Damaged("a window that waits for named readers has a metric '" + logged.name +
                          "' that its generation does not have");
        sources.push_back(
            make_source(index, logged.direction, *metric, *map, logged.facts, types.get()));
        require_entries_of(sources.back().view, logged);
    }
    return sources;
}

bool retire(const GenerationDir& old, const GenerationRecord& old_record,
            const GenerationDir& current, const StateMap& state, std::uint64_t ended_ns) {
    const GenerationRecord record = current.read_record();
    const std::set<std::uint32_t> live_on = map_ids(current, record);
    const MonitorState before = state.read();
    if (before.generation != record.number) {
        std::set<std::string> carried;
        for (const MapRecord& map : old_record.maps)
            if (const OpenedMap opened = old.try_open_map(map, before.active_side());
                opened.fd && live_on.contains(opened.facts.id))
                carried.insert(map.name);
        if (const auto noted = old.read_retirement())
            ended_ns = noted->to_ns;
        else
            old.write_retirement(retirement_of(before, ended_ns));
        MonitorState next = carry_state(before, old_record, record, carried, ended_ns);
        if (holds_open_window(old, old_record, before.active_side(), live_on))
            ++next.sequence; // it has its number from now on
        state.write(next);
    }
    return drop_what_is_read(old, old_record, live_on);
}

void DrainedEntries::keep(const Fd& map, const Batch& batch, bool in_room) {
    if (queues_.empty() || queues_.back().map != &map)
        queues_.push_back({&map,
                           batch.value_stride,
                           in_room ? const_cast<std::byte*>(batch.values) : nullptr,
                           0,
                           {}});
    Queue& queue = queues_.back();
    queue.count += batch.count;
    if (!in_room)
        queue.copies.insert(queue.copies.end(), batch.values,
                            batch.values + batch.count * batch.value_stride);
}

void DrainedEntries::put_back() {
    for (Queue& queue : queues_) {
        const bool stack = map_facts(*queue.map).type == BPF_MAP_TYPE_STACK;
        std::byte* const values = queue.room != nullptr ? queue.room : queue.copies.data();
        std::size_t lost = 0;
        for (std::size_t i = 0; i < queue.count; ++i) {
            std::byte* const value = values + (stack ? queue.count - 1 - i : i) * queue.size;
            try {
                update_element(*queue.map, nullptr, value);
                std::memset(value, 0, queue.size);
            } catch (const Error&) { // full again
                ++lost;
            }
        }
        if (lost > 0 && queue.room == nullptr)
            log::warn(std::to_string(lost) + " of " + std::to_string(queue.count) +
                      " entries of a queue were neither written out nor put back: it is full");
    }
    forget();
}

std::optional<UnfinishedWindow> unfinished_window(const MonitorState& state,
                                                  const Manifest& manifest) {
    UnfinishedWindow window{.sequence = state.pending_sequence, .metrics = ""};
    std::uint64_t bit = 1;
    for (const PathConfig& path : manifest.paths)
        for (const MetricConfig& metric : path.metrics) {
            if ((state.pending & state.begun & bit) != 0)
                window.metrics += (window.metrics.empty() ? "'" : ", '") + metric.name + "' (" +
                                  to_string(path.direction) + ")";
            bit <<= 1;
        }
    if (window.metrics.empty())
        return std::nullopt;
    return window;
}

std::string describe(const UnfinishedWindow& window) {
    return "window " + std::to_string(window.sequence) + " of " + window.metrics +
           " was not read to its end";
}

namespace {

std::string claim_of(const std::string& monitor_dir, const std::string& reader) {
    return monitor_dir + (reader.empty() ? "/claim" : "/claim-" + reader);
}

DirectoryLock lock_claim(const Store& store, const std::string& monitor, const std::string& reader,
                         DirectoryLock::Mode mode) {
    try {
        return DirectoryLock(claim_of(store.monitor_dir(monitor), reader), mode, no_patience());
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::busy)
            throw;
        const std::string others =
            reader.empty() ? "another reader takes the windows of monitor '" + monitor
                           : "there is a reader '" + reader + "' of monitor '" + monitor;
        throw Error(ErrorKind::busy, others + "' (" + error.what() + ")")
            .hint(reader.empty() ? "look with `read " + monitor +
                                       " --peek` or `--format openmetrics`, which "
                                       "take none, or end that reader first"
                                 : "give this one another name");
    }
}

} // namespace

void WindowClaim::make_place(const std::string& monitor_dir) {
    ensure_directory(claim_of(monitor_dir, ""));
}

void WindowClaim::remove_place(const std::string& monitor_dir, const std::string& reader) {
    const std::string directory = claim_of(monitor_dir, reader);
    if (exists(directory))
        remove_tree(directory);
}

void WindowClaim::hold(const Store& store, const std::string& monitor, const std::string& reader) {
    const std::string directory = claim_of(store.monitor_dir(monitor), reader);
    if (lock_ && lock_->is_of(directory))
        return;
    lock_.reset();
    ensure_directory(directory); // a monitor that an older dynmon loaded has none
    lock_.emplace(lock_claim(store, monitor, reader, DirectoryLock::Mode::exclusive));
}

void WindowClaim::require_free(const Store& store, const std::string& monitor,
                               const std::string& reader) {
    if (exists(claim_of(store.monitor_dir(monitor), reader)))
        lock_claim(store, monitor, reader, DirectoryLock::Mode::shared);
}

namespace {

// A reader that has given up its capabilities cannot enter another namespace again: it goes on with
// the names that it saw there before.
std::shared_ptr<const EnumSet> names_in(const Store& store, const HookId& hook) {
    static std::mutex mutex;
    static std::map<std::uint64_t, std::shared_ptr<const EnumSet>> seen;
    const std::lock_guard lock(mutex);
    try {
        const std::optional<NetNs> netns = netns_of(store, hook);
        if (!netns)
            return nullptr;
        const NetNsScope inside(*netns);
        return seen[hook.netns] = device_names();
    } catch (const Error& error) {
        if (const auto before = seen.find(hook.netns); before != seen.end())
            return before->second;
        log::info(std::string("interfaces are shown as numbers: ") + error.what());
        return nullptr;
    }
}

std::vector<MetricSource> with_names(const Store& store, const GenerationRecord& record,
                                     std::vector<MetricSource> sources) {
    const bool wanted = std::any_of(sources.begin(), sources.end(), [](const MetricSource& source) {
        return has_interfaces(source.view);
    });
    if (!wanted || record.programs.empty())
        return sources;
    const auto names = names_in(store, record.programs.front().hook);
    for (MetricSource& source : sources)
        name_interfaces(source.view, names);
    return sources;
}

} // namespace

std::vector<MetricSource> named_sources(const Store& store, const GenerationDir& dir,
                                        const GenerationRecord& record) {
    return with_names(store, record, metric_sources(dir, record));
}

std::vector<MetricSource> named_logged_sources(const Store& store, const GenerationDir& dir,
                                               const GenerationRecord& record,
                                               const std::vector<LoggedMetric>& metrics) {
    return with_names(store, record, logged_sources(dir, record, metrics));
}

std::shared_ptr<const EnumSet> interfaces_of_monitor(const Store& store, const std::string& name) {
    const std::vector<ProgramRecord> programs = current_generation(store, name).read_programs();
    return programs.empty() ? nullptr : names_in(store, programs.front().hook);
}

std::vector<MetricSource> current_sources(const Store& store, GenerationMaps& maps,
                                          const GenerationRecord& record, Side active,
                                          std::uint64_t both) {
    std::uint64_t bit = 1;
    for (const PathConfig& path : record.manifest.paths)
        for (const MetricConfig& metric : path.metrics) {
            const bool is_walked = (both & bit) != 0;
            bit <<= 1;
            const MapRecord* const map = record.map(metric.map_name);
            if (map == nullptr)
                continue;
            maps.open(*map, active);
            if (is_walked)
                maps.open(*map, other(active));
            else
                maps.dir().require_map_pin(*map, other(active)); // of the next read
        }
    return with_names(store, record, metric_sources(maps, record, active));
}

FoundMap map_of_monitor(const Store& store, const std::string& monitor, const std::string& name) {
    const auto lock = store.try_lock(DirectoryLock::Mode::shared); // until the pin is open
    const std::string path = map_pin(store, monitor, name);
    return {.fd = open_map_pin(path),
            .pin_path = path,
            .metric = name,
            .interfaces = [store, monitor] { return interfaces_of_monitor(store, monitor); }};
}

} // namespace dynmon
