// SPDX-License-Identifier: BSD-2-Clause
// A hook that dynmon holds: its pivot program, its chain (PROG_ARRAY) and what attaches them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/file.hpp"
#include "kernel/bpf.hpp"
#include "kernel/netns.hpp"
#include "manifest/words.hpp"
#include "state/store.hpp"

namespace dynmon {

enum class Attach { link, clsact }; // XDP and TCX are links; clsact is a filter on a qdisc

// Where our pivot goes among the programs that others have at the same place.
enum class HookOrder { head, tail };
const char* to_string(HookOrder order);

// How a hook was made. Pinned beside it and never changed.
struct HookRecord {
    std::string netns; // name as given; "" for the namespace of the loader
    std::string device;
    Attach attach = Attach::link;
    XdpMode mode = XdpMode::native; // XDP hooks
    bool made_qdisc = false;        // clsact was not there before us
    bool raw_ip = false;            // the device has no link-layer header
    HookOrder order = HookOrder::head;
    std::string address;           // of the device's link layer, in hexadecimal digits
    std::uint32_t first_pivot = 0; // the oldest that ran here on this very device; 0: this one
    bool frags = false; // XDP: packets may lie in several buffers, which all programs have to know
};

struct HookRequest {
    HookId id;
    std::string device;
    XdpMode mode = XdpMode::native;
    bool allow_generic = false;      // native refused: take generic and say so
    std::optional<Attach> tc_attach; // unset: TCX where the kernel has it
    HookOrder order = HookOrder::head;
    std::optional<std::uint32_t> tc_priority; // of a clsact filter; unset: as `order` says
    // XDP, packets in several buffers: the program that comes can read them; it wants them in any
    // case. Without either, a device that gives no others is refused.
    bool reads_frags = false;
    bool declares_frags = false;
};

enum class HookHealth {
    attached, // the kernel runs our pivot
    detached, // pins are there, but nothing is attached (yet, or any more)
    defunct,  // the device or its namespace is gone
    moved,    // our pivot runs on, but the device is in another namespace now
    taken,    // another owner's program is where our pivot was
};

// Packets reach our pivot, here or wherever the device is now.
inline bool is_counting(HookHealth health) {
    return health == HookHealth::attached || health == HookHealth::moved;
}

struct HookState {
    HookHealth health = HookHealth::attached;
    // A sentence: the numbers of a hook that is moved or taken; why it is not known whether the
    // interface of one that is detached is there.
    std::string problem;
};

// Puts our pivot on the hook, in `netns`, in place of what is left of one there; it is pinned
// before it is attached, with an empty chain, which passes every packet. Throws Error{busy} naming
// the program that holds an XDP hook or took the place of our pivot, Error{unsupported} when the
// device cannot do the mode. The store must be locked exclusively.
void make_hook(const Store& store, const DirectoryLock& lock, const NetNs& netns,
               const HookRequest& request);

// Attaches the pivot of a hook that is detached, as it was before; its chain and programs stay as
// they are. `tc_priority`: of a clsact filter; unset: as the hook's order says.
// Throws as make_hook(). The store must be locked exclusively.
void attach_again(const Store& store, const DirectoryLock& lock, const NetNs& netns,
                  const HookId& id, std::optional<std::uint32_t> tc_priority);

// Throws Error{unsupported} when a program that cannot read packets in several buffers would get
// such packets at the hook.
void require_frags_fit(const HookRecord& record, const HookRequest& request);

// The network namespace of a hook: the caller's own, one that a name in /run/netns leads to, or the
// one that was given by a path if the path still leads there. Nothing: it is gone, or cannot be
// found that way. Throws EACCES or EPERM where this user may not follow the path.
std::optional<NetNs> netns_of(const Store& store, const HookId& id);

// False when pins of the hook were removed, so that its chain cannot be written any more.
bool is_whole(const Store& store, const HookId& id);

HookRecord read_hook_record(const Store& store, const HookId& id);
HookState hook_state(const Store& store, const HookId& id);
// The same in fewer calls, for readers: a hook that was moved passes for attached. Once asked, it
// also works without the right to enter the device's network namespace, but for one thing: a link
// without a device is `detached` there with a problem, for nothing shows whether the device is
// gone. A namespace with a clsact filter is kept alive by this process until it is asked again.
HookState running_state(const Store& store, const HookId& id);
// As the device is called now; as this process saw it last, or as it was called when the hook was
// made, if that is not known.
std::string hook_device(const Store& store, const HookId& id);
// The PROG_ARRAY. Throws Error{busy} when it is not the one that our pivot runs through.
Fd open_chain(const Store& store, const HookId& id);
// Pins the chain of a hook again whose pin was taken away: its pivot still uses it, but the kernel
// has emptied it. False when the pin is there. Throws without CAP_SYS_ADMIN. A pin that is no chain
// is left for open_chain() to refuse, or with `replace_damaged` makes way.
bool restore_chain(const Store& store, const DirectoryLock& lock, const HookId& id,
                   bool replace_damaged = false);
// Throws Error{busy} when another owner's program runs through our link.
void require_own_link(const Store& store, const HookId& id);
ProgramFacts pivot_facts(const Store& store, const HookId& id);
// Nothing: its pin is gone, or something else.
std::optional<ProgramFacts> whole_pivot(const Store& store, const HookId& id);
std::uint32_t pivot_id(const Store& store, const HookId& id);

// Throws what remove_hook() would for want of a capability, before anything is changed.
void require_right_to_remove(const Store& store, const HookId& id);

// Throws as require_own_link(). Detaches, checks that the kernel has let go, and removes the link's
// pin and a qdisc that we made.
void detach_hook(const Store& store, const DirectoryLock& lock, const HookId& id);
// The same, and then removes the pins.
void remove_hook(const Store& store, const DirectoryLock& lock, const HookId& id);

} // namespace dynmon
