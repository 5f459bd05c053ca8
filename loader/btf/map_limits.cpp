// SPDX-License-Identifier: BSD-2-Clause
#include "btf/map_limits.hpp"

#include <array>
#include <limits>

#include "base/map_type.hpp"
#include "object/object.hpp"

namespace dynmon {

namespace {

constexpr std::uint32_t any_size = std::numeric_limits<std::uint32_t>::max();
constexpr std::uint32_t largest_per_cpu = 32u << 10; // PCPU_MIN_UNIT_SIZE

struct Range {
    std::uint32_t least = 0;
    std::uint32_t most = any_size;
};

enum class Entries { some, none, of_the_kernel };

struct Rule {
    MapType type;
    Range key;
    Range value;
    Entries entries = Entries::some;
    std::uint32_t needed = 0;    // flags without which the kernel refuses
    std::uint32_t forbidden = 0; // flags with which it does
};

constexpr Range no_bytes{0, 0};
constexpr Range some_bytes{1, any_size};
constexpr Range four_bytes{4, 4};
constexpr std::uint32_t no_prealloc = BPF_F_NO_PREALLOC;

// By number, because older headers do not name them all.
constexpr std::array<Rule, 25> map_rules{{
    {1, some_bytes, some_bytes},                                 // hash
    {2, four_bytes, some_bytes},                                 // array
    {4, four_bytes, four_bytes, Entries::of_the_kernel},         // perf_event_array
    {5, some_bytes, some_bytes},                                 // percpu_hash
    {6, four_bytes, some_bytes},                                 // percpu_array
    {7, four_bytes, {8, any_size}},                              // stack_trace
    {8, four_bytes, four_bytes},                                 // cgroup_array
    {9, some_bytes, some_bytes, Entries::some, 0, no_prealloc},  // lru_hash
    {10, some_bytes, some_bytes, Entries::some, 0, no_prealloc}, // lru_percpu_hash
    {11, {5, 260}, some_bytes, Entries::some, no_prealloc},      // lpm_trie
    {12, four_bytes, four_bytes},                                // array_of_maps
    {13, some_bytes, four_bytes},                                // hash_of_maps
    {14, four_bytes, {4, 8}},                                    // devmap
    {16, four_bytes, {4, 8}},                                    // cpumap
    {17, four_bytes, four_bytes},                                // xskmap
    {22, no_bytes, some_bytes},                                  // queue
    {23, no_bytes, some_bytes},                                  // stack
    {24, four_bytes, some_bytes, Entries::none, no_prealloc},    // sk_storage
    {25, four_bytes, {4, 8}},                                    // devmap_hash
    {27, no_bytes, no_bytes},                                    // ringbuf
    {28, four_bytes, some_bytes, Entries::none, no_prealloc},    // inode_storage
    {29, four_bytes, some_bytes, Entries::none, no_prealloc},    // task_storage
    {30, no_bytes, some_bytes},                                  // bloom_filter
    {31, no_bytes, no_bytes},                                    // user_ringbuf
    {32, four_bytes, some_bytes, Entries::none, no_prealloc},    // cgrp_storage
}};

std::string size_fault(const char* what, std::uint32_t size, const Range& range) {
    if (size >= range.least && size <= range.most)
        return "";
    std::string wanted = std::to_string(range.least);
    if (range.most == any_size)
        wanted = "at least " + wanted;
    else if (range.most != range.least)
        wanted += " to " + std::to_string(range.most);
    return std::string("has ") + what + " of " + std::to_string(size) + " bytes; " + wanted +
           " are possible";
}

std::string entries_fault(const MapInfo& map, Entries entries) {
    if (entries == Entries::some && map.max_entries == 0)
        return "has no max_entries";
    if (entries == Entries::none && map.max_entries != 0)
        return "has max_entries, which must be 0: its entries belong to sockets, tasks, inodes or "
               "cgroups";
    return "";
}

std::string flags_fault(const MapInfo& map, const Rule& rule) {
    if ((map.flags & rule.needed) != rule.needed)
        return "needs BPF_F_NO_PREALLOC in its map_flags";
    if ((map.flags & rule.forbidden) != 0)
        return "cannot have BPF_F_NO_PREALLOC in its map_flags";
    return "";
}

} // namespace

std::string map_fault(const MapInfo& map) {
    for (const Rule& rule : map_rules) {
        if (rule.type != map.type)
            continue;
        const std::string type = " (" + map_type_name(map.type) + ")";
        for (const std::string& fault : {size_fault("keys", map.key_size, rule.key),
                                         size_fault("values", map.value_size, rule.value),
                                         entries_fault(map, rule.entries), flags_fault(map, rule)})
            if (!fault.empty())
                return fault + type;
    }
    if (is_per_cpu(map.type) && map.value_size > largest_per_cpu)
        return "has values of " + std::to_string(map.value_size) +
               " bytes; the kernel has room for " + std::to_string(largest_per_cpu) +
               " on each CPU (" + map_type_name(map.type) + ")";
    return "";
}

} // namespace dynmon
