// SPDX-License-Identifier: BSD-2-Clause
#include "control/status.hpp"

#include <algorithm>
#include <thread>

#include "base/error.hpp"
#include "base/log.hpp"
#include "control/chain_lookup.hpp"
#include "control/health.hpp"
#include "control/window_log.hpp"
#include "kernel/own_pin.hpp"
#include "kernel/xdp.hpp"
#include "object/object.hpp"
#include "source/map_kind.hpp"
#include "source/map_reader.hpp"
#include "state/bpffs.hpp"
#include "state/state.hpp"

namespace dynmon {

namespace {

std::string live_mode(const Store& store, const HookId& id, const HookRecord& record) {
    if (id.point != HookPoint::xdp)
        return record.attach == Attach::link ? "tcx" : "clsact";
    const std::optional<NetNs> netns = netns_of(store, id);
    if (!netns)
        return to_string(record.mode);
    const NetNsScope inside(*netns);
    if (interface_name(id.ifindex).empty())
        return to_string(record.mode);
    const XdpState state = query_xdp(id.ifindex);
    return to_string(state.program_id != 0 ? state.mode : record.mode);
}

// What `recover` can do nothing about has an advice of its own.
std::string advice_for(const Error& error) {
    const bool others = error.kind() == ErrorKind::unsupported || error.kind() == ErrorKind::busy;
    return others ? error.hint() : "";
}

// The store while it is locked, and what the status of several monitors and hooks asks of the same
// hook, asked once.
class Looks {
public:
    explicit Looks(const Store& locked) : store(locked), chains(locked) {}

    HookState at(const HookId& hook) {
        const auto known = states_.find(hook);
        return known != states_.end()
                   ? known->second
                   : states_.emplace(hook, hook_state(store, hook)).first->second;
    }

