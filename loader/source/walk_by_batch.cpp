// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/error.hpp"
#include "kernel/map_batch.hpp"
#include "source/walk.hpp"

namespace dynmon {

namespace {

constexpr std::uint32_t first_batch = 1024; // beyond 64 the size hardly matters
constexpr std::size_t least_cursor = 4;     // hash families keep a bucket number there

class WalkByBatch : public MapReader::Walk {
public:
    WalkByBatch(const Fd& map, const MapFacts& facts, Take take, std::size_t lanes)
        : map_(map), facts_(facts), value_bytes_(value_bytes(facts)),
          zero_after_(take == Take::remove && is_array_like(facts.type)),
          call_(take == Take::remove && !is_array_like(facts.type) ? lookup_and_delete_batch
                                                                   : lookup_batch),
          in_(std::max<std::size_t>(facts.key_size, least_cursor)), out_(in_.size()),
          capacity_(std::min(first_batch, std::max(facts.max_entries, 1u))), lanes_(lanes),
          by_key_(facts.type == BPF_MAP_TYPE_LPM_TRIE),
          left_(std::uint64_t{4} * facts.max_entries + 64) {}

    bool next(Batch& batch) override {
        while (!ended_ && !(by_key_ && left_ == 0)) {
            Lane& lane = lanes_[lane_];
            make_room(lane);
            std::uint32_t count = capacity_;
            const int result = call_(map_, started_ ? in_.data() : nullptr, out_.data(),
                                     lane.keys.data(), lane.values.data(), count);
            if (result == -ENOSPC) { // a bucket with more entries than the batch: same cursor again
                grow();
                continue;
            }
            if (!started_ && means_no_batch(result)) {
                refused_ = true;
                return false;
            }
            if (result != 0 && result != -ENOENT)
                throw Error(ErrorKind::failed, "batch look-up", -result);
            ended_ = result == -ENOENT;
            started_ = true;
            std::swap(in_, out_);
            left_ -= std::min<std::uint64_t>(left_, count);
            if (by_key_)
                count = drop_seen(lane, count);
            if (count == 0)
                continue;
            lane_ = (lane_ + 1) % lanes_.size();
            batch =
                Batch{count, lane.keys.data(), lane.values.data(), facts_.key_size, value_bytes_};
            if (zero_after_)
                zero(lane, count);
            return true;
        }
        return false;
    }

    bool refused() const override { return refused_; }
    bool approximate() const override { return by_key_; }

private:
    struct Lane {
        std::vector<std::byte> keys;
        std::vector<std::byte> values;
    };

    void make_room(Lane& lane) const {
        lane.keys.resize(std::size_t{capacity_} * facts_.key_size);
        lane.values.resize(std::size_t{capacity_} * value_bytes_);
    }

    void grow() {
        if (capacity_ >= facts_.max_entries)
            throw Error(ErrorKind::failed,
                        "batch look-up: a bucket of the map does not fit into " +
                            std::to_string(capacity_) + " entries",
                        ENOSPC);
        capacity_ = std::min(capacity_ * 2, facts_.max_entries);
    }

    // Moves entries whose key has not come before to the front; returns how many there are.
    std::uint32_t drop_seen(Lane& lane, std::uint32_t count) {
        std::uint32_t kept = 0;
        for (std::uint32_t i = 0; i < count; ++i) {
            std::byte* key = lane.keys.data() + std::size_t{i} * facts_.key_size;
            std::byte* value = lane.values.data() + std::size_t{i} * value_bytes_;
            if (!seen_.emplace(reinterpret_cast<const char*>(key), facts_.key_size).second)
                continue;
            std::memmove(lane.keys.data() + std::size_t{kept} * facts_.key_size, key,
                         facts_.key_size);
            std::memmove(lane.values.data() + std::size_t{kept} * value_bytes_, value,
                         value_bytes_);
            ++kept;
        }
        return kept;
    }

    void zero(const Lane& lane, std::uint32_t count) {
        std::uint32_t first = 0;
        std::memcpy(&first, lane.keys.data(), sizeof first);
        zero_elements(map_, facts_, first, count);
    }

    const Fd& map_;
    MapFacts facts_;
    std::size_t value_bytes_;
    bool zero_after_;
    int (*call_)(const Fd&, const void*, void*, void*, void*, std::uint32_t&);
    std::vector<std::byte> in_;
    std::vector<std::byte> out_;
    std::uint32_t capacity_;
    std::vector<Lane> lanes_;
    std::size_t lane_ = 0;
    // Of a trie the kernel fills the batch key by key: when the last key is deleted meanwhile it
    // starts over: keys seen are remembered, and the number of entries is bounded.
    bool by_key_;
    std::uint64_t left_;
    std::unordered_set<std::string> seen_;
    bool started_ = false;
    bool ended_ = false;
    bool refused_ = false;
};

} // namespace

std::unique_ptr<MapReader::Walk> walk_by_batch(const Fd& map, const MapFacts& facts, Take take,
                                               std::size_t lanes) {
    return std::make_unique<WalkByBatch>(map, facts, take, lanes);
}

} // namespace dynmon
