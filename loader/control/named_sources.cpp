// SPDX-License-Identifier: BSD-2-Clause
#include "control/named_sources.hpp"

#include <algorithm>
#include <map>
#include <mutex>

#include "base/error.hpp"
#include "base/log.hpp"
#include "control/chain_lookup.hpp"
#include "hook/hook.hpp"
#include "kernel/device.hpp"

namespace dynmon {

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
                                          const GenerationRecord& record) {
    for (const PathConfig& path : record.manifest.paths)
        for (const MetricConfig& metric : path.metrics)
            if (const MapRecord* map = record.map(metric.map_name)) {
                maps.open(*map, Side::a);
                if (map->swapped)
                    maps.open(*map, Side::b);
            }
    return with_names(store, record, metric_sources(maps, record));
}

} // namespace dynmon
