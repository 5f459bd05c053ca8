// SPDX-License-Identifier: BSD-2-Clause
#include <cerrno>
#include <cstring>
#include <string>
#include <unordered_set>
#include <utility>

#include "base/error.hpp"
#include "kernel/map_batch.hpp"
#include "source/walk.hpp"

namespace dynmon {

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

} // namespace dynmon
