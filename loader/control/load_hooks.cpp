// SPDX-License-Identifier: BSD-2-Clause
#include "control/load_hooks.hpp"

#include "base/error.hpp"
#include "base/log.hpp"
#include "control/chain_lookup.hpp"
#include "control/store_port.hpp"
#include "hook/device_rules.hpp"
#include "kernel/xdp.hpp"

namespace dynmon {

namespace {

HookPoint hook_point(Direction direction, HookKind kind) {
    if (direction == Direction::egress)
        return HookPoint::tc_egress; // XDP sees no outgoing packets
    return kind == HookKind::xdp ? HookPoint::xdp : HookPoint::tc_ingress;
}

void restore_order(const Store& store, const DirectoryLock& lock, const HookId& hook) {
    StorePort port(store, lock, {.hooks = std::set<HookId>{hook}});
    Session(port).carry_out([&](Planner& planner) { plan_restore_order(planner, hook); });
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

bool is_beside(const Placement& placement) {
    return placement.kind == Placement::Kind::before || placement.kind == Placement::Kind::after;
}

// A neighbour with one direction is not in the chain of the other: there any place will do.
Placement placement_in(const Chain& chain, const Placement& asked) {
    return is_beside(asked) && !chain.holds(asked.monitor) ? Placement{} : asked;
}

ProgramPlan LoadHooks::prepare(const Probe& probe, const LoadRequest& request, Direction direction,
                               HookKind kind) {
    const ProgramInfo& program = select_program(probe.manifest, probe.object, direction, kind);
    HookRequest hook{.id = {netns_.inode(), ifindex(request), hook_point(direction, kind)},
                     .device = request.device,
                     .mode = request.mode.value_or(probe.manifest.xdp_mode),
                     .allow_generic = probe.manifest.xdp_fallback_generic && !request.mode,
                     .tc_attach = request.tc_attach,
                     .order = request.order.value_or(HookOrder::head),
                     .tc_priority = request.tc_priority,
                     .reads_frags = program.reads_frags,
                     .declares_frags = program.declares_frags};
    if (ensure_hook(store_, lock_, netns_, hook))
        undo_.add([&store = store_, &lock = lock_, id = hook.id] {
            remove_idle_hooks(store, lock, {id});
        });
    else
        warn_of_another_way(request, hook.id);
    if (restore_chain(store_, lock_, hook.id))
        restore_order(store_, lock_, hook.id);
    const HookRecord record = read_hook_record(store_, hook.id);
    require_frags_fit(record, hook);
    const Link device = look_at_device(hook.id);
    const Chain chain = open_chain_of(store_, hook.id);
    chain.require_room(request.name, placement_in(chain, request.placement), program.hand_over);
    return {.direction = direction,
            .program = &program,
            .hook = hook.id,
            .chain = open_chain(store_, hook.id),
            .slots = chain.free_slots(side_count(probe.manifest)),
            .raw_ip = record.raw_ip,
            .frags = record.frags,
            .mtu = hook.id.point == HookPoint::xdp ? device.mtu : 0};
}

// The hook is there, is not changed under the monitors on it, and is not what was asked for.
void LoadHooks::warn_of_another_way(const LoadRequest& request, const HookId& id) const {
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

int LoadHooks::ifindex(const LoadRequest& request) const {
    const NetNsScope inside(netns_);
    return interface_index(request.device);
}

} // namespace dynmon
