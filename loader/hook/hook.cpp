#include "hook/hook.hpp"

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <thread>

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/limits.hpp"
#include "base/undo.hpp"
#include "hook/attach.hpp"
#include "kernel/bpf.hpp"
#include "kernel/device.hpp"
#include "kernel/features.hpp"
#include "kernel/pivot.hpp"
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
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator("/run/netns", ignored)) {
        try {
            NetNs candidate = NetNs::open(entry.path().string());
            if (candidate.inode() == inode)
                return candidate;
        } catch (const Error&) {
            // a name that is no longer mounted
        }
    }
    return std::nullopt;
}

bool ensure_hook(const Store& store, const DirectoryLock& lock, const NetNs& netns,
                 const HookRequest& request) {
    const std::string dir = store.hook_dir(request.id);
    if (exists(dir)) {
        if (hook_health(store, request.id) == HookHealth::attached)
            return false;
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

HookHealth hook_health(const Store& store, const HookId& id) {
    const HookRecord record = read_hook_record(store, id);
    if (record.attach == Attach::link) {
        const Fd link = try_open_pin(store.hook_dir(id) + "/link");
        if (!link)
            return HookHealth::detached;
        return link_facts(link).ifindex == 0 ? HookHealth::defunct : HookHealth::attached;
    }
    const std::optional<NetNs> netns = find_netns(id.netns);
    if (!netns)
        return HookHealth::defunct;
    const NetNsScope inside(*netns);
    if (interface_name(id.ifindex).empty())
        return HookHealth::defunct;
    return clsact_runs(id, pivot_id(store, id)) ? HookHealth::attached : HookHealth::detached;
}

Fd open_chain(const Store& store, const HookId& id) {
    Fd chain = try_open_pin(store.hook_dir(id) + "/chain");
    if (!chain)
        throw Error(ErrorKind::failed, "the chain of the hook is not pinned any more")
            .hint("`dynmon-load recover` pins it again and puts its programs back");
    return chain;
}

namespace {

// The kernel empties a chain slot by slot, some time after its last pin has gone, and would take
// out what is put in meanwhile: something in the last slot shows when it has come by. When nothing
// happens, it had finished before.
void wait_until_emptied(const Fd& chain, const Fd& pivot) {
    using namespace std::chrono_literals;
    const std::uint32_t last = limits::chain_slots - 1;
    const int marker = pivot.get();
    update_element(chain, &last, &marker);
    const auto deadline = std::chrono::steady_clock::now() + 200ms;
    std::uint32_t id = 0;
    while (lookup_element(chain, &last, &id) && std::chrono::steady_clock::now() < deadline)
        std::this_thread::sleep_for(1ms);
    delete_element(chain, &last);
}

} // namespace

bool restore_chain(const Store& store, const DirectoryLock&, const HookId& id) {
    const std::string path = store.hook_dir(id) + "/chain";
    if (exists(path))
        return false;
    const Fd pivot = open_pin(store.hook_dir(id) + "/pivot");
    for (const std::uint32_t map_id : program_facts(pivot).map_ids)
        if (const Fd map = try_open_map(map_id);
            map && map_facts(map).type == BPF_MAP_TYPE_PROG_ARRAY) {
            pin(map, path);
            wait_until_emptied(map, pivot);
            return true;
        }
    throw Error(ErrorKind::failed, "the chain of the hook is not pinned any more")
        .hint("needs CAP_SYS_ADMIN to find it again: run as root");
}

std::uint32_t pivot_id(const Store& store, const HookId& id) {
    return program_facts(open_pin(store.hook_dir(id) + "/pivot")).id;
}

// Hold the descriptor, detach, unlink, close last: unlinking the last reference alone would detach
// some milliseconds later, when nobody is looking any more.
void remove_hook(const Store& store, const DirectoryLock&, const HookId& id) {
    const std::string dir = store.hook_dir(id);
    const HookRecord record = read_hook_record(store, id);
    const std::optional<NetNs> netns = find_netns(id.netns);
    std::optional<NetNsScope> inside;
    if (netns)
        inside.emplace(*netns);
    const std::uint32_t pivot = pivot_id(store, id);
    if (Fd link = try_open_pin(dir + "/link")) {
        detach_link(link);
        remove_pin(dir + "/link");
        link.reset();
    }
    if (record.attach == Attach::clsact && netns)
        detach_clsact(id, pivot, record.made_qdisc);
    if (netns)
        wait_detached(id, pivot);
    store.discard(dir);
}

} // namespace dynmon
