// The three ways to put a pivot on a device: XDP link, TCX link, clsact filter.
#pragma once

#include "hook/hook.hpp"
#include "kernel/tc.hpp"

namespace dynmon {

// All functions act in the calling thread's network namespace.

// Throws Error{busy} naming the holder, Error{unsupported} naming the mode that would work.
// `mode` becomes generic when native was refused and `allow_generic` is set.
Fd attach_xdp(const Fd& pivot, int ifindex, XdpMode& mode, bool allow_generic);

Fd attach_tcx(const Fd& pivot, const HookId& id); // on a kernel that has TCX

void attach_clsact(const Fd& pivot, const HookId& id);
// Leaves a filter alone that does not run `pivot_id`: it is another store's.
void detach_clsact(const HookId& id, std::uint32_t pivot_id, bool made_qdisc);
std::optional<std::uint32_t> clsact_program(const HookId& id); // what our filter runs

TcDirection tc_direction(HookPoint point);

// Is `pivot_id` what the kernel reports at the hook?
bool runs_at(const HookId& id, std::uint32_t pivot_id);

// Waits (at most 3 s) until the kernel no longer reports `pivot_id` at the hook: the release of a
// link is asynchronous. Throws Error{failed} when it stays.
void wait_detached(const HookId& id, std::uint32_t pivot_id);

} // namespace dynmon
