// SPDX-License-Identifier: BSD-2-Clause
// Finds numbered keys by their bytes: open addressing over keys that the owner keeps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

namespace dynmon {

class KeyIndex {
public:
    static constexpr std::uint32_t none = UINT32_MAX;

    // Where `key` stands, or would stand. `key_of(number)` gives the bytes of a key.
    template <typename KeyOf>
    std::size_t place_of(std::string_view key, const KeyOf& key_of) const {
        const std::size_t mask = places_.size() - 1;
        std::size_t place = hash(key) & mask;
        while (places_[place] != none && key_of(places_[place]) != key)
            place = (place + 1) & mask;
        return place;
    }
    std::uint32_t at(std::size_t place) const { return places_[place]; } // none: free
    void put(std::size_t place, std::uint32_t number) { places_[place] = number; }

    // One more than `count` keys would leave less than half of the places free: to be rebuilt.
    bool is_full(std::size_t count) const { return 2 * (count + 1) > places_.size(); }
    // Holds the keys 0 to `count` - 1, with room for as many again.
    template <typename KeyOf>
    void rebuild(std::size_t count, const KeyOf& key_of) {
        std::size_t size = least;
        while (size < 4 * (count + 1))
            size *= 2;
        places_.assign(size, none);
        for (std::uint32_t number = 0; number < count; ++number)
            places_[place_of(key_of(number), key_of)] = number;
    }

private:
    static constexpr std::size_t least = 64;

    static std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
        const auto product = static_cast<unsigned __int128>(a) * b;
        return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
    }

    // Eight bytes a multiplication: keys are short, and there are many.
    static std::uint64_t hash(std::string_view key) {
        constexpr std::uint64_t odd = 0x9e3779b97f4a7c15;
        std::uint64_t hash = key.size() + odd;
        std::uint64_t word = 0;
        for (; key.size() >= sizeof word; key.remove_prefix(sizeof word)) {
            std::memcpy(&word, key.data(), sizeof word);
            hash = mix(hash ^ word, odd);
        }
        word = 0;
        if (!key.empty())
            std::memcpy(&word, key.data(), key.size());
        return mix(hash ^ word, odd);
    }

    std::vector<std::uint32_t> places_ = std::vector<std::uint32_t>(least, none); // a power of two
};

} // namespace dynmon
