// SPDX-License-Identifier: BSD-2-Clause
// The entries of a map at one time, to tell what has changed at the next one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "base/key_index.hpp"

namespace dynmon {

// A hash table over one block of memory: each entry takes its bytes and about 16 more.
class EntryTracker {
public:
    EntryTracker(std::size_t key_size, std::size_t value_size);

    void begin_look() { ++look_; }

    enum class Change { none, added, changed };
    // Notes that an entry is there. For `changed` was() is the value of the look before.
    Change see(const std::byte* key, const std::byte* value);
    const std::byte* was() const { return was_.data(); } // until the next call of see()

    // Calls `gone` with key and last value of each entry that was not seen since begin_look(), and
    // forgets it.
    void end_look(const std::function<void(const std::byte*, const std::byte*)>& gone);

    std::size_t size() const { return looks_.size(); }

private:
    std::byte* entry(std::size_t i) { return bytes_.data() + i * stride_; }
    std::string_view key(std::size_t i) const {
        return {reinterpret_cast<const char*>(bytes_.data() + i * stride_), key_size_};
    }

    std::size_t key_size_;
    std::size_t value_size_;
    std::size_t stride_;
    std::uint32_t look_ = 0;
    std::vector<std::byte> bytes_;     // keys and values, one entry after the other
    std::vector<std::uint32_t> looks_; // by entry: the look that saw it last
    KeyIndex index_;
    std::vector<std::byte> was_;
};

} // namespace dynmon
