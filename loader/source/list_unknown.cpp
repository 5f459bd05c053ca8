// SPDX-License-Identifier: BSD-2-Clause
// Maps of a type that is newer than dynmon: whatever has keys and values of a fixed size is read
// key by key, as a hash is.
#include <algorithm>
#include <cerrno>

#include "base/error.hpp"
#include "source/listing.hpp"
#include "source/map_kind.hpp"

namespace dynmon {

namespace {

// It is not known whether the kernel gives one value or one for each CPU, nor how many bytes it
// writes. So there is room for the larger of the two, and more behind it, and what stands there
// afterwards tells.
constexpr std::size_t beyond = 4096;
constexpr int enotsupp = 524; // leaks from inside the kernel

std::size_t value_stride(const MapFacts& facts) {
    return (std::size_t{facts.value_size} + 7) / 8 * 8;
}

std::size_t room_for_value(const MapFacts& facts) {
    return value_stride(facts) * possible_cpus() + beyond;
}

bool is_refusal(const Error& error) {
    const int fault = error.error_number();
    return fault == enotsupp || fault == EOPNOTSUPP || fault == EINVAL;
}

// How many bytes a look-up writes. Nothing: there is no such key any more.
std::optional<std::size_t> written_by_lookup(const Fd& map, const MapFacts& facts,
                                             const std::byte* key) {
    std::size_t most = 0;
    for (const std::byte filling : {std::byte{0xa5}, std::byte{0x5a}}) {
        std::vector<std::byte> value(room_for_value(facts), filling);
        if (!lookup_element(map, key, value.data()))
            return std::nullopt;
        const auto last = std::find_if(value.rbegin(), value.rend(),
                                       [&](std::byte byte) { return byte != filling; });
        most = std::max(most, static_cast<std::size_t>(value.rend() - last));
    }
    return most;
}

// Copies of a value for each key; 0: one value. An empty map has none to look at.
std::size_t copies_of_value(const Fd& map, const MapFacts& facts) {
    std::vector<std::byte> key(facts.key_size);
    std::vector<std::byte> following(facts.key_size);
    bool more = next_key(map, nullptr, key.data());
    for (std::uint32_t tries = 0; more && tries < 64; ++tries) {
        const auto written = written_by_lookup(map, facts, key.data());
        if (written && *written > value_stride(facts) * possible_cpus())
            refuse_listing(facts);
        if (written)
            return *written > value_stride(facts) ? possible_cpus() : 0;
        more = next_key(map, key.data(), following.data());
        key.swap(following);
    }
    return 0;
}

class UnknownListing : public Listing {
public:
    UnknownListing(const Fd& map, const MapFacts& facts, const MapTypes& types) : facts_(facts) {
        if (facts.key_size == 0 || facts.value_size == 0)
            refuse_listing(facts);
        key = key_layout(types, facts);
        value = value_layout(types, facts);
        try {
            cpus = copies_of_value(map, facts);
        } catch (const Error& error) {
            if (is_refusal(error))
                refuse_listing(facts);
            throw;
        }
    }

    std::unique_ptr<MapReader::Walk> walk(const Fd& map, Take take, unsigned) const override {
        return walk_by_key(map, facts_, take, room_for_value(facts_));
    }

private:
    MapFacts facts_;
};

} // namespace

std::unique_ptr<Listing> list_unknown(const Fd& map, const MapFacts& facts, const MapTypes& types) {
    return std::make_unique<UnknownListing>(map, facts, types);
}

} // namespace dynmon
