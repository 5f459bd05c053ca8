#include "read/map_kind.hpp"

#include <array>

#include "base/error.hpp"

namespace dynmon {

namespace {

struct Known {
    const char* name;
    MapKind kind;
    const char* why_not = ""; // follows "map 'x' is of type y: "
};

// By the number of enum bpf_map_type, up to Linux 6.19.
constexpr std::array<Known, 35> known_types{{
    {"unspec", MapKind::closed, "that is no type at all"},
    {"hash", MapKind::plain},
    {"array", MapKind::plain},
    {"prog_array", MapKind::programs},
    {"perf_event_array", MapKind::events},
    {"percpu_hash", MapKind::plain},
    {"percpu_array", MapKind::plain},
    {"stack_trace", MapKind::stacks},
    {"cgroup_array", MapKind::closed, "the kernel does not say which cgroups are in its slots"},
    {"lru_hash", MapKind::plain},
    {"lru_percpu_hash", MapKind::plain},
    {"lpm_trie", MapKind::trie},
    {"array_of_maps", MapKind::inner_maps},
    {"hash_of_maps", MapKind::inner_maps},
    {"devmap", MapKind::devices},
    {"sockmap", MapKind::sockets},
    {"cpumap", MapKind::cpus},
    {"xskmap", MapKind::closed, "the kernel does not say which AF_XDP sockets are in its slots"},
    {"sockhash", MapKind::sockets},
    {"cgroup_storage", MapKind::plain},
    {"reuseport_sockarray", MapKind::sockets},
    {"percpu_cgroup_storage", MapKind::plain},
    {"queue", MapKind::queue},
    {"stack", MapKind::queue},
    {"sk_storage", MapKind::socket_storage},
    {"devmap_hash", MapKind::devices},
    {"struct_ops", MapKind::struct_ops},
    {"ringbuf", MapKind::events},
    {"inode_storage", MapKind::closed,
     "its entries belong to inodes, and are found only by an open file of each; the kernel lists "
     "neither"},
    {"task_storage", MapKind::task_storage},
    {"bloom_filter", MapKind::closed,
     "it cannot be listed, because a bloom filter only answers whether a value may be in it"},
    {"user_ringbuf", MapKind::closed,
     "events go from user space to the programs, and only they can read them"},
    {"cgrp_storage", MapKind::cgroup_storage},
    {"arena", MapKind::closed,
     "it is plain memory that only its program gives a shape to: there are no entries"},
    {"insn_array", MapKind::closed,
     "it holds places in the code of a program, which are of use to the kernel alone"},
}};

const Known* known(MapType type) {
    const auto number = static_cast<std::size_t>(type);
    return number < known_types.size() ? &known_types[number] : nullptr;
}

} // namespace

MapKind map_kind(MapType type) {
    const Known* entry = known(type);
    return entry == nullptr ? MapKind::closed : entry->kind;
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

std::string map_type_name(MapType type) {
    const Known* entry = known(type);
    return entry == nullptr ? "number " + std::to_string(type) : entry->name;
}

void refuse_listing(const MapFacts& facts) {
    const Known* entry = known(facts.type);
    Error error(ErrorKind::unsupported,
                "map '" + facts.name + "' is of type " + map_type_name(facts.type) + ": " +
                    (entry == nullptr ? "this version of dynmon does not know what that is"
                     : entry->kind == MapKind::events
                         ? "its events can be read once only, as they come"
                     : *entry->why_not != '\0' ? entry->why_not
                                               : "a metric cannot be made of its entries"));
    if (entry != nullptr && entry->kind == MapKind::events)
        error.hint("`dynmon-load stream` prints them");
    throw error;
}

} // namespace dynmon
