// SPDX-License-Identifier: BSD-2-Clause
// Arrays that can be mapped: no call per batch, and no copy in the kernel.
#include <algorithm>
#include <cstring>
#include <numeric>

#include "kernel/map_memory.hpp"
#include "source/walk.hpp"

namespace dynmon {

namespace {

constexpr std::size_t batch_bytes = 1u << 15; // stays in the first-level cache

// Each batch is copied out of the mapping before it is handed on: programs write the values
// meanwhile, and whoever reads a text twice (what is to be escaped? then: print it) must find the
// same bytes. From cache to cache this costs next to nothing.
class WalkByMmap : public MapReader::Walk {
public:
    WalkByMmap(const Fd& map, const MapFacts& facts, Take take, MapMemory memory)
        : map_(map), facts_(facts), take_(take), memory_(std::move(memory)) {
        const std::size_t fitting = std::max<std::size_t>(batch_bytes / memory_.stride(), 1);
        keys_.resize(std::min<std::size_t>(fitting, facts.max_entries));
        values_.resize(keys_.size() * memory_.stride());
    }

    bool next(Batch& batch) override {
        const auto count = static_cast<std::uint32_t>(
            std::min<std::size_t>(keys_.size(), facts_.max_entries - following_));
        if (count == 0)
            return false;
        std::iota(keys_.begin(), keys_.end(), following_);
        std::memcpy(values_.data(), memory_.data() + following_ * memory_.stride(),
                    count * memory_.stride());
        if (take_ == Take::remove)
            zero_elements(map_, facts_, following_, count);
        following_ += count;
        batch = Batch{count, reinterpret_cast<const std::byte*>(keys_.data()), values_.data(),
                      sizeof(std::uint32_t), memory_.stride()};
        return true;
    }

private:
    const Fd& map_;
    MapFacts facts_;
    Take take_;
    MapMemory memory_;
    std::uint32_t following_ = 0;
    std::vector<std::uint32_t> keys_;
    std::vector<std::byte> values_;
};

} // namespace

std::unique_ptr<MapReader::Walk> walk_by_mmap(const Fd& map, const MapFacts& facts, Take take) {
    std::optional<MapMemory> memory = MapMemory::map(map, facts);
    return memory ? std::make_unique<WalkByMmap>(map, facts, take, std::move(*memory)) : nullptr;
}

} // namespace dynmon
