// clsact and its direct-action BPF filters, for kernels without TCX (before 6.6).
#pragma once

#include <cstdint>
#include <optional>

#include "base/fd.hpp"

namespace dynmon {

enum class TcDirection { ingress, egress };

// All functions act in the calling thread's network namespace.

bool has_clsact(int ifindex);
void create_clsact(int ifindex); // throws Error{busy} when the place is taken by another qdisc
void delete_clsact(int ifindex);

// True when any filter, ours or not, hangs on one of the two directions.
bool has_filters(int ifindex, TcDirection direction);

// Our filter has a fixed handle and priority, so it is found again without any state.
void attach_filter(int ifindex, TcDirection direction, const Fd& program);
// Program id of our filter; nullopt when there is none.
std::optional<std::uint32_t> query_filter(int ifindex, TcDirection direction);
void detach_filter(int ifindex, TcDirection direction); // absent is fine

} // namespace dynmon
