#include "monitor/apply.hpp"

#include "base/error.hpp"
#include "layout/parameters.hpp"
#include "monitor/repair.hpp"
#include "monitor/roster.hpp"
#include "store/bpffs.hpp"

namespace dynmon {

namespace {

std::optional<GenerationRecord> running_record(const Settings& settings, const std::string& name) {
    const Store store = settings.open_store(false);
    const auto reading = store.try_lock_monitor(name, DirectoryLock::Mode::exclusive);
    if (!reading)
        return std::nullopt;
    const auto lock = store.try_lock(DirectoryLock::Mode::exclusive);
    std::vector<std::string> actions;
    if (!lock || !exists(store.monitor_dir(name)) || !settle_monitor(store, *lock, name, actions))
        return std::nullopt;
    return current_generation(store, name).read_record();
}

void require_same_place(const GenerationRecord& record, const Probe& probe,
                        const LoadRequest& request) {
    const NetNs netns = request.netns.empty() ? NetNs::current() : NetNs::open(request.netns);
    const NetNsScope inside(netns);
    const int ifindex = interface_index(request.device);
    const HookKind kind = request.hook.value_or(probe.manifest.hook);
    for (const ProgramRecord& program : record.programs) {
        const bool same_kind = program.direction == Direction::egress ||
                               (program.hook.point == HookPoint::xdp) == (kind == HookKind::xdp);
        if (program.hook.netns == netns.inode() && program.hook.ifindex == ifindex && same_kind)
            continue;
        throw Error(ErrorKind::busy, "monitor '" + request.name +
                                         "' is on another interface or "
                                         "hook")
            .hint("unload it first, or give this one another name");
    }
}

bool is_unchanged(const GenerationRecord& record, const Probe& probe, const LoadRequest& request) {
    std::map<std::string, std::string> parameters;
    for (const GlobalValue& value :
         resolve_parameters(probe.manifest, probe.object, request.assignments))
        parameters[value.name] = value.text;
    return record.sha256 == probe.object.sha256() && record.parameters == parameters &&
           manifest_to_json(record.manifest) == manifest_to_json(probe.manifest) &&
           (!request.clock || *request.clock == record.clock) &&
           (!request.limit_ns || *request.limit_ns == record.limit_ns());
}

} // namespace

const char* to_string(Applied applied) {
    switch (applied) {
    case Applied::loaded:
        return "loaded";
    case Applied::replaced:
        return "replaced";
    case Applied::unchanged:
        return "unchanged";
    }
    return "unchanged";
}

namespace {

ApplyReport apply_to(const std::optional<GenerationRecord>& running, const Settings& settings,
                     const Probe& probe, const LoadRequest& request,
                     ReplaceRequest::Keep keep_maps) {
    if (!running)
        return {Applied::loaded, load_monitor(settings, probe, request)};
    require_same_place(*running, probe, request);
    if (is_unchanged(*running, probe, request))
        return {Applied::unchanged, *running};
    ReplaceReport report = replace_monitor(settings, probe,
                                           {.name = request.name,
                                            .keep_maps = keep_maps,
                                            .clock = request.clock,
                                            .limit_ns = request.limit_ns,
                                            .assignments = request.assignments,
                                            .kernel_btf = request.kernel_btf});
    return {Applied::replaced, std::move(report.record)};
}

} // namespace

// Between the look and the deed somebody else may load or unload it: then look again.
ApplyReport apply_monitor(const Settings& settings, const Probe& probe, const LoadRequest& request,
                          ReplaceRequest::Keep keep_maps) {
    constexpr int most_looks = 10;
    for (int look = 1;; ++look) {
        const auto running = running_record(settings, request.name);
        try {
            return apply_to(running, settings, probe, request, keep_maps);
        } catch (const Error& error) {
            const bool late = error.kind() == ErrorKind::busy || error.kind() == ErrorKind::usage;
            if (!late || look == most_looks ||
                running_record(settings, request.name).has_value() == running.has_value())
                throw;
        }
    }
}

} // namespace dynmon
