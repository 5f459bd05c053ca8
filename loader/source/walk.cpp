// SPDX-License-Identifier: BSD-2-Clause
// The ways to walk a map: in batches, by element, through its memory, and ahead on a second thread
// while the caller prints the batch before: the system call and the formatting overlap, which
// nearly halves the time of a large map.

#include "source/walk.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <exception>
#include <numeric>
#include <semaphore>
#include <string>
#include <thread>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "kernel/map_calls.hpp"

namespace dynmon {

namespace {

class WalkAhead : public MapReader::Walk {
public:
    explicit WalkAhead(std::unique_ptr<MapReader::Walk> walk) : walk_(std::move(walk)) {}

    ~WalkAhead() override {
        stopped_ = true;
        free_.release();
        if (reader_.joinable())
            reader_.join();
    }
    WalkAhead(const WalkAhead&) = delete;
    WalkAhead& operator=(const WalkAhead&) = delete;

    bool next(Batch& batch) override {
        if (synchronous_ > 0 && !reader_.joinable()) { // a small map is read before a thread starts
            --synchronous_;
            return walk_->next(batch);
        }
        if (!reader_.joinable())
            reader_ = std::thread([this] { read_all(); });
        else if (ended_)
            return false;
        else
            free_.release(); // what the last call gave is not looked at any more
        ready_.acquire();
        const Slot& slot = slots_[taken_++ % slots];
        ended_ = slot.end || slot.fault;
        if (slot.fault)
            std::rethrow_exception(slot.fault);
        batch = slot.batch;
        return !ended_;
    }

    bool approximate() const override { return walk_->approximate(); }
    bool refused() const override { return walk_->refused(); }

private:
    static constexpr std::size_t slots = walk_lanes;
    struct Slot {
        Batch batch;
        bool end = false;
        std::exception_ptr fault;
    };

    void read_all() {
        for (std::size_t i = 0;; ++i) {
            free_.acquire();
            if (stopped_)
                return;
            Slot& slot = slots_[i % slots];
            try {
                slot.end = !walk_->next(slot.batch);
            } catch (...) {
                slot.fault = std::current_exception();
            }
            const bool last = slot.end || slot.fault;
            ready_.release();
            if (last)
                return;
        }
    }

    std::unique_ptr<MapReader::Walk> walk_;
    int synchronous_ = 2;
    bool ended_ = false;
    std::size_t taken_ = 0;
    Slot slots_[slots];
    std::atomic<bool> stopped_ = false;
    // How many slots the reader may fill, and how many wait to be taken.
    std::counting_semaphore<slots + 1> free_{slots};
    std::counting_semaphore<slots + 1> ready_{0};
    std::thread reader_;
};

} // namespace

std::unique_ptr<MapReader::Walk> walk_ahead(std::unique_ptr<MapReader::Walk> walk) {
    return std::make_unique<WalkAhead>(std::move(walk));
}

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
          left_(is_array_like(facts.type) ? facts.max_entries
                                          : std::uint64_t{4} * facts.max_entries + 64) {}

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
            left_ -= std::min<std::uint64_t>(left_, count);
            ended_ = result == -ENOENT || (is_array_like(facts_.type) && left_ == 0);
            started_ = true;
            std::swap(in_, out_);
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
    // The kernel fills the batch of a trie key by key and starts over when the last key is deleted
    // meanwhile: keys seen are remembered, and the number of entries is bounded.
    bool by_key_;
    std::uint64_t left_; // an array has no more, so that it is not asked once more
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

namespace {

constexpr std::uint32_t most_drained = 1024; // per batch, so that output keeps up

// Keys one after the other, for kernels without the batch call. Under concurrent deletes the
// kernel may start over: keys seen are remembered and the number of steps is bounded.
class WalkByKey : public MapReader::Walk {
public:
    WalkByKey(const Fd& map, const MapFacts& facts, Take take, std::size_t room)
        : map_(map), facts_(facts), take_(take), key_(facts.key_size), value_(room),
          steps_left_(std::uint64_t{4} * facts.max_entries + 64) {}

    bool next(Batch& batch) override {
        std::vector<std::byte> following(facts_.key_size);
        while (steps_left_-- > 0 &&
               next_key(map_, started_ ? key_.data() : nullptr, following.data())) {
            key_ = following;
            started_ = true;
            const std::string name(reinterpret_cast<const char*>(key_.data()), key_.size());
            if (!seen_.insert(name).second || !lookup_element(map_, key_.data(), value_.data()))
                continue; // seen before the kernel started over, or deleted in the meantime
            if (take_ == Take::remove)
                taken_.push_back(key_);
            batch = Batch{1, key_.data(), value_.data(), facts_.key_size, value_.size()};
            return true;
        }
        // Deleting while walking would make the kernel start over at every step.
        for (const auto& key : taken_)
            delete_element(map_, key.data());
        taken_.clear();
        return false;
    }

