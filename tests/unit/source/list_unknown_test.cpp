// SPDX-License-Identifier: BSD-2-Clause
// Maps of kinds that are well known, listed as if dynmon had never heard of them.
#include <cerrno>
#include <cstring>
#include <map>
#include <optional>

#include <unistd.h>

#include <doctest/doctest.h>

#include "base/error.hpp"
#include "source/listing.hpp"
#include "source/map_kind.hpp"

using namespace dynmon;

namespace {

constexpr MapType unheard_of = 77;

struct Rows {
    std::size_t cpus = 0;
    std::map<std::uint32_t, std::vector<std::byte>> values; // by key
};

// Nothing: this user may make no maps.
std::optional<Fd> made(MapType type, std::uint32_t key_size, std::uint32_t value_size) {
    try {
        MapSpec spec{.type = type, .name = "unheard_of"};
        spec.key_size = key_size;
        spec.value_size = value_size;
        spec.max_entries = 100;
        return create_map(spec);
    } catch (const Error& error) {
        if (error.error_number() != EPERM || geteuid() == 0)
            throw;
        MESSAGE("left out: maps are for root to make");
        return std::nullopt;
    }
}

MapFacts disguised(const Fd& map) {
    MapFacts facts = map_facts(map);
    facts.type = unheard_of;
    return facts;
}

Rows list(const Fd& map) {
    const MapFacts facts = disguised(map);
    MapTypes types;
    types.name = facts.name;
    const std::unique_ptr<Listing> listing = make_listing(map, facts, types);
    Rows rows{.cpus = listing->cpus, .values = {}};
    const std::size_t stride = (facts.value_size + 7) / 8 * 8;
    const std::size_t bytes = rows.cpus == 0 ? facts.value_size : stride * rows.cpus;
    const auto walk = listing->walk(map, Take::look, 1);
    for (Batch batch; walk->next(batch);)
        for (std::size_t i = 0; i < batch.count; ++i) {
            std::uint32_t key = 0;
            std::memcpy(&key, batch.keys + i * batch.key_stride, sizeof key);
            const std::byte* value = batch.values + i * batch.value_stride;
            CHECK(rows.values.emplace(key, std::vector(value, value + bytes)).second);
        }
    return rows;
}

void put(const Fd& map, std::uint32_t key, const std::vector<std::byte>& value) {
    update_element(map, &key, value.data());
}

} // namespace

TEST_CASE("a map of a type that is newer than dynmon is read key by key") {
    for (const MapType like : {BPF_MAP_TYPE_HASH, BPF_MAP_TYPE_LRU_HASH, BPF_MAP_TYPE_ARRAY})
        for (const std::uint32_t size : {1u, 7u, 8u, 13u}) {
            CAPTURE(like);
            CAPTURE(size);
            const auto map = made(like, 4, size);
            if (!map)
                return;
            for (std::uint32_t key = 0; key < 50; ++key)
                put(*map, key, std::vector(size, static_cast<std::byte>(key)));
            const Rows rows = list(*map);
            CHECK(rows.cpus == 0);
            CHECK(rows.values.size() == (like == BPF_MAP_TYPE_ARRAY ? 100 : 50));
            for (std::uint32_t key = 0; key < 50; ++key)
                CHECK(rows.values.at(key) == std::vector(size, static_cast<std::byte>(key)));
        }
}

TEST_CASE("values of each CPU are found out, whatever stands in them") {
    for (const MapType like : {BPF_MAP_TYPE_PERCPU_HASH, BPF_MAP_TYPE_PERCPU_ARRAY})
        for (const int filling : {0x00, 0xa5, 0x5a, 0xff}) { // as what tells what was written, too
            if (possible_cpus() == 1)
                return; // there is nothing to find out
            CAPTURE(like);
            CAPTURE(filling);
            const auto map = made(like, 4, 5);
            if (!map)
                return;
            const std::vector values(8 * possible_cpus(), static_cast<std::byte>(filling));
            for (std::uint32_t key = 0; key < 10; ++key)
                put(*map, key, values);
            const Rows rows = list(*map);
            CHECK(rows.cpus == possible_cpus());
            for (std::uint32_t key = 0; key < 10; ++key) {
                const std::vector<std::byte>& found = rows.values.at(key);
                for (std::size_t cpu = 0; cpu < possible_cpus(); ++cpu)
                    for (std::size_t i = 0; i < 5; ++i)
                        CHECK(found.at(cpu * 8 + i) == static_cast<std::byte>(filling));
            }
        }
}

TEST_CASE("an empty map of a new type has no rows") {
    const auto map = made(BPF_MAP_TYPE_HASH, 4, 8);
    if (map)
        CHECK(list(*map).values.empty());
}

TEST_CASE("what has no keys, or cannot be walked, is refused in a sentence with its number") {
    const std::string sentence = "map 'unheard_of' is of type number 77: this version of dynmon "
                                 "does not know it, and it has "
                                 "no keys and values of a fixed size to be read one by one";
    if (const auto queue = made(BPF_MAP_TYPE_QUEUE, 0, 8))
        CHECK_THROWS_WITH_AS(list(*queue), sentence.c_str(), Error);
    if (const auto cgroups = made(BPF_MAP_TYPE_CGROUP_ARRAY, 4, 4)) // has keys, and no look-ups
        CHECK_THROWS_WITH_AS(list(*cgroups), sentence.c_str(), Error);
}
