// SPDX-License-Identifier: BSD-2-Clause
#include "control/load_hooks.hpp"

#include "base/error.hpp"
#include "base/log.hpp"
#include "hook/device_rules.hpp"
#include "kernel/xdp.hpp"
#include "state/bpffs.hpp"

namespace dynmon {

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

} // namespace dynmon
