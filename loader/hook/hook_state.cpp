// Where a hook is now: whether the kernel runs our pivot, and whose program it runs if not.
#include <cerrno>
#include <filesystem>
#include <map>

#include "base/error.hpp"
#include "hook/attach.hpp"
#include "hook/hook.hpp"
#include "kernel/bpf.hpp"
#include "kernel/own_pin.hpp"
#include "kernel/xdp.hpp"

namespace dynmon {

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
    const Fd link = try_open_own(store.hook_dir(id) + "/link", "bpf-link");
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
    // A reader that has given up its rights cannot look into another namespace any more.
    static std::map<HookId, std::string> seen;
    std::string& name = seen.try_emplace(id, read_hook_record(store, id).device).first->second;
    try {
        const std::optional<NetNs> netns = find_netns(id.netns);
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
        .hint("dynmon takes off nobody else's program: put its pivot back, or remove the pin " +
              store.hook_dir(id) + "/link");
}

} // namespace dynmon
