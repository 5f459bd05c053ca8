// SPDX-License-Identifier: BSD-2-Clause
#include "kernel/map_memory.hpp"

#include <utility>

#include <sys/mman.h>

#include "kernel/map_flags.hpp"

namespace dynmon {

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
