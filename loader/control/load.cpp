// SPDX-License-Identifier: BSD-2-Clause
#include "control/load.hpp"

#include <algorithm>
#include <cerrno>

#include "base/error.hpp"
#include "base/identifier.hpp"
#include "base/log.hpp"
#include "control/build.hpp"
#include "control/load_port.hpp"
#include "control/recover.hpp"
#include "hook/device_rules.hpp"
#include "kernel/features.hpp"
#include "kernel/xdp.hpp"
#include "policy/checked_probe.hpp"
#include "state/bpffs.hpp"

namespace dynmon {

namespace {

void require_neighbour(const StoreSnapshot& now, const GenerationPlan& plan,
                       const Placement& asked) {
    const auto holds = [&](const ProgramPlan& program) {
        return now.chain_at(program.hook).holds(asked.monitor);
    };
    if (is_beside(asked) && std::none_of(plan.programs.begin(), plan.programs.end(), holds))
        throw Error(ErrorKind::usage, "monitor '" + asked.monitor + "' is not in this chain")
            .hint("--before and --after name a monitor on the same interface and hook");
}

// The store, made where it is missing, and locked. An unload that leaves the store empty removes
// it, maybe while we wait for its lock: then it is made again. A dry run makes none.
class LockedStore {
public:
    explicit LockedStore(const Settings& settings) {
        if (settings.dry_run != nullptr) {
            store_.emplace(settings.open_store(false));
            lock_ = store_->try_lock(DirectoryLock::Mode::exclusive);
            return;
        }
        while (!lock_) {
            try {
                store_.emplace(settings.open_store(true));
                lock_.emplace(store_->lock(DirectoryLock::Mode::exclusive));
                store_->make_directories(*lock_);
            } catch (const Error& error) {
                if (error.error_number() != ENOENT)
                    throw;
            }
        }
    }

