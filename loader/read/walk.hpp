// The ways to walk a map, behind MapReader.
#pragma once

#include "read/map_reader.hpp"

namespace dynmon {

class MapReader::Walk {
public:
    virtual ~Walk() = default;
    virtual bool next(Batch& batch) = 0;
    virtual bool approximate() const { return false; }
    // The batch calls do not exist for this map on this kernel; nothing was read yet.
    virtual bool refused() const { return false; }
};

std::unique_ptr<MapReader::Walk> walk_by_batch(const Fd& map, const MapFacts& facts, Take take);
// Arrays made with BPF_F_MMAPABLE; null for every other map, and where the kernel refuses.
std::unique_ptr<MapReader::Walk> walk_by_mmap(const Fd& map, const MapFacts& facts, Take take);
std::unique_ptr<MapReader::Walk> walk_by_key(const Fd& map, const MapFacts& facts, Take take);
std::unique_ptr<MapReader::Walk> walk_by_index(const Fd& map, const MapFacts& facts, Take take);
std::unique_ptr<MapReader::Walk> walk_queue(const Fd& map, const MapFacts& facts, Take take);

// Writes zeroes to `count` elements from index `first` on.
void zero_elements(const Fd& map, const MapFacts& facts, std::uint32_t first, std::uint32_t count);

} // namespace dynmon
