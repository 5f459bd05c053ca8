// SPDX-License-Identifier: BSD-2-Clause
#include "format/kept_entries.hpp"

#include <algorithm>
#include <cstring>

namespace dynmon {

namespace {

std::size_t round_up(std::size_t size) {
    return (size + 7) / 8 * 8;
}

} // namespace

KeptEntries::KeptEntries(EntryOrder order, std::size_t key_size, std::size_t value_size,
                         std::size_t top)
    : order_(std::move(order)), key_size_(key_size), value_size_(value_size),
      key_room_(round_up(key_size)), stride_(key_room_ + round_up(value_size)), top_(top) {}

bool KeptEntries::before(const Kept& a, const Kept& b) const {
    const std::byte* key_a = key_of(a);
    const std::byte* key_b = key_of(b);
    const int order = order_.compare(key_a, key_a + key_room_, key_b, key_b + key_room_);
    return order != 0 ? order < 0 : a.arrival < b.arrival;
}

void KeptEntries::store(const Kept& kept, const std::byte* key, const std::byte* value) {
    std::byte* at = bytes_.data() + kept.slot * stride_;
    if (key_size_ > 0)
        std::memcpy(at, key, key_size_);
    std::memcpy(at + key_room_, value, value_size_);
}

void KeptEntries::add(const std::byte* key, const std::byte* value) {
    const auto sooner = [this](const Kept& a, const Kept& b) { return before(a, b); };
    Kept kept{seen_++, kept_.size()};
    if (is_full()) {
        // An entry that is equal to the worst came later and stays out.
        const std::byte* worst = key_of(kept_.front());
        if (order_.compare(key, value, worst, worst + key_room_) >= 0)
            return;
        std::pop_heap(kept_.begin(), kept_.end(), sooner);
        kept.slot = kept_.back().slot;
        kept_.pop_back();
    } else {
        bytes_.resize(bytes_.size() + stride_);
    }
    store(kept, key, value);
    kept_.push_back(kept);
    if (top_ != 0)
        std::push_heap(kept_.begin(), kept_.end(), sooner);
}

void KeptEntries::sort() {
    std::sort(kept_.begin(), kept_.end(),
              [this](const Kept& a, const Kept& b) { return before(a, b); });
}

} // namespace dynmon
