// SPDX-License-Identifier: BSD-2-Clause
#include "kernel/map_calls.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <utility>

#include <bpf/bpf.h>
#include <sys/mman.h>

namespace dynmon {

namespace {

// What a flag changes for a reader of the map.
enum class Changes {
    nothing, // how much memory, whose memory, what programs may do, which descriptor was made
    values,  // how the values of maps lie in memory
    records, // how the records of a ring lie in memory
};

struct Flag {
    const char* name; // "": no flag of maps
    Changes changes = Changes::nothing;
};

// By the bit, up to Linux 7.3. RDONLY and WRONLY belong to the descriptor that the map was made
// with; the kernel does not keep them.
constexpr std::array<Flag, 20> known_flags = {{
    {"BPF_F_NO_PREALLOC"},
    {"BPF_F_NO_COMMON_LRU"},
    {"BPF_F_NUMA_NODE"},
    {"BPF_F_RDONLY"},
    {"BPF_F_WRONLY"},
    {"BPF_F_STACK_BUILD_ID", Changes::values},
    {"BPF_F_ZERO_SEED"},
    {"BPF_F_RDONLY_PROG"},
    {"BPF_F_WRONLY_PROG"},
    {"BPF_F_CLONE"},
    {"BPF_F_MMAPABLE", Changes::values},
    {"BPF_F_PRESERVE_ELEMS"},
    {"BPF_F_INNER_MAP"},
    {"BPF_F_LINK"},
    {"BPF_F_PATH_FD"},
    {"BPF_F_VTYPE_BTF_OBJ_FD"},
    {"BPF_F_TOKEN_FD"},
    {"BPF_F_SEGV_ON_FAULT"},
    {"BPF_F_NO_USER_CONV"},
    {"BPF_F_RB_OVERWRITE", Changes::records},
}};

constexpr std::uint32_t flags_that_change(Changes what) {
    std::uint32_t found = 0;
    for (std::size_t bit = 0; bit < known_flags.size(); ++bit)
        if (known_flags[bit].changes == what)
            found |= 1u << bit;
    return found;
}

// Those that a reader of this type of map has been written for.
std::uint32_t handled(MapType type) {
    switch (type) {
    case BPF_MAP_TYPE_RINGBUF:
        return ring_overwrites;
    case BPF_MAP_TYPE_ARRAY:
        return BPF_F_MMAPABLE;
    case BPF_MAP_TYPE_STACK_TRACE:
        return stack_build_id;
    default:
        return 0;
    }
}

} // namespace

std::uint32_t strange_flags(const MapFacts& facts) {
    return facts.flags & ~(flags_that_change(Changes::nothing) | handled(facts.type));
}

std::uint32_t flags_of_kernel(MapType type) {
    switch (type) {
    case BPF_MAP_TYPE_DEVMAP:
    case BPF_MAP_TYPE_DEVMAP_HASH:
        return BPF_F_RDONLY_PROG;
    default:
        return 0;
    }
}

std::uint32_t entries_of_kernel(MapType type, std::uint32_t flags, std::uint32_t entries) {
    const auto cpus = static_cast<std::uint32_t>(possible_cpus());
    switch (type) {
    case BPF_MAP_TYPE_PERF_EVENT_ARRAY:
        return entries == 0 ? cpus : entries;
    case BPF_MAP_TYPE_LRU_HASH:
    case BPF_MAP_TYPE_LRU_PERCPU_HASH:
        // A list for each CPU, all of one length.
        return (flags & BPF_F_NO_COMMON_LRU) == 0 ? entries : (entries + cpus - 1) / cpus * cpus;
    default:
        return entries;
    }
}

std::string flag_names(std::uint32_t given) {
    std::string names;
    for (std::uint32_t bit = 0; bit < 32; ++bit) {
        if ((given >> bit & 1) == 0)
            continue;
        char number[24];
        std::snprintf(number, sizeof number, "flag 0x%x", 1u << bit);
        names += (names.empty() ? "" : ", ") +
                 std::string(bit < known_flags.size() ? known_flags[bit].name : number);
    }
    return names;
}

// libbpf declares `in` writable; the kernel only reads it.
int lookup_batch(const Fd& map, const void* in, void* out, void* keys, void* values,
                 std::uint32_t& count) {
    return bpf_map_lookup_batch(map.get(), const_cast<void*>(in), out, keys, values, &count,
                                nullptr);
}

int lookup_and_delete_batch(const Fd& map, const void* in, void* out, void* keys, void* values,
                            std::uint32_t& count) {
    return bpf_map_lookup_and_delete_batch(map.get(), const_cast<void*>(in), out, keys, values,
                                           &count, nullptr);
}

int update_batch(const Fd& map, const void* keys, const void* values, std::uint32_t& count) {
    return bpf_map_update_batch(map.get(), keys, values, &count, nullptr);
}

int lookup_and_delete_element(const Fd& map, const void* key, void* value) {
    return bpf_map_lookup_and_delete_elem(map.get(), key, value);
}

bool means_no_batch(int result) {
    constexpr int enotsupp = 524;
    return result == -EINVAL || result == -enotsupp || result == -EOPNOTSUPP;
}

std::optional<MapMemory> MapMemory::map(const Fd& map, const MapFacts& facts) {
    if (facts.type != BPF_MAP_TYPE_ARRAY || (facts.flags & BPF_F_MMAPABLE) == 0 ||
        strange_flags(facts) != 0)
        return std::nullopt;
    const std::size_t stride = (std::size_t{facts.value_size} + 7) / 8 * 8;
    const std::size_t size = stride * facts.max_entries;
    void* data = mmap(nullptr, size, PROT_READ, MAP_SHARED, map.get(), 0);
    if (data == MAP_FAILED)
        return std::nullopt;
    return MapMemory(static_cast<const std::byte*>(data), size, stride);
}

MapMemory::MapMemory(MapMemory&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(other.size_), stride_(other.stride_) {}

MapMemory::~MapMemory() {
    if (data_ != nullptr)
        munmap(const_cast<std::byte*>(data_), size_);
}

} // namespace dynmon
