// SPDX-License-Identifier: BSD-2-Clause
// Taking a hook down, whoever wrote into its directory.
#include <cerrno>

#include "base/error.hpp"
#include "base/log.hpp"
#include "hook/attach.hpp"
#include "hook/hook.hpp"
#include "kernel/bpf.hpp"
#include "kernel/own_pin.hpp"
#include "kernel/rights.hpp"
#include "kernel/xdp.hpp"
#include "state/bpffs.hpp"

namespace dynmon {

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

// What of a hook can be taken down, whoever wrote into its directory.
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
// some milliseconds later, when nobody is looking any more.
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
