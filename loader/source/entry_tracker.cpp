// SPDX-License-Identifier: BSD-2-Clause
#include "source/entry_tracker.hpp"

#include <cstring>

#include "base/error.hpp"

namespace dynmon {

EntryTracker::EntryTracker(std::size_t key_size, std::size_t value_size)
    : key_size_(key_size), value_size_(value_size), stride_(key_size + value_size),
      was_(value_size) {}

EntryTracker::Change EntryTracker::see(const std::byte* bytes, const std::byte* value) {
    const std::string_view wanted(reinterpret_cast<const char*>(bytes), key_size_);
    const auto key_of = [this](std::uint32_t i) { return key(i); };
    const std::size_t place = index_.place_of(wanted, key_of);
    const std::uint32_t known = index_.at(place);
    if (known != KeyIndex::none) {
        std::byte* const kept = entry(known) + key_size_;
        looks_[known] = look_;
        if (std::memcmp(kept, value, value_size_) == 0)
            return Change::none;
        std::memcpy(was_.data(), kept, value_size_);
        std::memcpy(kept, value, value_size_);
        return Change::changed;
    }
    const std::size_t number = looks_.size();
    if (number == KeyIndex::none)
        throw Error(ErrorKind::failed, "more entries than can be followed");
    bytes_.resize(bytes_.size() + stride_);
    std::memcpy(entry(number), bytes, key_size_);
    std::memcpy(entry(number) + key_size_, value, value_size_);
    looks_.push_back(look_);
    index_.put(place, static_cast<std::uint32_t>(number));
    if (index_.is_full(looks_.size()))
        index_.rebuild(looks_.size(), key_of);
    return Change::added;
}

void EntryTracker::end_look(const std::function<void(const std::byte*, const std::byte*)>& gone) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < looks_.size(); ++i) {
        if (looks_[i] != look_) {
            gone(entry(i), entry(i) + key_size_);
            continue;
        }
        if (kept != i) {
            std::memcpy(entry(kept), entry(i), stride_);
            looks_[kept] = looks_[i];
        }
        ++kept;
    }
    if (kept == looks_.size())
        return;
    looks_.resize(kept);
    bytes_.resize(kept * stride_);
    index_.rebuild(kept, [this](std::uint32_t i) { return key(i); });
}

} // namespace dynmon
