// SPDX-License-Identifier: BSD-2-Clause
// The values of an array made with BPF_F_MMAPABLE, as the programs see them: no copy, no call.
#pragma once

#include <cstddef>
#include <optional>

#include "base/fd.hpp"
#include "kernel/bpf.hpp"

namespace dynmon {

// A read-only mapping, also of a frozen map. Programs go on writing what it shows.
class MapMemory {
public:
    // Nothing when the map has no such memory, when it was made with a flag that dynmon does not
    // know, or when the kernel refuses (a map that is write-only).
    static std::optional<MapMemory> map(const Fd& map, const MapFacts& facts);
    MapMemory(MapMemory&& other) noexcept;
    MapMemory& operator=(MapMemory&&) = delete;
    ~MapMemory();

    const std::byte* data() const { return data_; }
    std::size_t stride() const { return stride_; } // bytes from one value to the next

private:
    MapMemory(const std::byte* data, std::size_t size, std::size_t stride)
        : data_(data), size_(size), stride_(stride) {}
    const std::byte* data_;
    std::size_t size_;
    std::size_t stride_;
};

} // namespace dynmon
