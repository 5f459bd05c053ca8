// SPDX-License-Identifier: BSD-2-Clause
#include "base/map_type.hpp"

#include <array>

namespace dynmon {

namespace {

// By the number of enum bpf_map_type, up to Linux 7.3.
constexpr std::array<const char*, first_unknown_type> type_names = {
    "unspec",
    "hash",
    "array",
    "prog_array",
    "perf_event_array",
    "percpu_hash",
    "percpu_array",
    "stack_trace",
    "cgroup_array",
    "lru_hash",
    "lru_percpu_hash",
    "lpm_trie",
    "array_of_maps",
    "hash_of_maps",
    "devmap",
    "sockmap",
    "cpumap",
    "xskmap",
    "sockhash",
    "cgroup_storage",
    "reuseport_sockarray",
    "percpu_cgroup_storage",
    "queue",
    "stack",
    "sk_storage",
    "devmap_hash",
    "struct_ops",
    "ringbuf",
    "inode_storage",
    "task_storage",
    "bloom_filter",
    "user_ringbuf",
    "cgrp_storage",
    "arena",
    "insn_array",
    "rhash",
};

} // namespace

std::string map_type_name(MapType type) {
    return type < type_names.size() ? type_names[type] : "number " + std::to_string(type);
}

} // namespace dynmon
