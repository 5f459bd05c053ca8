// SPDX-License-Identifier: BSD-2-Clause
#include <cstring>
#include <map>
#include <random>
#include <set>

#include <doctest/doctest.h>

#include "source/follow.hpp"

using namespace dynmon;

namespace {

using Key = std::uint32_t;
using Value = std::uint64_t;

template <typename T>
const std::byte* raw(const T& value) {
    return reinterpret_cast<const std::byte*>(&value);
}

template <typename T>
T read(const std::byte* from) {
    T value;
    std::memcpy(&value, from, sizeof value);
    return value;
}

} // namespace

TEST_CASE("looks at a map that changes at random find every change and nothing else") {
    std::mt19937 random(3);
    EntryTracker snapshot(sizeof(Key), sizeof(Value));
    std::map<Key, Value> before;
    for (int look = 0; look < 60; ++look) {
        std::map<Key, Value> now = before;
        for (unsigned i = 0, changes = random() % 400; i < changes; ++i) {
            const Key key = random() % 500;
            if (random() % 3 == 0)
                now.erase(key);
            else
                now[key] = random() % 3;
        }
        if (look % 20 == 19)
            now.clear();
        snapshot.begin_look();
        for (const auto& [key, value] : now) {
            const auto known = before.find(key);
            const EntryTracker::Change expected =
                known == before.end()    ? EntryTracker::Change::added
                : known->second == value ? EntryTracker::Change::none
                                         : EntryTracker::Change::changed;
            REQUIRE(snapshot.see(raw(key), raw(value)) == expected);
            if (expected == EntryTracker::Change::changed)
                REQUIRE(read<Value>(snapshot.was()) == known->second);
        }
        std::map<Key, Value> gone;
        snapshot.end_look([&](const std::byte* key, const std::byte* value) {
            REQUIRE(gone.emplace(read<Key>(key), read<Value>(value)).second);
        });
        std::map<Key, Value> expected = before;
        for (const auto& [key, value] : now)
            expected.erase(key);
        CHECK(gone == expected);
        CHECK(snapshot.size() == now.size());
        before = now;
    }
}

TEST_CASE("an entry that is seen twice in one look is there once") {
    EntryTracker snapshot(sizeof(Key), sizeof(Value));
    snapshot.begin_look();
    CHECK(snapshot.see(raw(Key{1}), raw(Value{5})) == EntryTracker::Change::added);
    CHECK(snapshot.see(raw(Key{1}), raw(Value{5})) == EntryTracker::Change::none);
    CHECK(snapshot.see(raw(Key{1}), raw(Value{6})) == EntryTracker::Change::changed);
    CHECK(snapshot.size() == 1);
}
