// SPDX-License-Identifier: BSD-2-Clause
// Where a hook is now: whether the kernel runs our pivot, and whose program it runs if not.
#include <cerrno>
#include <filesystem>
#include <map>
#include <mutex>

#include "base/error.hpp"
#include "hook/attach.hpp"
#include "hook/hook.hpp"
#include "kernel/bpf.hpp"
#include "kernel/own_pin.hpp"
#include "kernel/tc.hpp"
#include "kernel/xdp.hpp"

namespace dynmon {

namespace {

// The namespace with this inode, if it is the caller's or a name in /run/netns leads there.
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

std::optional<NetNs> netns_by_path(const HookRecord& record, const HookId& id) {
    if (record.netns.find('/') == std::string::npos)
        return std::nullopt;
    try {
        if (NetNs given = NetNs::open(record.netns); given.inode() == id.netns)
            return given;
    } catch (const Error& error) {
        if (error.error_number() == EACCES || error.error_number() == EPERM)
            throw; // it may well be there
    }
    return std::nullopt;
}

} // namespace

std::optional<NetNs> netns_of(const Store& store, const HookId& id) {
    if (std::optional<NetNs> found = find_netns(id.netns))
        return found;
    HookRecord record;
    try {
        record = read_hook_record(store, id);
    } catch (const Error& error) {
        if (dynamic_cast<const Damaged*>(&error) == nullptr && error.error_number() != ENOENT)
            throw;
    }
    return netns_by_path(record, id);
}

namespace {

HookState taken_by(std::uint32_t program, std::uint32_t pivot, const std::string& what) {
    return {HookHealth::taken, what + " of the hook runs program " + describe_program(program) +
                                   " instead of the pivot of dynmon (id " + std::to_string(pivot) +
                                   ")"};
}

// Nothing: its namespace cannot be reached.
std::optional<bool> runs_in_its_place(const Store& store, const HookId& id) {
    try {
        const std::uint32_t pivot = pivot_id(store, id);
        const std::optional<NetNs> netns = netns_of(store, id);
        if (!netns)
            return std::nullopt;
        const NetNsScope inside(*netns);
        return runs_at(id, pivot);
    } catch (const Error&) {
        return std::nullopt;
    }
}

// The link is at no device: it was detached, or the device is gone. A process that may not enter
// the namespace cannot see which; a socket in there could, as filters have one, but would keep
// every namespace with a link alive.
HookState loose_link_state(const Store& store, const HookId& id) {
    try {
        const std::optional<NetNs> netns = netns_of(store, id);
        if (!netns)
            return {HookHealth::defunct, ""};
        const NetNsScope inside(*netns);
        const bool there = !interface_name(id.ifindex).empty();
        return {there ? HookHealth::detached : HookHealth::defunct, ""};
    } catch (const Error& error) {
        return {HookHealth::detached, std::string("whether its interface is still there is not "
                                                  "known: ") +
                                          error.what()};
    }
}

// A link goes along with its device, and its place cannot be asked for: only whether it is ours.
HookState link_state(const Store& store, const HookId& id) {
    const Fd link = try_open_own(store.hook_dir(id) + "/link", "bpf-link");
    if (!link)
        return {HookHealth::detached, ""};
    const std::uint32_t pivot = pivot_id(store, id);
    const LinkFacts facts = link_facts(link);
    if (facts.program_id != pivot)
        return taken_by(facts.program_id, pivot, "the link");
    if (facts.ifindex != 0)
        return {HookHealth::attached, ""};
    return loose_link_state(store, id);
}

using FilterWatches = std::map<std::uint64_t, FilterWatch>; // by namespace

// False: the namespace is gone.
bool update_watches(FilterWatches& watches, const Store& store, const HookId& id) {
    const bool known = watches.contains(id.netns);
    try {
        const std::optional<NetNs> netns = netns_of(store, id);
        if (!netns) {
            watches.erase(id.netns);
            return false;
        }
        if (!known) {
            const NetNsScope inside(*netns);
            watches.try_emplace(id.netns);
        }
    } catch (const Error& error) {
        // A path such as /proc/PID/ns/net may not be followed without the rights of before.
        if (!known || (error.error_number() != EACCES && error.error_number() != EPERM))
            throw;
    }
    return true;
}

HookState filter_state(const Store& store, const HookId& id) {
    static std::mutex mutex; // also keeps each question and its answer on a socket together
    static FilterWatches watches;
    const std::lock_guard lock(mutex);
    if (!update_watches(watches, store, id))
        return {HookHealth::defunct, ""};
    const FilterWatch& watch = watches.at(id.netns);
    if (!watch.has_device(id.ifindex))
        return {HookHealth::defunct, ""};
    const std::uint32_t pivot = pivot_id(store, id);
    const auto running = watch.program(id.ifindex, tc_direction(id.point));
    if (!running)
        return {HookHealth::detached, ""};
    return *running == pivot ? HookState{} : taken_by(*running, pivot, "the TC filter");
}

} // namespace

HookState running_state(const Store& store, const HookId& id) {
    const bool by_link = read_hook_record(store, id).attach == Attach::link;
    return by_link ? link_state(store, id) : filter_state(store, id);
}

HookState hook_state(const Store& store, const HookId& id) {
    HookState state = running_state(store, id);
    if (state.health != HookHealth::attached ||
        read_hook_record(store, id).attach != Attach::link ||
        runs_in_its_place(store, id) != std::optional(false))
        return state;
    const Fd link = try_open_own(store.hook_dir(id) + "/link", "bpf-link");
    const std::uint32_t ifindex = link ? link_facts(link).ifindex : 0; // it may go at any time
    if (ifindex == 0)
        return {HookHealth::defunct, ""};
    return {HookHealth::moved, "the interface was moved to another network namespace, where it is "
                               "number " +
                                   std::to_string(ifindex) + "; it is monitored there"};
}

std::string hook_device(const Store& store, const HookId& id) {
    // A reader that has given up its rights cannot look into another namespace any more.
    static std::mutex mutex;
    static std::map<HookId, std::string> seen;
    const std::lock_guard lock(mutex);
    std::string& name = seen.try_emplace(id, read_hook_record(store, id).device).first->second;
    try {
        const std::optional<NetNs> netns = netns_of(store, id);
        if (!netns || hook_state(store, id).health != HookHealth::attached)
            return name;
        const NetNsScope inside(*netns);
        if (std::string now = interface_name(id.ifindex); !now.empty())
            name = std::move(now);
    } catch (const Error&) {
        // as it was last seen
    }
    return name;
}

void require_own_link(const Store& store, const HookId& id) {
    const HookState state = link_state(store, id); // without a link: not taken
    if (state.health != HookHealth::taken)
        return;
    throw Error(ErrorKind::busy, state.problem)
        .hint("dynmon never detaches another owner's program: put the pivot back, or remove the "
              "pin " +
              store.hook_dir(id) + "/link");
}

} // namespace dynmon
