// SPDX-License-Identifier: BSD-2-Clause
// Entries kept back to be sorted: all of them, or the best N in a heap.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "filter/entry_order.hpp"

namespace dynmon {

class KeptEntries {
public:
    // `top` 0: all. The memory is that of the bytes of the entries kept, and 16 more for each.
    KeptEntries(EntryOrder order, std::size_t key_size, std::size_t value_size, std::size_t top);

    void add(const std::byte* key, const std::byte* value); // copies what is worth keeping
    void sort(); // to be called once, after the last entry
    std::size_t size() const { return kept_.size(); }
    const std::byte* key(std::size_t i) const { return key_of(kept_[i]); }
    const std::byte* value(std::size_t i) const { return key_of(kept_[i]) + key_room_; }

private:
    struct Kept {
        std::uint64_t arrival = 0; // those that are equal stay in the order of the map
        std::size_t slot = 0;
    };
    const std::byte* key_of(const Kept& kept) const { return bytes_.data() + kept.slot * stride_; }
    bool before(const Kept& a, const Kept& b) const;
    void store(const Kept& kept, const std::byte* key, const std::byte* value);
    bool is_full() const { return top_ != 0 && kept_.size() == top_; }

    EntryOrder order_;
    std::size_t key_size_;
    std::size_t value_size_;
    std::size_t key_room_;
    std::size_t stride_;
    std::size_t top_;
    std::uint64_t seen_ = 0;
    std::vector<std::byte> bytes_;
    std::vector<Kept> kept_; // with `top`: a heap whose front is the entry to be dropped next
};

} // namespace dynmon
