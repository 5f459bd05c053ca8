#include "read/snapshot.hpp"

#include <cstring>
#include <string_view>

#include "base/error.hpp"

namespace dynmon {

Snapshot::Snapshot(std::size_t key_size, std::size_t value_size)
    : key_size_(key_size), value_size_(value_size), stride_(key_size + value_size),
      index_(64, nobody), was_(value_size) {}

std::uint64_t Snapshot::hash(const std::byte* key) const {
    return std::hash<std::string_view>{}({reinterpret_cast<const char*>(key), key_size_});
}

std::size_t Snapshot::place_of(const std::byte* key) {
    const std::size_t mask = index_.size() - 1;
    std::size_t place = hash(key) & mask;
    while (index_[place] != nobody && std::memcmp(entry(index_[place]), key, key_size_) != 0)
        place = (place + 1) & mask;
    return place;
}

void Snapshot::rebuild_index() {
    std::size_t size = 64;
    while (size < 4 * (looks_.size() + 1))
        size *= 2;
    index_.assign(size, nobody);
    for (std::size_t i = 0; i < looks_.size(); ++i)
        index_[place_of(entry(i))] = static_cast<std::uint32_t>(i);
}

Snapshot::Change Snapshot::see(const std::byte* key, const std::byte* value) {
    const std::size_t place = place_of(key);
    const std::uint32_t known = index_[place];
    if (known != nobody) {
        std::byte* const kept = entry(known) + key_size_;
        looks_[known] = look_;
        if (std::memcmp(kept, value, value_size_) == 0)
            return Change::none;
        std::memcpy(was_.data(), kept, value_size_);
        std::memcpy(kept, value, value_size_);
        return Change::changed;
    }
    const std::size_t number = looks_.size();
    if (number == nobody)
        throw Error(ErrorKind::failed, "more entries than can be followed");
    bytes_.resize(bytes_.size() + stride_);
    std::memcpy(entry(number), key, key_size_);
    std::memcpy(entry(number) + key_size_, value, value_size_);
    looks_.push_back(look_);
    index_[place] = static_cast<std::uint32_t>(number);
    if (2 * looks_.size() > index_.size())
        rebuild_index();
    return Change::added;
}

void Snapshot::end_look(const std::function<void(const std::byte*, const std::byte*)>& gone) {
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
    rebuild_index();
}

} // namespace dynmon
