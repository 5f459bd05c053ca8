// SPDX-License-Identifier: BSD-2-Clause
// Walks a map of any readable type in batches, with memory bounded by the batch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/file.hpp"
#include "format/exporter.hpp"
#include "kernel/bpf.hpp"

namespace dynmon {

bool is_hash_like(MapType type); // LPM tries too: entries come and go

// Bytes that a look-up writes for one key: per-CPU values are rounded up to 8, for every
// *possible* CPU, whatever is online.
std::size_t value_bytes(const MapFacts& facts);

enum class Take {
    look,   // leaves the map as it is; of a queue or stack only the head can be seen
    remove, // hash: looked up and deleted in one call; queue and stack: drained; array: zeroed
            // after reading, so counts that arrive in between are lost
};

class MapReader {
public:
    // `map` must outlive the reader. `jobs` > 1: large maps are read ahead on a second thread.
    // `room`: a queue's elements are drained to there; null: into memory of its own. Throws
    // Error{unsupported} for a type that has no listing.
    MapReader(const Fd& map, const MapFacts& facts, Take take, unsigned jobs = 1,
              DrainBuffer* room = nullptr);
    ~MapReader();

    // The next entries, valid until the next call; false at the end.
    bool next(Batch& batch);
    // The kernel gave keys one by one: under concurrent deletes some may be missing.
    bool approximate() const;

    class Walk; // one way to walk: by batch, by key, by index, by pop

private:
    std::unique_ptr<Walk> walk_;
};

// Tells the user that a reader was approximate(): of "map 'NAME'", or of several.
void warn_approximate(const std::string& maps);

// No entries, or nothing but zeroes of an array.
bool holds_nothing(const Batch& batch, const MapFacts& facts);

// Deletes or zeroes everything. For maps that no program writes any more.
void empty_map(const Fd& map, const MapFacts& facts);
// No entries, or for arrays: nothing but zeroes. A queue is looked into, not drained.
bool is_empty(const Fd& map, const MapFacts& facts);

} // namespace dynmon
