// SPDX-License-Identifier: BSD-2-Clause
// The ways to walk a map, behind MapReader.
#pragma once

#include "source/map_reader.hpp"

namespace dynmon {

class MapReader::Walk {
public:
    virtual ~Walk() = default;
    virtual bool next(Batch& batch) = 0;
    virtual bool approximate() const { return false; }
    // The batch calls do not exist for this map on this kernel; nothing was read yet.
    virtual bool refused() const { return false; }
};

// Batches of walk_by_batch() stay valid until that many further calls of next() if they are asked
// for: as walk_ahead() needs it.
inline constexpr std::size_t walk_lanes = 2;
std::unique_ptr<MapReader::Walk> walk_by_batch(const Fd& map, const MapFacts& facts, Take take,
                                               std::size_t lanes = 1);
// Arrays made with BPF_F_MMAPABLE; null for every other map, and where the kernel refuses.
std::unique_ptr<MapReader::Walk> walk_by_mmap(const Fd& map, const MapFacts& facts, Take take);
// `room`: bytes for a value; 0: as value_bytes() has it.
std::unique_ptr<MapReader::Walk> walk_by_key(const Fd& map, const MapFacts& facts, Take take,
                                             std::size_t room = 0);
std::unique_ptr<MapReader::Walk> walk_by_index(const Fd& map, const MapFacts& facts, Take take);
std::unique_ptr<MapReader::Walk> walk_queue(const Fd& map, const MapFacts& facts, Take take,
                                            DrainBuffer* room);

// `walk` with its calls made ahead, on a thread of its own; for walks with walk_lanes only.
std::unique_ptr<MapReader::Walk> walk_ahead(std::unique_ptr<MapReader::Walk> walk);

// Writes zeroes to `count` elements from index `first` on, at once where the kernel has batches.
void zero_elements(const Fd& map, const MapFacts& facts, std::uint32_t first, std::uint32_t count);

} // namespace dynmon
