// SPDX-License-Identifier: BSD-2-Clause
#include "control/reports.hpp"

#include <cstdio>
#include <limits>

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "control/deny.hpp"
#include "control/doctor.hpp"
#include "control/status.hpp"
#include "hook/hook.hpp"
#include "hook/neighbours.hpp"
#include "kernel/rights.hpp"
#include "state/generation.hpp"

namespace dynmon {

using nlohmann::ordered_json;

// Results of verbs that change something.

ordered_json generation_json(const GenerationRecord& record) {
    ordered_json programs = ordered_json::array();
    for (const ProgramRecord& program : record.programs)
        programs.push_back({{"direction", to_string(program.direction)},
                            {"name", program.name},
                            {"hook", to_string(program.hook.point)},
                            {"ifindex", program.hook.ifindex},
                            {"netns", program.hook.netns},
                            {"ids", program.ids}});
    ordered_json maps = ordered_json::array();
    for (const MapRecord& map : record.maps)
        maps.push_back({{"name", map.name}, {"swapped", map.swapped}});
    return {{"monitor", record.monitor},
            {"probe", record.manifest.name},
            {"generation", record.number},
            {"sha256", record.sha256},
            {"clock", to_string(record.clock)},
            {"parameters", record.parameters},
            {"programs", programs},
            {"maps", maps}};
}

ordered_json neighbours_json(const std::optional<std::vector<Neighbour>>& neighbours) {
    if (!neighbours)
        return nullptr;
    ordered_json list = ordered_json::array();
    for (const Neighbour& each : *neighbours) {
        const bool filter = each.place == Neighbour::Place::clsact;
        const bool program = each.program_id != 0;
        const bool named = program && !each.name.empty();
        list.push_back({{"place", to_string(each.place)},
                        {"kind", program ? "bpf" : each.name},
                        {"program", named ? ordered_json(each.name) : ordered_json()},
                        {"id", program ? ordered_json(each.program_id) : ordered_json()},
                        {"priority", filter ? ordered_json(each.priority) : ordered_json()}});
    }
    return list;
}

ordered_json problems_json(const std::vector<SystemProblem>& ailments) {
    ordered_json problems = ordered_json::array();
    for (const SystemProblem& ailment : ailments)
        problems.push_back(
            {{"problem", ailment.problem}, {"remedy", ailment.remedy}, {"ill", ailment.ill}});
    return problems;
}

std::optional<HookRecord> hook_record_if_there(const Store& store, const HookId& hook) {
    try {
        return read_hook_record(store, hook);
    } catch (const Error&) {
        return std::nullopt;
    }
}

ordered_json placed_json(const Settings& settings, const GenerationRecord& record) {
    ordered_json document = generation_json(record);
    const Store store = settings.open_store(false);
    for (std::size_t i = 0; i < record.programs.size(); ++i) {
        const HookId& hook = record.programs[i].hook;
        const auto neighbours = in_front_of(store, hook).neighbours;
        document["programs"][i]["in-front"] = neighbours_json(neighbours);
        if (!hook_record_if_there(store, hook))
            continue;
        for (const Neighbour& neighbour : neighbours.value_or(std::vector<Neighbour>{}))
            log::warn(std::string(to_string(hook.point)) + " of '" + hook_device(store, hook) +
                      "': " + describe(neighbour) +
                      " runs in front of dynmon; packets that it does not pass on are not counted");
    }
    return document;
}

// Lists of prefixes.

const char* action_word(ListAction action) {
    return action == ListAction::drop ? "drop" : action == ListAction::allow ? "allow" : "dry-run";
}

ordered_json expires_json(std::uint64_t expires_ns) {
    return expires_ns == 0 ? ordered_json() : ordered_json(iso_time(expires_ns));
}

namespace {

ordered_json listed_json(const Listed& entry, std::uint64_t now_ns) {
    ordered_json remaining;
    if (entry.expires_ns != 0)
        remaining =
            entry.has_expired(now_ns) ? 0.0 : static_cast<double>(entry.expires_ns - now_ns) / 1e9;
    return {{"id", entry.id},
            {"prefix", entry.network.text()},
            {"action", action_word(entry.action)},
            {"expires", expires_json(entry.expires_ns)},
            {"remaining-seconds", remaining},
            {"expired", entry.has_expired(now_ns)},
            {"packets", entry.packets},
            {"bytes", entry.bytes},
            {"source", entry.source},
            {"reason", entry.reason}};
}

} // namespace

ordered_json entries_json(const std::vector<Listed>& entries, std::uint64_t now_ns) {
    ordered_json list = ordered_json::array();
    for (const Listed& entry : entries)
        list.push_back(listed_json(entry, now_ns));
    return list;
}

ordered_json networks_json(const std::vector<Network>& networks) {
    ordered_json list = ordered_json::array();
    for (const Network& network : networks)
        list.push_back(network.text());
    return list;
}

// Status.

double ns_per_run(const Cost& cost) {
    return cost.runs == 0 ? 0 : static_cast<double>(cost.ns) / static_cast<double>(cost.runs);
}

namespace {

// The kernel measures no more than that of a hook; for a program see add_worst().
void add_cost(ordered_json& document, const std::optional<Cost>& cost) {
    document["run-count"] = cost ? ordered_json(cost->runs) : ordered_json();
    document["ns-per-run"] = cost ? ordered_json(ns_per_run(*cost)) : ordered_json();
}

void add_worst(ordered_json& document, const std::optional<Cost>& cost) {
    document["worst-ns"] = cost && cost->worst ? ordered_json(*cost->worst) : ordered_json();
}

ordered_json taken_out_json(const std::optional<TakenOut>& out) {
    if (!out)
        return {};
    return {{"since", iso_time(out->since_ns)}, {"ns-per-packet", out->ns}};
}

// 0 says that it is in no chain.
template <typename Number>
ordered_json unless_zero(Number number) {
    return number == 0 ? ordered_json() : ordered_json(number);
}

ordered_json program_json(const ProgramStatus& program, bool stats) {
    ordered_json document{{"direction", to_string(program.direction)},
                          {"name", program.name},
                          {"hook", to_string(program.hook.point)},
                          {"ifindex", program.hook.ifindex},
                          {"netns", program.hook.netns},
                          {"id", unless_zero(program.id)},
                          {"position", unless_zero(program.position)},
                          {"limit-ns", unless_zero(program.limit_ns)},
                          {"taken-out", taken_out_json(program.taken_out)}};
    if (stats) {
        add_cost(document, program.cost);
        add_worst(document, program.cost);
    }
    return document;
}

ordered_json unfinished_json(const std::optional<UnfinishedWindow>& window) {
    return window ? ordered_json(window->sequence) : ordered_json();
}

// Not known where the record cannot be used.
ordered_json loaded_at(const MonitorStatus& monitor) {
    return monitor.loaded_ns == 0 ? ordered_json() : ordered_json(iso_time(monitor.loaded_ns));
}

} // namespace

ordered_json monitor_json(const MonitorStatus& monitor, bool stats) {
    ordered_json programs = ordered_json::array();
    for (const ProgramStatus& program : monitor.programs)
        programs.push_back(program_json(program, stats));
    ordered_json readers = ordered_json::array();
    for (const ReaderStatus& reader : monitor.readers)
        readers.push_back({{"name", reader.name},
                           {"waiting", reader.waiting},
                           {"lost", reader.lost},
                           {"last-read", iso_time(reader.read_ns)}});
    ordered_json maps = ordered_json::array();
    for (const MapStatus& map : monitor.maps)
        maps.push_back({{"name", map.name},
                        {"type", map.type},
                        {"entries", map.entries ? ordered_json(*map.entries) : ordered_json()},
                        {"max-entries", map.max_entries}});
    ordered_json may = ordered_json::array();
    for (const Power power : monitor.may)
        may.push_back(to_string(power));
    ordered_json document{{"name", monitor.name},
                          {"probe", monitor.probe},
                          {"health", monitor.health},
                          {"generation", monitor.generation},
                          {"loaded", loaded_at(monitor)},
                          {"windows", monitor.sequence},
                          {"unread-generations", monitor.unread_generations},
                          {"unfinished-window", unfinished_json(monitor.unfinished)},
                          {"readers", readers},
                          {"object", monitor.object},
                          {"sha256", monitor.sha256},
                          {"clock", monitor.clock},
                          {"parameters", monitor.parameters},
                          {"may", may},
                          {"programs", programs},
                          {"maps", maps}};
    if (!monitor.problem.empty())
        document["problem"] = monitor.problem;
    return document;
}

ordered_json hook_json(const HookStatus& hook, bool stats) {
    ordered_json document{{"hook", to_string(hook.id.point)},
                          {"device", hook.device},
                          {"ifindex", hook.id.ifindex},
                          {"netns", hook.id.netns},
                          {"netns-name", hook.netns},
                          {"mode", hook.mode},
                          {"health", to_string(hook.health)},
                          {"pivot-id", hook.pivot_id},
                          {"chain", hook.chain},
                          {"order", to_string(hook.order)},
                          {"in-front", neighbours_json(hook.in_front)}};
    if (stats)
        add_cost(document, hook.cost);
    if (!hook.problem.empty())
        document["problem"] = hook.problem;
    return document;
}

ordered_json status_json(const Status& status, const std::vector<SystemProblem>& ailments,
                         bool stats) {
    ordered_json document{{"monitors", ordered_json::array()}, {"hooks", ordered_json::array()}};
    for (const MonitorStatus& monitor : status.monitors)
        document["monitors"].push_back(monitor_json(monitor, stats));
    for (const HookStatus& hook : status.hooks)
        document["hooks"].push_back(hook_json(hook, stats));
    document["problems"] = problems_json(ailments);
    return document;
}

// Doctor.

const char* store_word(StoreState state) {
    switch (state) {
    case StoreState::absent:
        return "absent";
    case StoreState::ours:
        return "ours";
    case StoreState::refused:
        return "refused";
    }
    return "refused";
}

namespace {

template <typename Value>
ordered_json or_null(const std::optional<Value>& value) {
    return value ? ordered_json(*value) : ordered_json();
}

std::string octal(std::uint32_t mode) {
    char text[16];
    std::snprintf(text, sizeof text, "%04o", mode);
    return text;
}

ordered_json memlock_json(const std::optional<std::uint64_t>& limit) {
    if (limit == std::numeric_limits<std::uint64_t>::max())
        return "unlimited";
    return or_null(limit);
}

ordered_json features_json(const SystemReport& found) {
    ordered_json features = ordered_json::object();
    for (const FoundFeature& entry : found.features)
        features[entry.feature->name] = entry.support == Support::unknown
                                            ? ordered_json()
                                            : ordered_json(entry.support == Support::yes);
    return features;
}

} // namespace

ordered_json environment_json(const SystemReport& found) {
    ordered_json capabilities = ordered_json::object();
    for (const KnownRight& known : known_rights())
        capabilities[known.name] = found.process.has(static_cast<int>(known.right));
    const BpffsFacts& bpffs = found.bpffs;
    ordered_json place{{"path", bpffs.path},
                       {"mounted", bpffs.mounted},
                       {"mode", bpffs.mounted ? ordered_json(octal(bpffs.mode)) : ordered_json()},
                       {"owner", bpffs.mounted ? ordered_json(bpffs.owner) : ordered_json()}};
    return {{"user", found.process.user},
            {"capabilities", capabilities},
            {"seccomp", or_null(found.process.seccomp)},
            {"unprivileged-bpf-disabled", or_null(found.restrictions.unprivileged_bpf_disabled)},
            {"lockdown", or_null(found.restrictions.lockdown)},
            {"jit", or_null(found.restrictions.jit)},
            {"landlock", found.restrictions.landlock},
            {"memlock", memlock_json(found.restrictions.memlock)},
            {"fence", found.fence_is_membarrier ? "membarrier" : "map-of-maps"},
            {"bpffs", place}};
}

namespace {

ordered_json store_json(const StoreFindings& store) {
    ordered_json monitors = ordered_json::array();
    for (const MonitorStatus& monitor : store.contents.monitors)
        monitors.push_back({{"name", monitor.name},
                            {"health", monitor.health},
                            {"generation", monitor.generation},
                            {"unread-generations", monitor.unread_generations}});
    ordered_json hooks = ordered_json::array();
    for (const HookStatus& hook : store.contents.hooks)
        hooks.push_back({{"hook", to_string(hook.id.point)},
                         {"device", hook.device},
                         {"netns-name", hook.netns},
                         {"health", to_string(hook.health)},
                         {"programs", hook.chain.size()},
                         {"in-front", neighbours_json(hook.in_front)}});
    return {{"path", store.path},
            {"state", store_word(store.state)},
            {"monitors", monitors},
            {"hooks", hooks},
            {"staged", store.staged}};
}

} // namespace

ordered_json examination_json(const SystemReport& found) {
    return {{"kernel",
             {{"release", found.kernel.release},
              {"machine", found.kernel.machine},
              {"possible-cpus", found.kernel.possible_cpus},
              {"online-cpus", found.kernel.online_cpus}}},
            {"features", features_json(found)},
            {"environment", environment_json(found)},
            {"store", store_json(found.store)},
            {"problems", problems_json(found.ailments)}};
}

} // namespace dynmon
