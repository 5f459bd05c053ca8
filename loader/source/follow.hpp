// SPDX-License-Identifier: BSD-2-Clause
// What changes in a map between one look and the next, as JSON lines.
//
//     {"change":"added","key":{…},"value":{…},"time":"2026-11-21T12:00:00.000000000Z"}
//     {"change":"changed","key":{…},"value":{…},"was":{…},"time":…}
//     {"change":"removed","key":{…},"was":{…},"time":…}
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "base/key_index.hpp"
#include "source/typed_map.hpp"

namespace dynmon {

// The entries of a map at one time, to tell what has changed at the next one.

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

class Follower {
public:
    // Only raw, where and columns of `options` count. An entry is there while it meets the
    // condition: one that begins to is added, one that ceases to is removed; the condition may say
    // `now`. Throws Error{usage} for a queue or stack, for what does not fit the map, and for sort,
    // top, rate and another format than JSON. `map` must outlive it.
    Follower(const TypedMap& map, const ExportOptions& options);
    ~Follower();

    // Writes what is different from the look before to `sink`; the first look writes nothing.
    void look(Sink& sink);

private:
    class State;
    std::unique_ptr<State> state_;
};

} // namespace dynmon
