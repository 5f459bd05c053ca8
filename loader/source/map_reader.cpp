// SPDX-License-Identifier: BSD-2-Clause
#include "source/map_reader.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/log.hpp"
#include "kernel/map_calls.hpp"
#include "object/object.hpp"
#include "source/map_kind.hpp"
#include "source/walk.hpp"

namespace dynmon {

bool is_hash_like(MapType type) {
    return type == BPF_MAP_TYPE_HASH || type == BPF_MAP_TYPE_LRU_HASH ||
           type == BPF_MAP_TYPE_PERCPU_HASH || type == BPF_MAP_TYPE_LRU_PERCPU_HASH ||
           type == BPF_MAP_TYPE_LPM_TRIE || type == rhash_type;
}

std::size_t value_bytes(const MapFacts& facts) {
    if (!is_per_cpu(facts.type))
        return facts.value_size;
    return (std::size_t{facts.value_size} + 7) / 8 * 8 * possible_cpus();
}

namespace {

std::unique_ptr<MapReader::Walk> walk_one_by_one(const Fd& map, const MapFacts& facts, Take take) {
    return is_array_like(facts.type) ? walk_by_index(map, facts, take)
                                     : walk_by_key(map, facts, take);
}

// Tries the batch call and falls back before the first entry. What is taken out is not taken ahead:
// it would be lost if the one before could not be written.
class WalkBest : public MapReader::Walk {
public:
    WalkBest(const Fd& map, const MapFacts& facts, Take take, unsigned jobs)
        : map_(map), facts_(facts), take_(take),
          walk_(jobs > 1 && take == Take::look
                    ? walk_ahead(walk_by_batch(map, facts, take, walk_lanes))
                    : walk_by_batch(map, facts, take)) {}

    bool next(Batch& batch) override {
        if (walk_->next(batch))
            return true;
        if (!walk_->refused())
            return false;
        walk_ = walk_one_by_one(map_, facts_, take_);
        return walk_->next(batch);
    }

    bool approximate() const override { return walk_->approximate(); }

private:
    const Fd& map_;
    MapFacts facts_;
    Take take_;
    std::unique_ptr<MapReader::Walk> walk_;
};

} // namespace

bool holds_nothing(const Batch& batch, const MapFacts& facts) {
    const std::byte* end = batch.values + batch.count * batch.value_stride;
    return batch.count == 0 ||
           (is_array_like(facts.type) &&
            std::all_of(batch.values, end, [](std::byte byte) { return byte == std::byte{0}; }));
}

MapReader::MapReader(const Fd& map, const MapFacts& facts, Take take, unsigned jobs,
                     DrainBuffer* room) {
    if (!is_readable(facts.type))
        refuse_listing(facts);
    if (is_queue_like(facts.type))
        walk_ = walk_queue(map, facts, take, room);
    else if ((walk_ = walk_by_mmap(map, facts, take)) == nullptr)
        walk_ = std::make_unique<WalkBest>(map, facts, take, jobs);
}

MapReader::~MapReader() = default;

bool MapReader::next(Batch& batch) {
    return walk_->next(batch);
}

bool MapReader::approximate() const {
    return walk_->approximate();
}

void warn_approximate(const std::string& maps) {
    log::warn(maps + ": read key by key; entries that change meanwhile may be missed");
}

void empty_map(const Fd& map, const MapFacts& facts) {
    if (is_array_like(facts.type)) {
        constexpr std::uint32_t at_once = 1024;
        for (std::uint32_t first = 0; first < facts.max_entries; first += at_once)
            zero_elements(map, facts, first, std::min(at_once, facts.max_entries - first));
        return;
    }
    MapReader reader(map, facts, Take::remove);
    Batch batch;
    while (reader.next(batch)) {
        // taken out by next()
    }
}

bool is_empty(const Fd& map, const MapFacts& facts) {
    if (is_queue_like(facts.type)) {
        std::vector<std::byte> value(facts.value_size);
        return !lookup_element(map, nullptr, value.data());
    }
    MapReader reader(map, facts, Take::look);
    Batch batch;
    while (reader.next(batch))
        if (!holds_nothing(batch, facts))
            return false;
    return true;
}

} // namespace dynmon
