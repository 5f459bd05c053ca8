// SPDX-License-Identifier: BSD-2-Clause
#include "hook/hook.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <thread>

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"
#include "hook/attach.hpp"
#include "hook/device_rules.hpp"
#include "kernel/bpf.hpp"
#include "kernel/device.hpp"
#include "kernel/features.hpp"
#include "kernel/own_pin.hpp"
#include "kernel/pivot.hpp"
#include "kernel/rights.hpp"
#include "kernel/tc.hpp"
#include "kernel/xdp.hpp"
#include "state/bpffs.hpp"
#include "state/json_pin.hpp"

namespace dynmon {

using nlohmann::json;

namespace {

void write_hook_record(const std::string& dir, const HookRecord& record) {
    pin_json(dir + "/record", {{"netns", record.netns},
                               {"device", record.device},
                               {"attach", record.attach == Attach::link ? "link" : "clsact"},
                               {"mode", to_string(record.mode)},
                               {"made-qdisc", record.made_qdisc},
                               {"raw-ip", record.raw_ip},
                               {"order", to_string(record.order)},
                               {"address", record.address},
                               {"first-pivot", record.first_pivot},
                               {"frags", record.frags}});
}

// Pins pivot, chain and record under a staging name and publishes them in one step: a hook
// directory is always whole, and its chain is held before anything can run through it.
void publish_hook(const Store& store, const HookRequest& request, const HookRecord& record) {
    const std::string stage = store.staging_dir(store.hooks_dir());
    Undo undo;
    make_directory(stage);
    undo.add([&] { remove_tree(stage); });
    const Pivot pivot = load_pivot(request.id.point == HookPoint::xdp, record.frags);
    pin(pivot.chain, stage + "/chain");
    pin(pivot.program, stage + "/pivot");
    write_hook_record(stage, record);
    publish(stage, store.hook_dir(request.id));
    undo.commit();
}

Fd open_pivot(const Store& store, const HookId& id) {
    require_directory(store.hook_dir(id));
    return open_own(store.hook_dir(id) + "/pivot", "bpf-prog");
}

// Attaches the pivot of a published hook. A link that could not be pinned detaches by itself.
void attach_hook(const Store& store, const HookRequest& request, const HookRecord& record) {
    const std::string dir = store.hook_dir(request.id);
    const Fd pivot = open_pivot(store, request.id);
    if (record.attach == Attach::clsact) {
        attach_clsact(pivot, request.id, request.order, request.tc_priority);
        return;
    }
    const Fd link = request.id.point == HookPoint::xdp
                        ? attach_xdp(pivot, request.id.ifindex, record.mode)
                        : attach_tcx(pivot, request.id, request.order);
    pin(link, dir + "/link");
}

// The qdisc is one for both directions: whichever of our hooks goes last has to delete it.
bool sibling_made_qdisc(const Store& store, HookId id) {
    id.point = id.point == HookPoint::tc_ingress ? HookPoint::tc_egress : HookPoint::tc_ingress;
    return exists(store.hook_dir(id)) && read_hook_record(store, id).made_qdisc;
}

HookRecord hook_record_from(const json& document) {
    HookRecord record;
    record.netns = document.at("netns");
    record.device = document.at("device");
    record.attach = document.at("attach") == "link" ? Attach::link : Attach::clsact;
    for (const XdpMode mode : {XdpMode::native, XdpMode::generic, XdpMode::offload})
        if (document.at("mode") == to_string(mode))
            record.mode = mode;
    record.made_qdisc = document.at("made-qdisc");
    record.raw_ip = document.at("raw-ip");
    // Earlier versions did not write it, and went to the tail of TCX without being asked to.
    record.order = document.value("order", "head") == "tail" ? HookOrder::tail : HookOrder::head;
    record.address = document.value("address", "");
    record.first_pivot = document.value("first-pivot", 0u);
    record.frags = document.value("frags", false);
    return record;
}

std::string hexadecimal(const std::string& bytes) {
    std::string text;
    for (const char byte : bytes) {
        char digits[3];
        std::snprintf(digits, sizeof digits, "%02x", static_cast<unsigned char>(byte));
        text += digits;
    }
    return text;
}

// The record of a hook that is to be made again, with its pivot if no older one is known.
std::optional<HookRecord> predecessor(const Store& store, const HookId& id) {
    try {
        HookRecord record = read_hook_record(store, id);
        if (record.first_pivot == 0)
            record.first_pivot = pivot_id(store, id);
        return record;
    } catch (const Error&) {
        return std::nullopt; // it is damaged
    }
}

HookRecord plan_hook(const Store& store, const NetNs& netns, const HookRequest& request) {
    HookRecord record{.netns = netns.name(),
                      .device = request.device,
                      .mode = request.mode,
                      .order = request.order};
    const std::vector<Link> links = list_links();
    const Link device = link_of(links, request.id.ifindex);
    require_suitable(device, links, request.id.point);
    record.raw_ip = has_raw_ip(device);
    record.address = hexadecimal(device.address);
    if (request.id.point == HookPoint::xdp)
        return record;
    const bool no_tcx = tcx_support() == Support::no;
    record.attach = request.tc_attach.value_or(no_tcx ? Attach::clsact : Attach::link);
    if (record.attach == Attach::link && no_tcx)
        throw Error(ErrorKind::unsupported, "this kernel has no TCX").hint("--tc clsact");
    if (record.attach == Attach::link && request.tc_priority)
        throw Error(ErrorKind::usage, "TCX has no priorities")
            .hint("--tc-priority goes with --tc clsact; --order head or tail with both");
    record.made_qdisc = record.attach == Attach::clsact &&
                        (!has_clsact(request.id.ifindex) || sibling_made_qdisc(store, request.id));
    return record;
}

constexpr const char* frags_hint = "build the probe again with this dynmon.h, or declare "
                                   "SEC(\"xdp.frags\") if it can read them, or "
                                   "take --hook tc, which has no such packets";

// The ways in which a device may run a pivot, best first. Packets in several buffers are read more
// slowly: only a device that has no others gets a pivot for them, or a program that asks for it.
struct XdpWay {
    XdpMode mode = XdpMode::native;
    bool frags = false;
};

std::vector<XdpWay> ways_of(const HookRequest& request) {
    if (request.id.point != HookPoint::xdp || request.mode != XdpMode::native)
        return {{.mode = request.mode}};
    const bool able = request.reads_frags && xdp_frags_support() == Support::yes;
    std::vector<XdpWay> ways;
    if (!able || !request.declares_frags)
        ways.push_back({});
    if (able)
        ways.push_back({.frags = true});
    if (request.allow_generic)
        ways.push_back({.mode = XdpMode::generic});
    return ways;
}

void try_to_make(const Store& store, const DirectoryLock& lock, const HookRequest& request,
                 const HookRecord& record) {
    publish_hook(store, request, record);
    Undo undo;
    undo.add([&] { remove_hook(store, lock, request.id); });
    attach_hook(store, request, record);
    undo.commit();
}

// The device wants a program that reads packets in several buffers, and this one does not.
[[noreturn]] void throw_unreadable(const HookRequest& request, const NoSuchMode& error) {
    if (error.error_number() != ERANGE || request.reads_frags)
        throw error;
    NoSuchMode explained = error;
    explained.or_hint(frags_hint);
    throw explained;
}

} // namespace

const char* to_string(HookOrder order) {
    return order == HookOrder::head ? "head" : "tail";
}

void make_hook(const Store& store, const DirectoryLock& lock, const NetNs& netns,
               const HookRequest& request) {
    std::optional<HookRecord> before;
    if (exists(store.hook_dir(request.id))) {
        before = predecessor(store, request.id);
        // Left by a killed loader, or of a device that had the same number before.
        remove_hook(store, lock, request.id);
    }
    const NetNsScope inside(netns);
    HookRecord record = plan_hook(store, netns, request);
    if (before && before->address == record.address)
        record.first_pivot = before->first_pivot;
    const std::vector<XdpWay> ways = ways_of(request);
    for (std::size_t i = 0;; ++i) {
        record.mode = ways[i].mode;
        record.frags = ways[i].frags;
        try {
            try_to_make(store, lock, request, record);
            break;
        } catch (const NoSuchMode& error) {
            if (i + 1 == ways.size())
                throw_unreadable(request, error);
            if (ways[i + 1].mode != record.mode)
                log::warn("the device refuses native XDP: generic XDP is used, as the manifest "
                          "allows");
        }
    }
}

void attach_again(const Store& store, const DirectoryLock&, const NetNs& netns, const HookId& id,
                  std::optional<std::uint32_t> tc_priority) {
    const HookRecord record = read_hook_record(store, id);
    const NetNsScope inside(netns);
    const std::vector<Link> links = list_links();
    const Link device = link_of(links, id.ifindex);
    require_suitable(device, links, id.point);
    if (has_raw_ip(device) != record.raw_ip)
        throw Error(ErrorKind::busy, "'" + device.name +
                                         "' has the number of another interface, "
                                         "with other packets")
            .hint("unload the monitors that were on it first; `dynmon-load status` shows them");
    if (record.attach == Attach::link && exists(store.hook_dir(id) + "/link"))
        remove_pin(store.hook_dir(id) + "/link"); // of a link that the kernel has taken off
    attach_hook(store, {.id = id, .order = record.order, .tc_priority = tc_priority}, record);
}

void require_frags_fit(const HookRecord& record, const HookRequest& request) {
    if (!record.frags || request.reads_frags)
        return;
    throw Error(ErrorKind::unsupported,
                "XDP on '" + record.device +
                    "' gives packets in several buffers, which the program cannot read")
        .hint(frags_hint);
}

namespace {

// Id, name and maps of a pinned pivot, which it keeps for its life.
std::shared_ptr<const ProgramFacts> known_pivot(const Store& store, const HookId& id) {
    static PinCache<ProgramFacts> known;
    return known.get(store.hook_dir(id) + "/pivot", [&] { return pivot_facts(store, id); });
}

} // namespace

std::optional<ProgramFacts> whole_pivot(const Store& store, const HookId& id) {
    try {
        if (exists(store.hook_dir(id) + "/pivot"))
            return *known_pivot(store, id);
    } catch (const Damaged&) {
        // another owner's
    }
    return std::nullopt;
}

bool is_whole(const Store& store, const HookId& id) {
    const std::string dir = store.hook_dir(id);
    try {
        require_directory(dir);
        if (!exists(dir + "/record"))
            return false;
        read_hook_record(store, id);
        return whole_pivot(store, id).has_value(); // the chain can be found again
    } catch (const Damaged&) {
        return false;
    }
}

HookRecord read_hook_record(const Store& store, const HookId& id) {
    static PinCache<HookRecord> known;
    require_directory(store.hook_dir(id));
    const std::string path = store.hook_dir(id) + "/record";
    return *known.get(path, [&] { return from_pinned_json(path, hook_record_from); });
}

namespace {

OpenedMap open_chain_pin(const std::string& path) {
    return open_own_map(path,
                        {.type = BPF_MAP_TYPE_PROG_ARRAY, .value_size = sizeof(std::uint32_t)});
}

bool is_chain_pin(const std::string& path) {
    try {
        return exists(path) && open_chain_pin(path).fd;
    } catch (const Damaged&) {
        return false;
    }
}

} // namespace

ProgramFacts pivot_facts(const Store& store, const HookId& id) {
    return program_facts(open_pivot(store, id));
}

Fd open_chain(const Store& store, const HookId& id) {
    require_directory(store.hook_dir(id));
    const std::string path = store.hook_dir(id) + "/chain";
    if (!exists(path))
        throw Error(ErrorKind::failed, "the chain of the hook is not pinned any more")
            .hint("`dynmon-load recover` pins it again and puts its programs back");
    OpenedMap chain = open_chain_pin(path);
    const std::optional<ProgramFacts> pivot = whole_pivot(store, id);
    if (!pivot)
        return std::move(
            chain.fd); // nothing to hold it against but its programs, which Chain looks at
    const std::uint32_t number = chain.facts.id;
    if (std::find(pivot->map_ids.begin(), pivot->map_ids.end(), number) == pivot->map_ids.end())
        throw Error(ErrorKind::busy, store.hook_dir(id) + ": the pivot is program " + pivot->name +
                                         " (id " + std::to_string(pivot->id) +
                                         "), which does not run through the chain (map id " +
                                         std::to_string(number) + ")")
            .hint("another process has replaced one of the two pins: put the original back");
    return std::move(chain.fd);
}

namespace {

// The kernel empties a chain slot by slot, some time after its last pin has gone, and would take
// out what is put in meanwhile: something in the last slot shows when it has come by. When nothing
// happens, it had finished before.
void wait_until_emptied(const Fd& chain, const Fd& pivot) {
    const std::uint32_t last = limits::chain_slots - 1;
    const int marker = pivot.get();
    std::uint32_t id = 0;
    const bool marked = !lookup_element(chain, &last, &id); // else it is still to be emptied
    if (marked)
        update_element(chain, &last, &marker);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(200);
    while (lookup_element(chain, &last, &id) && std::chrono::steady_clock::now() < deadline)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    if (marked)
        delete_element(chain, &last);
}

} // namespace

bool restore_chain(const Store& store, const DirectoryLock&, const HookId& id,
                   bool replace_damaged) {
    const std::string path = store.hook_dir(id) + "/chain";
    if (exists(path) && (!replace_damaged || is_chain_pin(path)))
        return false;
    const Fd pivot = open_pivot(store, id);
    int fault = 0;
    for (const std::uint32_t map_id : program_facts(pivot).map_ids) {
        const Fd map = try_open_map(map_id);
        if (!map)
            fault = errno;
        else if (map_facts(map).type == BPF_MAP_TYPE_PROG_ARRAY) {
            remove_tree(path); // what another process put there
            pin(map, path);
            wait_until_emptied(map, pivot);
            return true;
        }
    }
    Error error(ErrorKind::failed,
                "find the chain of " + hook_dir_name(id) +
                    ", which is not pinned any more, by its id",
                fault);
    if (fault == EPERM)
        error.hint(rights_hint({Right::sys_admin}))
            .or_hint("`unload` needs none where the monitor is the only one of the hook");
    throw error;
}

std::uint32_t pivot_id(const Store& store, const HookId& id) {
    require_directory(store.hook_dir(id));
    return known_pivot(store, id)->id;
}

// Taking a hook down, whatever other programs wrote into its directory.

namespace {

// A link can be detached without a look at its namespace, a filter cannot.
template <typename IsLink>
std::optional<NetNs> netns_to_clean(const Store& store, const HookId& id, IsLink&& is_link) {
    try {
        return netns_of(store, id);
    } catch (const Error&) {
        if (!is_link())
            throw;
        return std::nullopt;
    }
}

} // namespace

void require_right_to_remove(const Store& store, const HookId& id) {
    const std::optional<NetNs> netns = netns_to_clean(
        store, id, [&] { return read_hook_record(store, id).attach == Attach::link; });
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

namespace {

// What of a hook can be taken down, whatever other programs wrote into its directory.
struct Remains {
    Attach attach = Attach::link;
    bool made_qdisc = false;
    Fd link;
    std::uint32_t pivot = 0; // 0: unknown
};

template <typename Read>
bool if_whole(Read&& read) {
    try {
        read();
        return true;
    } catch (const Error& error) {
        if (dynamic_cast<const Damaged*>(&error) == nullptr && error.error_number() != ENOENT)
            throw;
        log::warn(error.what());
        return false;
    }
}

Remains remains_of(const Store& store, const HookId& id) {
    Remains remains;
    const std::string dir = store.hook_dir(id);
    if (!if_whole([&] { require_directory(dir); }))
        return remains;
    if_whole([&] { remains.link = try_open_own(dir + "/link", "bpf-link"); });
    if_whole([&] { remains.pivot = pivot_id(store, id); });
    remains.attach = remains.link || id.point == HookPoint::xdp ? Attach::link : Attach::clsact;
    if_whole([&] {
        const HookRecord record = read_hook_record(store, id);
        remains.attach = record.attach;
        remains.made_qdisc = record.made_qdisc;
    });
    return remains;
}

} // namespace

// Hold the descriptor, detach, unlink, close last: unlinking the last reference alone would detach
// some milliseconds later, when no caller checks it any more.
void detach_hook(const Store& store, const DirectoryLock&, const HookId& id) {
    const std::string dir = store.hook_dir(id);
    const Remains remains = remains_of(store, id);
    if (remains.link && remains.pivot != 0)
        require_own_link(store, id);
    const std::optional<NetNs> netns =
        netns_to_clean(store, id, [&] { return remains.attach == Attach::link; });
    std::optional<NetNsScope> inside;
    if (netns)
        inside.emplace(*netns);
    if (remains.link) {
        detach_link(remains.link);
        remove_pin(dir + "/link");
    }
    if (remains.attach == Attach::clsact && netns && remains.pivot != 0)
        detach_clsact(id, remains.pivot, remains.made_qdisc);
    if (netns && remains.pivot != 0)
        wait_detached(id, remains.pivot);
}

void remove_hook(const Store& store, const DirectoryLock& lock, const HookId& id) {
    detach_hook(store, lock, id);
    store.discard(store.hook_dir(id));
}

} // namespace dynmon
