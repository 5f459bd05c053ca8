// SPDX-License-Identifier: BSD-2-Clause
// A real map, read ahead while another thread writes to it: needs root.
#include <atomic>
#include <cstring>
#include <map>
#include <thread>

#include <doctest/doctest.h>

#include "kernel/bpf.hpp"
#include "source/map_reader.hpp"

using namespace dynmon;

namespace {

constexpr std::uint32_t stable = 20'000;

void churn(const Fd& map, const std::atomic<bool>& stopped) {
    while (!stopped) {
        for (std::uint32_t key = stable; key < stable + 200; ++key) {
            const std::uint64_t value = key;
            update_element(map, &key, &value);
        }
        for (std::uint32_t key = stable; key < stable + 200; ++key)
            delete_element(map, &key);
    }
}

// How often each key was read.
std::map<std::uint32_t, int> read_all(const Fd& map, const MapFacts& facts) {
    std::map<std::uint32_t, int> seen;
    MapReader reader(map, facts, Take::look, 2);
    Batch batch;
    while (reader.next(batch)) {
        for (std::size_t i = 0; i < batch.count; ++i) {
            std::uint32_t key = 0;
            std::uint64_t value = 0;
            std::memcpy(&key, batch.keys + i * batch.key_stride, sizeof key);
            std::memcpy(&value, batch.values + i * batch.value_stride, sizeof value);
            REQUIRE(value == key);
            ++seen[key];
        }
    }
    CHECK(!reader.approximate());
    return seen;
}

} // namespace

TEST_CASE("keys that stay are read once while others come and go") {
    const Fd map = create_map({.type = BPF_MAP_TYPE_HASH,
                               .name = "threads",
                               .value_size = sizeof(std::uint64_t),
                               .max_entries = 2 * stable});
    for (std::uint32_t key = 0; key < stable; ++key) {
        const std::uint64_t value = key;
        update_element(map, &key, &value);
    }
    std::atomic<bool> stopped = false;
    std::thread writer([&] { churn(map, stopped); });
    for (int round = 0; round < 10; ++round) {
        const auto seen = read_all(map, map_facts(map));
        for (std::uint32_t key = 0; key < stable; ++key)
            REQUIRE((seen.contains(key) && seen.at(key) == 1));
    }
    stopped = true;
    writer.join();
}
