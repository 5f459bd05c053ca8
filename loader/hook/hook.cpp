#include "hook/hook.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/undo.hpp"
#include "hook/attach.hpp"
#include "kernel/bpf.hpp"
#include "kernel/device.hpp"
#include "kernel/features.hpp"
#include "kernel/pivot.hpp"
#include "kernel/rights.hpp"
#include "kernel/tc.hpp"
#include "store/bpffs.hpp"
#include "store/json_pin.hpp"

namespace dynmon {

using nlohmann::json;

namespace {

void write_hook_record(const std::string& dir, const HookRecord& record) {
    pin_json(dir + "/record", {{"netns", record.netns},
                               {"device", record.device},
                               {"attach", record.attach == Attach::link ? "link" : "clsact"},
                               {"mode", to_string(record.mode)},
                               {"made-qdisc", record.made_qdisc},
                               {"raw-ip", record.raw_ip}});
}

// Pins pivot, chain and record under a staging name and publishes them in one step: a hook
// directory is always whole, and its chain is held before anything can run through it.
void publish_hook(const Store& store, const HookRequest& request, const HookRecord& record) {
    const std::string stage = store.staging_dir(store.hooks_dir());
    Undo undo;
    make_directory(stage);
    undo.add([&] { remove_tree(stage); });
    const Pivot pivot = load_pivot(request.id.point == HookPoint::xdp);
    pin(pivot.chain, stage + "/chain");
    pin(pivot.program, stage + "/pivot");
    write_hook_record(stage, record);
    publish(stage, store.hook_dir(request.id));
    undo.commit();
}

// Attaches the pivot of a published hook. A link that could not be pinned detaches by itself.
void attach_hook(const Store& store, const HookRequest& request, const HookRecord& record) {
    const std::string dir = store.hook_dir(request.id);
    const Fd pivot = open_pin(dir + "/pivot");
    if (record.attach == Attach::clsact) {
        attach_clsact(pivot, request.id);
        return;
    }
    XdpMode mode = record.mode;
    const Fd link = request.id.point == HookPoint::xdp
                        ? attach_xdp(pivot, request.id.ifindex, mode, request.allow_generic)
                        : attach_tcx(pivot, request.id);
    pin(link, dir + "/link");
}

// The qdisc is one for both directions: whichever of our hooks goes last has to delete it.
bool sibling_made_qdisc(const Store& store, HookId id) {
    id.point = id.point == HookPoint::tc_ingress ? HookPoint::tc_egress : HookPoint::tc_ingress;
    return exists(store.hook_dir(id)) && read_hook_record(store, id).made_qdisc;
}

HookRecord plan_hook(const Store& store, const NetNs& netns, const HookRequest& request) {
    HookRecord record{.netns = netns.name(), .device = request.device, .mode = request.mode};
    record.raw_ip = device_facts(request.device).raw_ip;
    if (request.id.point == HookPoint::xdp)
        return record;
    const bool no_tcx = tcx_support() == Support::no;
    record.attach = request.tc_attach.value_or(no_tcx ? Attach::clsact : Attach::link);
    if (record.attach == Attach::link && no_tcx)
        throw Error(ErrorKind::unsupported, "this kernel has no TCX").hint("--tc clsact");
    record.made_qdisc = record.attach == Attach::clsact &&
                        (!has_clsact(request.id.ifindex) || sibling_made_qdisc(store, request.id));
    return record;
}

} // namespace

std::optional<NetNs> find_netns(std::uint64_t inode) {
    if (NetNs own = NetNs::current(); own.inode() == inode)
        return own;
    std::error_code fault;
    const std::filesystem::directory_iterator names("/run/netns", fault);
    if (fault && fault != std::errc::no_such_file_or_directory)
        throw Error(ErrorKind::failed, "list /run/netns", fault.value());
    for (const auto& entry : names) {
        try {
            NetNs candidate = NetNs::open(entry.path().string());
            if (candidate.inode() == inode)
                return candidate;
        } catch (const Error& error) {
            // A name that is no longer mounted, or not ours to open. Whatever else stands in the
            // way must not make a hook look as if its namespace were gone.
            if (error.error_number() != 0 && error.error_number() != ENOENT &&
                error.error_number() != EACCES)
                throw;
        }
    }
    return std::nullopt;
}

bool ensure_hook(const Store& store, const DirectoryLock& lock, const NetNs& netns,
                 const HookRequest& request) {
    const std::string dir = store.hook_dir(request.id);
    if (exists(dir)) {
        const HookState state = hook_state(store, request.id);
        if (state.health == HookHealth::attached)
            return false;
        if (state.health == HookHealth::moved)
            throw Error(ErrorKind::busy,
                        "another interface had this number before: " + state.problem)
                .hint("unload its monitors first; `dynmon-load status` shows them");
        // Left by a killed loader, or of a device that had the same number before.
        remove_hook(store, lock, request.id);
    }
    const NetNsScope inside(netns);
    const HookRecord record = plan_hook(store, netns, request);
    publish_hook(store, request, record);
    Undo undo;
    undo.add([&] { remove_hook(store, lock, request.id); });
    attach_hook(store, request, record);
    undo.commit();
    return true;
}

bool is_whole(const Store& store, const HookId& id) {
    const std::string dir = store.hook_dir(id);
    return exists(dir + "/record") && exists(dir + "/pivot"); // the chain can be found again
}

HookRecord read_hook_record(const Store& store, const HookId& id) {
    const json document = read_pinned_json(store.hook_dir(id) + "/record");
    HookRecord record;
    record.netns = document.at("netns");
    record.device = document.at("device");
    record.attach = document.at("attach") == "link" ? Attach::link : Attach::clsact;
    for (const XdpMode mode : {XdpMode::native, XdpMode::generic, XdpMode::offload})
        if (document.at("mode") == to_string(mode))
            record.mode = mode;
    record.made_qdisc = document.at("made-qdisc");
    record.raw_ip = document.at("raw-ip");
    return record;
}

namespace {

HookState taken_by(std::uint32_t program, std::uint32_t pivot, const std::string& what) {
    return {HookHealth::taken, what + " of the hook runs program " + describe_program(program) +
                                   " instead of the pivot of dynmon (id " + std::to_string(pivot) +
                                   ")"};
}

// Nothing: its namespace cannot be reached.
std::optional<bool> runs_in_its_place(const HookId& id, std::uint32_t pivot) {
    try {
        const std::optional<NetNs> netns = find_netns(id.netns);
        if (!netns)
            return std::nullopt;
        const NetNsScope inside(*netns);
        return runs_at(id, pivot);
    } catch (const Error&) {
        return std::nullopt;
    }
}

// A link goes along with its device, and its place cannot be asked for: only whether it is ours.
HookState link_state(const Store& store, const HookId& id) {
    const Fd link = try_open_pin(store.hook_dir(id) + "/link");
    if (!link)
        return {HookHealth::detached, ""};
    const std::uint32_t pivot = pivot_id(store, id);
    if (const LinkFacts facts = link_facts(link); facts.program_id != pivot)
        return taken_by(facts.program_id, pivot, "the link");
    const bool elsewhere = runs_in_its_place(id, pivot) == false;
    const std::uint32_t ifindex = link_facts(link).ifindex; // asked last: it may go at any time
    if (ifindex == 0)
        return {HookHealth::defunct, ""};
    if (!elsewhere)
        return {HookHealth::attached, ""};
    return {HookHealth::moved, "the interface was moved to another network namespace, where it is "
                               "number " +
                                   std::to_string(ifindex) + "; it is monitored there"};
}

HookState filter_state(const Store& store, const HookId& id) {
    const std::optional<NetNs> netns = find_netns(id.netns);
    if (!netns)
        return {HookHealth::defunct, ""};
    const NetNsScope inside(*netns);
    if (interface_name(id.ifindex).empty())
        return {HookHealth::defunct, ""};
    const std::uint32_t pivot = pivot_id(store, id);
    const auto running = clsact_program(id);
    if (!running)
        return {HookHealth::detached, ""};
    return *running == pivot ? HookState{} : taken_by(*running, pivot, "the TC filter");
}

} // namespace

HookState hook_state(const Store& store, const HookId& id) {
    const bool link = read_hook_record(store, id).attach == Attach::link;
    return link ? link_state(store, id) : filter_state(store, id);
}

std::string hook_device(const Store& store, const HookId& id) {
    const std::string recorded = read_hook_record(store, id).device;
    try {
        const std::optional<NetNs> netns = find_netns(id.netns);
        if (!netns || hook_state(store, id).health != HookHealth::attached)
            return recorded;
        const NetNsScope inside(*netns);
        const std::string name = interface_name(id.ifindex);
        return name.empty() ? recorded : name;
    } catch (const Error&) {
        return recorded;
    }
}

Fd open_chain(const Store& store, const HookId& id) {
    Fd chain = try_open_pin(store.hook_dir(id) + "/chain");
    if (!chain)
        throw Error(ErrorKind::failed, "the chain of the hook is not pinned any more")
            .hint("`dynmon-load recover` pins it again and puts its programs back");
    const std::uint32_t number = map_facts(chain).id;
    const ProgramFacts pivot = program_facts(open_pin(store.hook_dir(id) + "/pivot"));
    if (std::find(pivot.map_ids.begin(), pivot.map_ids.end(), number) == pivot.map_ids.end())
        throw Error(ErrorKind::busy, store.hook_dir(id) + ": the pivot is program " + pivot.name +
                                         " (id " + std::to_string(pivot.id) +
                                         "), which does not run through the chain (map id " +
                                         std::to_string(number) + ")")
            .hint("somebody has replaced one of the two pins: whoever it was has to put it back");
    return chain;
}

bool restore_chain(const Store& store, const DirectoryLock&, const HookId& id) {
    const std::string path = store.hook_dir(id) + "/chain";
    if (exists(path))
        return false;
    for (const std::uint32_t map_id :
         program_facts(open_pin(store.hook_dir(id) + "/pivot")).map_ids)
        if (const Fd map = try_open_map(map_id);
            map && map_facts(map).type == BPF_MAP_TYPE_PROG_ARRAY) {
            pin(map, path);
            return true;
        }
    throw Error(ErrorKind::failed, "the chain of the hook is not pinned any more")
        .hint("it is found again by its id: " + rights_hint({Right::sys_admin}));
}

void require_own_link(const Store& store, const HookId& id) {
    const HookState state = hook_state(store, id);
    if (state.health != HookHealth::taken || read_hook_record(store, id).attach != Attach::link)
        return;
    throw Error(ErrorKind::busy, state.problem)
        .hint("dynmon takes off nobody else's program: put its pivot back, or remove the pin " +
              store.hook_dir(id) + "/link");
}

std::uint32_t pivot_id(const Store& store, const HookId& id) {
    return program_facts(open_pin(store.hook_dir(id) + "/pivot")).id;
}

void require_right_to_remove(const Store& store, const HookId& id) {
    const std::optional<NetNs> netns = find_netns(id.netns);
    if (!netns)
        return;
    const NetNsScope inside(*netns);
    if (id.point == HookPoint::xdp || interface_name(id.ifindex).empty())
        return;
    const bool by_link = read_hook_record(store, id).attach == Attach::link;
    if (!has_right(Right::net_admin) && !(by_link && has_right(Right::sys_admin)))
        throw Error(ErrorKind::failed, "detach from " + hook_dir_name(id), EPERM)
            .hint(rights_hint({Right::net_admin}));
}

// Hold the descriptor, detach, unlink, close last: unlinking the last reference alone would detach
// some milliseconds later, when nobody is looking any more.
void remove_hook(const Store& store, const DirectoryLock&, const HookId& id) {
    require_own_link(store, id);
    const std::string dir = store.hook_dir(id);
    // Without its record it is taken for a link; without its pivot it cannot be asked for.
    const HookRecord record = exists(dir + "/record") ? read_hook_record(store, id) : HookRecord{};
    const std::optional<NetNs> netns = find_netns(id.netns);
    std::optional<NetNsScope> inside;
    if (netns)
        inside.emplace(*netns);
    const std::uint32_t pivot = exists(dir + "/pivot") ? pivot_id(store, id) : 0;
    if (Fd link = try_open_pin(dir + "/link")) {
        detach_link(link);
        remove_pin(dir + "/link");
        link.reset();
    }
    if (record.attach == Attach::clsact && netns)
        detach_clsact(id, pivot, record.made_qdisc);
    if (netns && pivot != 0)
        wait_detached(id, pivot);
    store.discard(dir);
}

} // namespace dynmon