    const Store& store() const { return *store_; }
    const DirectoryLock* lock() const { return lock_ ? &*lock_ : nullptr; }

private:
    std::optional<Store> store_;
    std::optional<DirectoryLock> lock_;
};

// A half loaded monitor of the name makes way, with its hooks.
Scope scope_of_load(const Store& store, const std::string& name, const std::set<HookId>& hooks) {
    Scope scope = scope_of(store, name);
    scope.hooks->insert(hooks.begin(), hooks.end());
    scope.health = true;
    return scope;
}

} // namespace

GenerationRecord load_monitor(const Settings& settings, const Probe& probe,
                              const LoadRequest& request) {
    require_identifier(request.name, "monitor name");
    require_allowed(settings.allowed(), candidate_of(probe));
    const MachinePolicies policies = settings.policies();
    require_machine_policy(policies, probe, request.assignments); // before any change
    const NetNs netns = netns_for(request);

    const LockedStore locked(settings);
    const Store& store = locked.store();
    Undo undo;
    if (settings.dry_run == nullptr)
        undo.add([&] { store.remove_if_empty(*locked.lock()); });
    const LoadHooks hooks(store, netns, probe, request);
    LoadPort port(store, locked.lock(), scope_of_load(store, request.name, hooks.ids()), netns);
    StoreSession session(port, settings.dry_run);
    const std::set<HookId> before = hooks.attached(session->now());
    GenerationPlan plan{.probe = &probe,
                        .monitor = request.name,
                        .assignments = request.assignments,
                        .clock = request.clock ? *request.clock : best_clock_source(),
                        .most_instructions = instruction_limit(policies),
                        .limit_ns = request.limit_ns.value_or(0),
                        .kernel_btf = request.kernel_btf};
    const auto load = [&](Session& running) {
        plan.programs = hooks.programs(running, before);
        require_neighbour(running.now(), plan, request.placement);
        return load_new(running, port, plan);
    };
    load_in(*session, request.name, hooks.requests(), load, request.placement);
    undo.commit();
    return port.loaded() != nullptr ? port.loaded()->record : planned_record(plan);
}

ProgramBounds verify_probe(const Probe& probe, HookKind hook,
                           const std::vector<std::string>& assignments,
                           const std::string& kernel_btf, std::uint64_t most_instructions) {
    GenerationPlan plan{.probe = &probe,
                        .monitor = "check",
                        .assignments = assignments,
                        .clock = best_clock_source(),
                        .most_instructions = most_instructions,
                        .kernel_btf = kernel_btf};
    const std::size_t sides = side_count(probe.manifest);
    const bool frags = xdp_frags_support() == Support::yes;
    for (const PathConfig& path : probe.manifest.paths) {
        const ProgramInfo& program =
            select_program(probe.manifest, probe.object, path.direction, hook);
        plan.programs.push_back({.direction = path.direction,
                                 .program = &program,
                                 .hook = {},
                                 .chain = Fd(),
                                 .slots = std::vector<std::uint32_t>(sides, 1),
                                 .frags = frags && program.declares_frags});
    }
    return load_generation(plan).bounds;
}

namespace {

HookPoint hook_point(Direction direction, HookKind kind) {
    if (direction == Direction::egress)
        return HookPoint::tc_egress; // XDP sees no outgoing packets
    return kind == HookKind::xdp ? HookPoint::xdp : HookPoint::tc_ingress;
}

void warn_of_xdp(const Link& device, const std::vector<Link>& links) {
    const XdpMode mode = query_xdp(device.ifindex).mode;
    // Its other end then sends packet by packet what it would send in pieces of up to 64 KiB.
    if (device.kind == "veth" && mode == XdpMode::native)
        log::warn("'" + device.name +
                  "' is a veth: native XDP switches its large packets off, which costs about "
                  "two thirds of the throughput of TCP; --hook tc, the default, does not");
    for (const std::string& warning : xdp_warnings(device, mode, offload_sources(device, links)))
        log::warn(warning);
}

} // namespace

NetNs netns_for(const LoadRequest& request) {
    return request.netns.empty() ? NetNs::current() : NetNs::open(request.netns);
}

LoadHooks::LoadHooks(const Store& store, const NetNs& netns, const Probe& probe,
                     const LoadRequest& request)
    : store_(store), netns_(netns), probe_(probe), request_(request),
      kind_(request.hook.value_or(probe.manifest.hook)) {
    const NetNsScope inside(netns_);
    const int ifindex = interface_index(request.device);
    for (const PathConfig& path : probe.manifest.paths) {
        const ProgramInfo& program =
            select_program(probe.manifest, probe.object, path.direction, kind_);
        HookRequest hook{.id = {netns_.inode(), ifindex, hook_point(path.direction, kind_)},
                         .device = request.device,
                         .mode = request.mode.value_or(probe.manifest.xdp_mode),
                         .allow_generic = probe.manifest.xdp_fallback_generic && !request.mode,
                         .tc_attach = request.tc_attach,
                         .order = request.order.value_or(HookOrder::head),
                         .tc_priority = request.tc_priority,
                         .reads_frags = program.reads_frags,
                         .declares_frags = program.declares_frags};
        requests_.push_back(std::move(hook));
    }
}

std::set<HookId> LoadHooks::ids() const {
    std::set<HookId> ids;
    for (const HookRequest& hook : requests_)
        ids.insert(hook.id);
    return ids;
}

std::set<HookId> LoadHooks::attached(const StoreSnapshot& now) const {
    std::set<HookId> there = ids();
    std::erase_if(there, [&](const HookId& id) {
        const auto found = now.health.find(id);
        return found == now.health.end() || found->second.health != HookHealth::attached;
    });
    return there;
}

std::vector<ProgramPlan> LoadHooks::programs(Session& session,
                                             const std::set<HookId>& before) const {
    std::vector<ProgramPlan> programs;
    for (std::size_t i = 0; i < requests_.size(); ++i)
        programs.push_back(program(session, i, !before.contains(requests_[i].id)));
    return programs;
}

ProgramPlan LoadHooks::program(Session& session, std::size_t index, bool is_new) const {
    const HookRequest& hook = requests_[index];
    const Direction direction = probe_.manifest.paths[index].direction;
    const ProgramInfo& program = select_program(probe_.manifest, probe_.object, direction, kind_);
    if (!is_new)
        warn_of_another_way(hook.id);
    const bool there = exists(store_.hook_dir(hook.id)); // else it is a dry run
    const HookRecord record = there ? read_hook_record(store_, hook.id) : HookRecord{};
    require_frags_fit(record, hook);
    const Link device = look_at_device(hook.id);
    const Chain chain = session.now().chain_at(hook.id);
    chain.require_room(request_.name, placement_in(chain, request_.placement), program.hand_over);
    return {.direction = direction,
            .program = &program,
            .hook = hook.id,
            .chain = there ? open_chain(store_, hook.id) : Fd(),
            .slots = chain.free_slots(side_count(probe_.manifest)),
            .raw_ip = record.raw_ip,
            .frags = record.frags,
            .mtu = hook.id.point == HookPoint::xdp ? device.mtu : 0};
}

// The hook is there, is not changed under the monitors on it, and is not what was asked for.
void LoadHooks::warn_of_another_way(const HookId& id) const {
    const LoadRequest& request = request_;
    const HookRecord record = read_hook_record(store_, id);
    const bool xdp = id.point == HookPoint::xdp;
    const bool as_asked = xdp ? request.mode.value_or(record.mode) == record.mode
                              : request.tc_attach.value_or(record.attach) == record.attach &&
                                    request.order.value_or(record.order) == record.order &&
                                    !request.tc_priority;
    if (as_asked)
        return;
    const std::string tc = std::string(record.attach == Attach::clsact ? "clsact" : "tcx") +
                           " at the " + to_string(record.order);
    log::warn("'" + request.device + "' has its " + to_string(id.point) + " hook already, " +
              (xdp ? to_string(record.mode) : tc) +
              ", and it stays so: for another, unload all monitors that are on it");
}

Link LoadHooks::look_at_device(const HookId& id) const {
    const NetNsScope inside(netns_);
    const std::vector<Link> links = list_links();
    Link device = link_of(links, id.ifindex);
    if (id.point == HookPoint::xdp)
        warn_of_xdp(device, links);
    return device;
}

namespace {

// A monitor of the name that was never whole makes way.
void require_new_name(Session& session, const std::string& name) {
    if (!session.now().has(session.now().paths.monitor_dir(name)))
        return;
    const auto state = session.now().state(name);
    const bool running =
        state && state->phase == Phase::running && !session.now().generations(name).empty();
    if (running || recover_in(session, name))
        throw Error(ErrorKind::busy, "monitor '" + name + "' is loaded already")
            .hint("`replace` exchanges its probe, `apply` loads or replaces, `unload` removes it");
}

void make_hooks(Session& session, const std::vector<HookRequest>& hooks) {
    session.carry_out([&](Planner& planner) {
        for (const HookRequest& hook : hooks)
            plan_hook(planner, hook);
    });
}

} // namespace

void load_in(Session& session, const std::string& name, const std::vector<HookRequest>& hooks,
             const LoadNew& load, const Placement& placement) {
    session.carry_out([](Planner& planner) {
        plan_sweep(planner, planner.now().paths.monitors_dir());
        plan_sweep(planner, planner.now().paths.hooks_dir());
    });
    require_new_name(session, name);
    for (const HookRequest& hook : hooks)
        session.carry_out([&](Planner& planner) { plan_repair_chain(planner, hook.id); });
    session.as_one([&] {
        make_hooks(session, hooks);
        const NewGeneration generation = load(session);
        session.carry_out([&](Planner& planner) { plan_load(planner, generation, placement); });
    });
}

void replace_in(Session& session, const std::string& name, const std::vector<HookRequest>& hooks,
                const LoadNew& load) {
    session.as_one([&] {
        make_hooks(session, hooks);
        const NewGeneration generation = load(session);
        session.carry_out([&](Planner& planner) { plan_next_generation(planner, generation); });
    });
    recover_in(session, name);
    session.carry_out(
        [&](Planner& planner) { planner.add(MakeTotals{planner.now().paths.monitor_dir(name)}); });
}

} // namespace dynmon
