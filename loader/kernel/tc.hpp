// SPDX-License-Identifier: BSD-2-Clause
// clsact and its direct-action BPF filters, for kernels without TCX (before 6.6), and whether a
// filter still stands.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/file.hpp"

namespace dynmon {

enum class TcDirection { ingress, egress };

// Every filter of dynmon has it, so that it is found again without any state.
inline constexpr std::uint32_t filter_handle = 0x64796e; // "dyn"

std::uint32_t tc_parent(TcDirection direction); // as tcm_parent

// All functions act in the calling thread's network namespace.

bool has_clsact(int ifindex);
void create_clsact(int ifindex); // throws Error{busy} when the place is taken by another qdisc
void delete_clsact(int ifindex);

// True when any filter, ours or not, hangs on one of the two directions.
bool has_filters(int ifindex, TcDirection direction);

// A filter that packets meet, of any kind and from any program.
struct TcFilter {
    std::uint32_t priority = 0;
    std::string kind;           // "bpf", "flower", …
    std::uint16_t protocol = 0; // the packets that it sees: ETH_P_…, ETH_P_ALL for all
    std::uint32_t handle = 0;
    std::uint32_t program_id = 0; // kind "bpf"
    std::string program_name;     // likewise
    bool ours() const;            // made by dynmon, of whichever store
};

// In the order in which the kernel runs them. Empty when there is no clsact qdisc.
std::vector<TcFilter> list_filters(int ifindex, TcDirection direction);

// Where among `filters` a filter of ours can stand: the kernel puts programs at one priority only
// together when they are of one kind and see the same packets, and runs the newest first.
bool is_usable(const std::vector<TcFilter>& filters, std::uint32_t priority);
std::uint32_t first_priority(const std::vector<TcFilter>& filters); // in front of all, if possible
std::uint32_t last_priority(const std::vector<TcFilter>& filters);  // behind all, if possible

void attach_filter(int ifindex, TcDirection direction, const Fd& program, std::uint32_t priority);
// Program id of our filter; nullopt when there is none.
std::optional<std::uint32_t> query_filter(int ifindex, TcDirection direction);
void detach_filter(int ifindex, TcDirection direction); // absent is fine

// Looks for our TC filters in a network namespace that cannot be entered again: a reader gives up
// the right to once everything is open.

class FilterWatch {
public:
    // In the namespace that the calling thread is in now. The kernel keeps that namespace for as
    // long as this lives, also when its name is gone.
    FilterWatch();

    bool has_device(int ifindex) const;
    // Program id of our filter; nothing when there is none.
    std::optional<std::uint32_t> program(int ifindex, TcDirection direction) const;

private:
    Fd socket_;
};

} // namespace dynmon
