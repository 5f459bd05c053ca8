// SPDX-License-Identifier: BSD-2-Clause
#include "control/apply.hpp"

#include "base/error.hpp"
#include "base/identifier.hpp"
#include "control/chain_lookup.hpp"
#include "control/load.hpp"
#include "control/load_port.hpp"
#include "control/meter.hpp"
#include "control/recover.hpp"
#include "decode/parameters.hpp"
#include "hook/hook.hpp"
#include "state/bpffs.hpp"

namespace dynmon {

namespace {

// A monitor as it was found.
struct Running {
    GenerationRecord record;
    bool attached_again = false;
    bool gone = false;     // its interface, or its place on it
    std::string taken_out; // why nothing is counted although it is attached
};

void require_same_place(const ProgramRecord& program, const Probe& probe, const HookId& asked,
                        const LoadRequest& request) {
    const HookKind kind = request.hook.value_or(probe.manifest.hook);
    const bool same_kind = program.direction == Direction::egress ||
                           (program.hook.point == HookPoint::xdp) == (kind == HookKind::xdp);
    if (program.hook.netns == asked.netns && program.hook.ifindex == asked.ifindex && same_kind)
        return;
    throw Error(ErrorKind::busy, "monitor '" + request.name + "' is on another interface or hook")
        .hint("unload it first, or give this one another name");
}

class ApplyPlace {
public:
    ApplyPlace(const Settings& settings, const Store& store, const DirectoryLock& lock,
               const Probe& probe, const LoadRequest& request)
        : settings_(settings), store_(store), lock_(lock), probe_(probe), request_(request),
          netns_(netns_for(request)) {
        const NetNsScope inside(netns_);
        asked_ = {.netns = netns_.inode(), .ifindex = interface_index(request.device)};
    }

    Running look(const GenerationDir& dir) const {
        Running running{.record = dir.read_record()};
        for (const ProgramRecord& program : running.record.programs)
            look_at(dir, program, running);
        return running;
    }

private:
    void look_at(const GenerationDir& dir, const ProgramRecord& program, Running& running) const {
        const bool there =
            exists(store_.hook_dir(program.hook)) && is_made_for_hook(store_, program);
        const HookState state =
            there ? hook_state(store_, program.hook) : HookState{HookHealth::defunct, ""};
        if (state.health == HookHealth::taken)
            throw Error(ErrorKind::busy, state.problem)
                .hint("remove that program first; dynmon does not overwrite it");
        if (state.health == HookHealth::defunct) {
            running.gone = true;
            return;
        }
        require_same_place(program, probe_, asked_, request_);
        if (state.health == HookHealth::detached) {
            LoadPort port(store_, &lock_, {.hooks = std::set<HookId>{program.hook}}, netns_);
            StoreSession session(port, settings_.dry_run);
            session->carry_out([&](Planner& planner) {
                planner.add(AttachAgain{program.hook, request_.tc_priority});
            });
            running.attached_again = true;
        }
        if (const auto out = read_taken_out(dir, program))
            running.taken_out = "program '" + program.name +
                                "' was taken out: " + limit_text(*out, program.limit_ns);
    }

    const Settings& settings_;
    const Store& store_;
    const DirectoryLock& lock_;
    const Probe& probe_;
    const LoadRequest& request_;
    NetNs netns_;
    HookId asked_;
};

std::optional<Running> find_running(const Settings& settings, const Probe& probe,
                                    const LoadRequest& request) {
    const Store store = settings.open_store(false);
    const auto reading = store.try_lock_monitor(request.name, DirectoryLock::Mode::exclusive);
    if (!reading)
        return std::nullopt;
    const auto lock = store.try_lock(DirectoryLock::Mode::exclusive);
    if (!lock || !exists(store.monitor_dir(request.name)))
        return std::nullopt;
    Scope scope = scope_of(store, request.name);
    scope.upkeep = true;
    StorePort port(store, &*lock, std::move(scope));
    StoreSession session(port, settings.dry_run);
    if (!recover_in(*session, request.name))
        return std::nullopt;
    return ApplyPlace(settings, store, *lock, probe, request)
        .look(current_generation(store, request.name));
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
    case Applied::attached:
        return "attached";
    case Applied::unchanged:
        return "unchanged";
    }
    return "unchanged";
}

namespace {

bool is_running_somewhere(const Settings& settings, const std::string& name) {
    const Store store = settings.open_store(false);
    return is_identifier(name) && exists(store.monitor_dir(name));
}

ApplyReport apply_to(const std::optional<Running>& running, const Settings& settings,
                     const Probe& probe, const LoadRequest& request,
                     ReplaceRequest::Keep keep_maps) {
    if (!running)
        return {Applied::loaded, load_monitor(settings, probe, request), {}, false};
    const bool same = is_unchanged(running->record, probe, request);
    if (same && !running->gone && !running->taken_out.empty())
        throw Error(ErrorKind::failed, running->taken_out).hint(limit_remedy(request.name));
    if (same && !running->gone)
        return {running->attached_again ? Applied::attached : Applied::unchanged,
                running->record,
                {},
                false};
    ReplaceReport report = replace_monitor(settings, probe,
                                           {.name = request.name,
                                            .keep_maps = keep_maps,
                                            .clock = request.clock,
                                            .limit_ns = request.limit_ns,
                                            .assignments = request.assignments,
                                            .kernel_btf = request.kernel_btf,
                                            .place = running->gone ? &request : nullptr});
    return {same ? Applied::attached : Applied::replaced, std::move(report.record),
            std::move(report.carried), report.unread};
}

} // namespace

// Between look and change another process may load or unload it: then look again.
ApplyReport apply_monitor(const Settings& settings, const Probe& probe, const LoadRequest& request,
                          ReplaceRequest::Keep keep_maps) {
    constexpr int most_looks = 10;
    for (int look = 1;; ++look) {
        const auto running = find_running(settings, probe, request);
        try {
            return apply_to(running, settings, probe, request, keep_maps);
        } catch (const Error&) {
            if (look == most_looks ||
                is_running_somewhere(settings, request.name) == running.has_value())
                throw;
        }
    }
}

} // namespace dynmon
