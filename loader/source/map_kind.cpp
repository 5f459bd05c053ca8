// SPDX-License-Identifier: BSD-2-Clause
#include "source/map_kind.hpp"

#include <array>

#include "base/error.hpp"
#include "base/map_type.hpp"

namespace dynmon {

namespace {

struct Known {
    MapKind kind;
    const char* why_not = ""; // follows "map 'x' is of type y: "
};

// By the number of enum bpf_map_type, as base/map_type.cpp names them.
constexpr std::array<Known, first_unknown_type> known_types{{
    {MapKind::closed, "that is no type at all"},                                 // unspec
    {MapKind::plain},                                                            // hash
    {MapKind::plain},                                                            // array
    {MapKind::programs},                                                         // prog_array
    {MapKind::events},                                                           // perf_event_array
    {MapKind::plain},                                                            // percpu_hash
    {MapKind::plain},                                                            // percpu_array
    {MapKind::stacks},                                                           // stack_trace
    {MapKind::closed, "the kernel does not say which cgroups are in its slots"}, // cgroup_array
    {MapKind::plain},                                                            // lru_hash
    {MapKind::plain},                                                            // lru_percpu_hash
    {MapKind::trie},                                                             // lpm_trie
    {MapKind::inner_maps},                                                       // array_of_maps
    {MapKind::inner_maps},                                                       // hash_of_maps
    {MapKind::devices},                                                          // devmap
    {MapKind::sockets},                                                          // sockmap
    {MapKind::cpus},                                                             // cpumap
    {MapKind::closed, "the kernel does not say which AF_XDP sockets are in its slots"}, // xskmap
    {MapKind::sockets},                                                                 // sockhash
    {MapKind::plain},          // cgroup_storage
    {MapKind::sockets},        // reuseport_sockarray
    {MapKind::plain},          // percpu_cgroup_storage
    {MapKind::queue},          // queue
    {MapKind::queue},          // stack
    {MapKind::socket_storage}, // sk_storage
    {MapKind::devices},        // devmap_hash
    {MapKind::struct_ops},     // struct_ops
    {MapKind::events},         // ringbuf
    {MapKind::closed,          // inode_storage
     "its entries belong to inodes, and are found only by an open file of each; the kernel lists "
     "neither"},
    {MapKind::task_storage}, // task_storage
    {MapKind::closed,        // bloom_filter
     "it cannot be listed, because a bloom filter only answers whether a value may be in it"},
    {MapKind::closed, // user_ringbuf
     "events go from user space to the programs, and only they can read them"},
    {MapKind::cgroup_storage}, // cgrp_storage
    {MapKind::closed,          // arena
     "it is plain memory that only its program gives a shape to: there are no entries"},
    {MapKind::closed, // insn_array
     "it holds places in the code of a program, which are of use to the kernel alone"},
    {MapKind::plain}, // rhash
}};

const Known* known(MapType type) {
    const auto number = static_cast<std::size_t>(type);
    return number < known_types.size() ? &known_types[number] : nullptr;
}

} // namespace

MapKind map_kind(MapType type) {
    const Known* entry = known(type);
    return entry == nullptr ? MapKind::unknown : entry->kind;
}

bool is_storage(MapType type) {
    const MapKind kind = map_kind(type);
    return kind == MapKind::task_storage || kind == MapKind::cgroup_storage ||
           kind == MapKind::socket_storage;
}

Rights rights_to_list(MapType type) {
    switch (map_kind(type)) {
    case MapKind::inner_maps:
    case MapKind::programs:
    case MapKind::devices:
    case MapKind::cpus:
        return {Right::sys_admin};
    case MapKind::socket_storage: // its sockets are those of other processes
        return {Right::sys_ptrace};
    default:
        return {};
    }
}

void refuse_listing(const MapFacts& facts) {
    const Known* entry = known(facts.type);
    Error error(ErrorKind::unsupported,
                "map '" + facts.name + "' is of type " + map_type_name(facts.type) + ": " +
                    (entry == nullptr
                         ? "this version of dynmon does not know it, and it has no keys and values "
                           "of a fixed size to be read one by one"
                     : entry->kind == MapKind::events
                         ? "its events can be read once only, as they come"
                     : *entry->why_not != '\0' ? entry->why_not
                                               : "a metric cannot be made of its entries"));
    if (entry != nullptr && entry->kind == MapKind::events)
        error.hint("`dynmon-load stream` prints them");
    throw error;
}

} // namespace dynmon
