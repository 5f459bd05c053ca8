// SPDX-License-Identifier: BSD-2-Clause
// The three ways to put a pivot on a device: XDP link, TCX link, clsact filter.
#pragma once

#include "base/error.hpp"
#include "hook/hook.hpp"
#include "kernel/tc.hpp"

namespace dynmon {

// All functions act in the calling thread's network namespace.

// The device has no such mode, or not for its MTU.
class NoSuchMode : public Error {
public:
    using Error::Error;
};

// Throws Error{busy} naming the holder, NoSuchMode naming the mode that would work.
Fd attach_xdp(const Fd& pivot, int ifindex, XdpMode mode);

// On a kernel that has TCX. Throws Error{busy} when as many programs are there as it allows.
Fd attach_tcx(const Fd& pivot, const HookId& id, HookOrder order);

// `priority`: unset for the one that `order` asks for.
void attach_clsact(const Fd& pivot, const HookId& id, HookOrder order,
                   std::optional<std::uint32_t> priority);
// Leaves a filter alone that does not run `pivot_id`: it is another store's.
void detach_clsact(const HookId& id, std::uint32_t pivot_id, bool made_qdisc);
std::optional<std::uint32_t> clsact_program(const HookId& id); // what our filter runs

// Everything at a TC hook, in the order in which it runs. Nothing: the kernel has no TCX.
std::optional<std::vector<std::uint32_t>> tcx_programs(const HookId& id);
std::vector<TcFilter> clsact_filters(const HookId& id);
TcDirection tc_direction(HookPoint point);

// Is `pivot_id` what the kernel reports at the hook?
bool runs_at(const HookId& id, std::uint32_t pivot_id);

// Waits (at most 3 s) until the kernel no longer reports `pivot_id` at the hook: the release of a
// link is asynchronous. Throws Error{failed} when it stays.
void wait_detached(const HookId& id, std::uint32_t pivot_id);

} // namespace dynmon