    const Store& store;
    ChainsOfStore chains;

private:
    std::map<HookId, HookState> states_;
};

HookStatus hook_status(Looks& looks, const HookId& id) {
    const Store& store = looks.store;
    HookStatus status{.id = id};
    try {
        const HookRecord record = read_hook_record(store, id);
        status.order = record.order;
        status.device = hook_device(store, id);
        status.netns = record.netns;
        status.attach = record.attach == Attach::link ? "link" : "clsact";
        const HookState state = looks.at(id);
        status.health = state.health;
        status.problem = state.problem;
        const ProgramFacts pivot = pivot_facts(store, id);
        status.pivot_id = pivot.id;
        status.cost = {pivot.run_count, pivot.run_time_ns};
        status.mode = live_mode(store, id, record);
        const Chain& chain = looks.chains.at(id);
        for (const ChainPlace& place : chain.order()) {
            const ChainMember& member = chain.members()[place.member];
            status.chain.push_back(member.monitor + "/" + member.program.name);
        }
        if (const OpaqueMember* end = chain.end())
            status.chain.push_back(end->monitor + "/" + end->name);
        chain.require_whole();
    } catch (const Error& error) {
        status.problem = error.what();
        status.advice = advice_for(error);
    }
    return status;
}

using Fronts = std::map<HookId, Front>;

Fronts look_in_front(const Store& store) {
    Fronts fronts;
    for (const HookId& hook : store.hooks())
        fronts[hook] = in_front_of(store, hook);
    return fronts;
}

void set_front(HookStatus& hook, const Front& front) {
    hook.in_front = front.neighbours;
    hook.in_front_problem = front.problem;
}

// The kernel says of a queue no more than whether there is something in it.
std::optional<std::uint32_t> count_entries(const Fd& map, const MapFacts& facts) {
    if (is_array_like(facts.type))
        return facts.max_entries;
    if (is_queue_like(facts.type))
        return is_empty(map, facts) ? std::optional<std::uint32_t>(0) : std::nullopt;
    MapReader reader(map, facts, Take::look);
    Batch batch;
    std::size_t count = 0;
    while (reader.next(batch))
        count += batch.count;
    return static_cast<std::uint32_t>(count);
}

ProgramStatus program_status(Looks& looks, const GenerationDir& dir, const GenerationRecord& record,
                             const ProgramRecord& program) {
    ProgramStatus status{
        .direction = program.direction, .name = program.name, .hook = program.hook};
    status.limit_ns = program.limit_ns;
    status.taken_out = read_taken_out(dir, program);
    if (program.hand_over)
        status.cost = read_cost(dir, record, program.direction);
    if (!exists(looks.store.hook_dir(program.hook)))
        return status;
    const Chain& chain = looks.chains.at(program.hook);
    for (std::size_t i = 0; i < chain.order().size(); ++i) {
        const ChainMember& member = chain.members()[chain.order()[i].member];
        if (member.monitor == record.monitor && member.generation == record.number) {
            status.position = i + 1;
            status.id = program.ids.at(static_cast<std::size_t>(chain.order()[i].side));
        }
    }
    if (status.position == 0)
        chain.require_whole(); // else it may well be behind
    return status;
}

std::string health_of(Looks& looks, const GenerationDir& dir, const MonitorStatus& monitor,
                      const GenerationRecord& record) {
    const auto look = [&](const Store&, const HookId& hook) { return looks.at(hook); };
    for (std::size_t i = 0; i < monitor.programs.size(); ++i) {
        const bool in_chain = monitor.programs[i].position != 0;
        const ProgramHealth health =
            program_health(looks.store, dir, record.programs[i], look, in_chain);
        if (health.word != to_string(HookHealth::attached))
            return health.word;
    }
    return to_string(HookHealth::attached);
}

std::uint64_t bytes_of_maps(const GenerationDir& old) {
    std::uint64_t bytes = 0;
    for (const MapRecord& map : old.read_record().maps)
        for (const Side side : {Side::a, Side::b})
            if (map.swapped || side == Side::a)
                if (const Fd fd = old.try_open_map(map, side).fd)
                    bytes += map_memory_bytes(fd);
    return bytes;
}

void fill_monitor(Looks& looks, MonitorStatus& status) {
    const Store& store = looks.store;
    const GenerationDir dir = current_generation(store, status.name);
    const GenerationRecord record = dir.read_record();
    const bool in_use = store.is_in_use(status.name); // no read begins while the store is locked
    const MonitorState state = StateMap(store.monitor_dir(status.name) + "/state").read();
    if (!in_use)
        status.unfinished = unfinished_window(state, record.manifest);
    status.probe = record.manifest.name;
    status.generation = record.number;
    status.loaded_ns = record.created_ns;
    for (const GenerationDir& old : retired_generations(store, status.name)) {
        ++status.unread_generations;
        status.unread_bytes += bytes_of_maps(old);
    }
    status.object = record.object_path;
    status.sha256 = record.sha256;
    status.clock = to_string(record.clock);
    status.parameters = record.parameters;
    status.may = record.manifest.may;
    status.sequence = state.sequence;
    for (const MapRecord& map : record.maps) {
        if (map.name.starts_with(".data.dynmon") || map.name == meter_map_name)
            continue; // dynmon's own
        const Side side = map.swapped ? state.active_side() : Side::a;
        const auto [fd, facts] = dir.open_map(map, side);
        status.maps.push_back(
            {map.name, map_type_name(facts.type),
             is_readable(facts.type) ? count_entries(fd, facts) : std::optional<std::uint32_t>(0),
             facts.max_entries});
    }
    for (const ProgramRecord& program : record.programs)
        status.programs.push_back(program_status(looks, dir, record, program));
    if (const auto log = WindowLog::open(store.monitor_dir(status.name)))
        for (const NamedReader& reader : log->readers()) {
            const std::string name(reader.name.data());
            status.readers.push_back(
                {name, log->waiting(name).size(), reader.lost, reader.read_ns});
        }
    status.health =
        state.phase == Phase::running ? health_of(looks, dir, status, record) : "interrupted";
    dir.require_own_programs(record.programs);
}

// Whether one of the monitors was loaded there, whatever its chain says now.
bool is_hook_of(const std::vector<MonitorStatus>& monitors, const HookId& hook) {
    return std::any_of(monitors.begin(), monitors.end(), [&](const MonitorStatus& monitor) {
        return std::any_of(monitor.programs.begin(), monitor.programs.end(),
                           [&](const ProgramStatus& program) { return program.hook == hook; });
    });
}

} // namespace

const char* to_string(HookHealth health) {
    switch (health) {
    case HookHealth::attached:
        return "attached";
    case HookHealth::detached:
        return "detached";
    case HookHealth::defunct:
        return "defunct";
    case HookHealth::moved:
        return "moved";
    case HookHealth::taken:
        return "taken";
    }
    return "detached";
}

bool has_hooks_elsewhere(const Settings& settings) {
    const std::uint64_t own = NetNs::current().inode();
    const std::vector<HookId> hooks = settings.open_store(false).hooks();
    return std::any_of(hooks.begin(), hooks.end(),
                       [&](const HookId& hook) { return hook.netns != own; });
}

Status read_status(const Settings& settings, const std::string& name,
                   const std::function<void()>& locked) {
    Status status;
    const Store store = settings.open_store(false);
    if (!store.present() && name.empty())
        return status;
    const auto lock = store.try_lock(DirectoryLock::Mode::shared);
    Fronts fronts;
    if (lock)
        fronts = look_in_front(store);
    if (locked)
        locked();
    if (!name.empty())
        store.require_monitor(name);
    if (!lock)
        return status;
    Looks looks(store);
    for (const std::string& monitor : store.monitors()) {
        if (!name.empty() && monitor != name)
            continue;
        MonitorStatus entry;
        entry.name = monitor;
        try {
            fill_monitor(looks, entry);
        } catch (const Error& error) {
            entry.problem = error.what();
            entry.advice = advice_for(error);
            if (entry.health.empty())
                entry.health = "interrupted";
        }
        status.monitors.push_back(std::move(entry));
    }
    for (const HookId& hook : store.hooks()) {
        HookStatus entry = hook_status(looks, hook);
        set_front(entry, fronts[hook]);
        const bool wanted =
            name.empty() || is_hook_of(status.monitors, hook) ||
            std::any_of(entry.chain.begin(), entry.chain.end(),
                        [&](const std::string& place) { return place.starts_with(name + "/"); });
        if (wanted)
            status.hooks.push_back(std::move(entry));
    }
    return status;
}

namespace {

class Metering {
public:
    Metering(const Store& store, const std::vector<std::string>& monitors) : store_(store) {
        if (monitors.empty())
            return;
        const auto held = store.try_lock(DirectoryLock::Mode::shared);
        if (!held)
            return; // unloaded in the meantime
        lock_.emplace(lock_for_metering(store));
        for (const std::string& monitor : monitors) {
            if (!exists(store.monitor_dir(monitor)))
                continue;
            try {
                const GenerationDir dir = current_generation(store, monitor);
                set_metering(dir, dir.read_record(), true);
            } catch (const Error& error) {
                if (!is_about_record(error))
                    throw;
                log::debug("monitor '" + monitor + "' is not measured: " + error.what());
            }
        }
    }
    ~Metering() {
        if (!lock_)
            return;
        lock_->release();
        try {
            for (const std::string& monitor : store_.monitors())
                stop(monitor);
        } catch (const Error&) {
            // the store is gone
        }
    }

private:
    void stop(const std::string& monitor) const {
        try {
            const GenerationDir dir = current_generation(store_, monitor);
            stop_forgotten_metering(store_, dir, dir.read_record());
        } catch (const Error&) {
            // unloaded meanwhile, or left to the next verb
        }
    }