    bool approximate() const override { return true; }

private:
    const Fd& map_;
    MapFacts facts_;
    Take take_;
    std::vector<std::byte> key_;
    std::vector<std::byte> value_;
    std::uint64_t steps_left_;
    bool started_ = false;
    std::unordered_set<std::string> seen_;
    std::vector<std::vector<std::byte>> taken_;
};

class WalkByIndex : public MapReader::Walk {
public:
    WalkByIndex(const Fd& map, const MapFacts& facts, Take take)
        : map_(map), facts_(facts), take_(take), value_(value_bytes(facts)) {}

    bool next(Batch& batch) override {
        if (following_ >= facts_.max_entries)
            return false;
        index_ = following_++;
        if (!lookup_element(map_, &index_, value_.data()))
            throw Error(ErrorKind::failed, "look up array element", ENOENT);
        batch = Batch{1, reinterpret_cast<const std::byte*>(&index_), value_.data(), sizeof index_,
                      value_.size()};
        if (take_ == Take::remove)
            zero_elements(map_, facts_, index_, 1);
        return true;
    }

private:
    const Fd& map_;
    MapFacts facts_;
    Take take_;
    std::vector<std::byte> value_;
    std::uint32_t index_ = 0;
    std::uint32_t following_ = 0;
};

// At most max_entries are drained: a queue that is filled as fast as it is read has no end.
class WalkByPop : public MapReader::Walk {
public:
    WalkByPop(const Fd& map, const MapFacts& facts, DrainBuffer* room)
        : map_(map), facts_(facts), left_(facts.max_entries), room_(room),
          values_(room == nullptr ? std::size_t{most_drained} * facts.value_size : 0) {}

    bool next(Batch& batch) override {
        if (left_ == 0)
            return false;
        std::byte* const values =
            room_ == nullptr
                ? values_.data()
                : room_->next(std::size_t{std::min(most_drained, left_)} * facts_.value_size);
        std::uint32_t count = 0;
        for (; count < most_drained && left_ > 0; ++count, --left_) {
            std::byte* place = values + std::size_t{count} * facts_.value_size;
            const int result = lookup_and_delete_element(map_, nullptr, place);
            if (result == -ENOENT) {
                left_ = 0;
                break;
            }
            if (result != 0)
                throw Error(ErrorKind::failed, "pop", -result);
        }
        batch = Batch{count, nullptr, values, 0, facts_.value_size};
        return count > 0;
    }

private:
    const Fd& map_;
    MapFacts facts_;
    std::uint32_t left_;
    DrainBuffer* room_; // or null: values_ is used again and again
    std::vector<std::byte> values_;
};

// A queue cannot be listed: without taking anything, only its head is to be seen.
class WalkByPeek : public MapReader::Walk {
public:
    WalkByPeek(const Fd& map, const MapFacts& facts) : map_(map), value_(facts.value_size) {}

    bool next(Batch& batch) override {
        if (std::exchange(looked_, true) || !lookup_element(map_, nullptr, value_.data()))
            return false;
        batch = Batch{1, nullptr, value_.data(), 0, value_.size()};
        return true;
    }

private:
    const Fd& map_;
    std::vector<std::byte> value_;
    bool looked_ = false;
};

} // namespace

std::unique_ptr<MapReader::Walk> walk_by_key(const Fd& map, const MapFacts& facts, Take take,
                                             std::size_t room) {
    return std::make_unique<WalkByKey>(map, facts, take, room != 0 ? room : value_bytes(facts));
}

std::unique_ptr<MapReader::Walk> walk_by_index(const Fd& map, const MapFacts& facts, Take take) {
    return std::make_unique<WalkByIndex>(map, facts, take);
}

std::unique_ptr<MapReader::Walk> walk_queue(const Fd& map, const MapFacts& facts, Take take,
                                            DrainBuffer* room) {
    if (take == Take::look)
        return std::make_unique<WalkByPeek>(map, facts);
    return std::make_unique<WalkByPop>(map, facts, room);
}

void zero_elements(const Fd& map, const MapFacts& facts, std::uint32_t first, std::uint32_t count) {
    const std::size_t bytes = value_bytes(facts);
    std::vector<std::uint32_t> keys(count);
    for (std::uint32_t i = 0; i < count; ++i)
        keys[i] = first + i;
    const std::vector<std::byte> zeroes(bytes * count);
    std::uint32_t written = count;
    const int result = update_batch(map, keys.data(), zeroes.data(), written);
    if (result == 0)
        return;
    if (!means_no_batch(result))
        throw Error(ErrorKind::failed, "zero array elements", -result);
    for (const std::uint32_t key : keys)
        update_element(map, &key, zeroes.data());
}

// Arrays that can be mapped: no call per batch, and no copy in the kernel.

namespace {

constexpr std::size_t batch_bytes = 1u << 15; // stays in the first-level cache

// Each batch is copied out of the mapping before it is handed on: programs write the values
// meanwhile, and code that reads a text twice (what is to be escaped? then: print it) must find the
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
