// SPDX-License-Identifier: BSD-2-Clause
#include "policy/map_memory.hpp"

#include <algorithm>

#include <bpf/libbpf.h>

#include "base/error.hpp"
#include "base/map_type_name.hpp"
#include "manifest/manifest.hpp"
#include "object/object.hpp"

namespace dynmon {

namespace {

constexpr std::uint64_t most = UINT64_MAX / 8; // sums of such are cut, not wrapped

std::uint64_t multiplied(std::uint64_t a, std::uint64_t b) {
    return a != 0 && b > most / a ? most : a * b;
}

std::uint64_t added(std::uint64_t a, std::uint64_t b) {
    return a > most - std::min(b, most) ? most : a + b;
}

std::uint64_t rounded(std::uint64_t bytes) {
    return (bytes + 7) & ~std::uint64_t{7};
}

// What the kernel keeps of each entry beside key and value: links and, at worst, two buckets; of a
// trie the nodes that branch, too.
std::uint64_t kept_of_entry(const MapInfo& map) {
    constexpr std::uint64_t element = 48, bucket = 16, node = 40;
    switch (map.type) {
    case BPF_MAP_TYPE_HASH:
    case BPF_MAP_TYPE_PERCPU_HASH:
    case BPF_MAP_TYPE_LRU_HASH:
    case BPF_MAP_TYPE_LRU_PERCPU_HASH:
    case BPF_MAP_TYPE_HASH_OF_MAPS:
    case BPF_MAP_TYPE_DEVMAP_HASH:
    case rhash_type:
        return element + 2 * bucket;
    case BPF_MAP_TYPE_LPM_TRIE:
        return 2 * node + rounded(map.key_size);
    default:
        return 0;
    }
}

std::string mebibytes(std::uint64_t bytes) {
    return std::to_string((bytes + (1u << 20) - 1) >> 20) + " MiB";
}

} // namespace

std::uint64_t map_bytes(const MapInfo& map, std::size_t cpus) {
    if (map.type == BPF_MAP_TYPE_RINGBUF || map.type == 31) // user_ringbuf: bytes, not entries
        return map.max_entries;
    const std::uint64_t values =
        multiplied(rounded(map.value_size), is_per_cpu(map.type) ? cpus : 1);
    const std::uint64_t key = is_array_like(map.type) ? 0 : rounded(map.key_size);
    return multiplied(map.max_entries, added(kept_of_entry(map) + key, values));
}

void require_map_memory(const Manifest& manifest, const Object& object,
                        const std::vector<MapShape>& shapes, std::uint64_t limit) {
    const auto cpus = static_cast<std::size_t>(std::max(libbpf_num_possible_cpus(), 1));
    const std::set<std::string> swapped = manifest.swapped_maps();
    std::uint64_t all = 0;
    std::uint64_t largest = 0;
    std::string name;
    const auto count = [&](const MapInfo& map) {
        const std::uint64_t bytes =
            multiplied(map_bytes(map, cpus), swapped.contains(map.name) ? 2 : 1);
        all = added(all, bytes);
        if (bytes >= largest) {
            largest = bytes;
            name = map.name;
        }
    };
    for (const MapInfo& map : object.maps())
        count(shaped(map, shapes));
    for (const MapInfo& map : object.templates())
        count(map);
    if (all > limit)
        throw Error(ErrorKind::rejected, "its maps would take " + mebibytes(all) + ", of which '" +
                                             name + "' takes " + mebibytes(largest) + "; at most " +
                                             mebibytes(limit) + " are allowed")
            .hint("make them smaller with --set or `max-entries`, or raise `map-memory-mib` in the "
                  "machine's policy");
}

} // namespace dynmon