    const Store& store_;
    std::optional<DirectoryLock> lock_;
};

Cost operator-(const Cost& after, const Cost& before) {
    return {after.runs - before.runs, after.ns - before.ns, after.worst};
}

void subtract(MonitorStatus& after, const MonitorStatus& before) {
    if (after.generation != before.generation)
        return; // replaced meanwhile: its programs began at 0
    for (std::size_t i = 0; i < after.programs.size(); ++i)
        if (after.programs[i].cost && before.programs[i].cost)
            after.programs[i].cost = *after.programs[i].cost - *before.programs[i].cost;
}

} // namespace

Status measure_status(const Settings& settings, const std::string& name,
                      std::chrono::nanoseconds span, const std::function<void()>& opened) {
    const Store store = settings.open_store(false);
    std::vector<std::string> monitors = store.monitors();
    if (!name.empty()) {
        store.require_monitor(name);
        monitors = {name};
    }
    const Fd counting = enable_run_stats();
    Fronts fronts = look_in_front(store);
    opened();
    const Metering metering(store, monitors);
    const Status before = read_status(settings, name);
    std::this_thread::sleep_for(span);
    Status status = read_status(settings, name);
    for (MonitorStatus& monitor : status.monitors)
        for (const MonitorStatus& earlier : before.monitors)
            if (earlier.name == monitor.name)
                subtract(monitor, earlier);
    for (HookStatus& hook : status.hooks) {
        set_front(hook, fronts[hook.id]);
        for (const HookStatus& earlier : before.hooks)
            if (earlier.pivot_id == hook.pivot_id)
                hook.cost = hook.cost - earlier.cost;
    }
    return status;
}

} // namespace dynmon
