// SPDX-License-Identifier: BSD-2-Clause
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "object/object_types.hpp"
#include "object/test_objects.hpp"
#include "source/map_definition.hpp"

using namespace dynmon;

namespace {

std::vector<std::string> names(const MapFacts& facts, const std::string& whole_name = "") {
    static const BtfPtr types = read_object_types(test::object_path("types_only"));
    std::vector<std::string> found;
    for (const MapDefinition& definition : find_definitions(types.get(), facts, whole_name))
        found.push_back(definition.name + misfit(types.get(), definition, facts));
    return found;
}

// A map as the kernel describes it.
MapFacts hash(const char* name, std::uint32_t key_size, std::uint32_t value_size) {
    return {
        .type = BPF_MAP_TYPE_HASH, .name = name, .key_size = key_size, .value_size = value_size};
}

using Names = std::vector<std::string>;

} // namespace

TEST_CASE("a short name is that of one definition, or of none") {
    CHECK(names(hash("SHORT", 4, 16)) == Names{"SHORT"});
    CHECK(names(hash("SHOR", 4, 16)).empty());
    CHECK(names(hash("SHORT", 4, 8)) == Names{"SHORThas values of 16 bytes, the map of 8"});
    CHECK(names(hash("SHORT", 8, 16)) == Names{"SHORThas keys of 4 bytes, the map of 8"});
}

TEST_CASE("of definitions whose names begin alike, those remain that the map can have") {
    CHECK(names(hash("connections_of_", 4, 8)) == Names{"connections_of_tcp"});
    CHECK(names(hash("connections_of_", 8, 4)) == Names{"connections_of_udp"});
    CHECK(names(hash("counters_of_eac", 8, 16)) == Names{"counters_of_each_pair"});
    CHECK(names(hash("counters_of_eac", 4, 16)) ==
          Names{"counters_of_each_port", "counters_of_each_host"});
}

TEST_CASE("the whole name decides when the kernel's begins it") {
    CHECK(names(hash("counters_of_eac", 4, 16), "counters_of_each_host") ==
          Names{"counters_of_each_host"});
    CHECK(names(hash("counters_of_eac", 4, 16), "counters_of_each_one").empty());
    CHECK(names(hash("counters_of_eac", 4, 16), "some_pin").size() == 2);
    CHECK(names(hash("SHORT", 4, 16), "counters_of_each_host") == Names{"SHORT"});
    CHECK(names(hash("", 4, 16), "counters_of_each_host") == Names{"counters_of_each_host"});
}

TEST_CASE("global data is found by the section that its name ends with") {
    MapFacts data{
        .type = BPF_MAP_TYPE_ARRAY, .name = "types_on.bss", .key_size = 4, .value_size = 16};
    CHECK(names(data) == Names{"types_on.bss"});
    data.value_size = 24;
    CHECK(names(data) == Names{"types_on.bsshas values of 16 bytes, the map of 24"});
    data.name = "types_on.none";
    CHECK(names(data).empty());
}
