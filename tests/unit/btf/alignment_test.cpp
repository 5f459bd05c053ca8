// SPDX-License-Identifier: BSD-2-Clause
// Atomic changes of what does not stand on a multiple of its size.
#include <filesystem>
#include <string>

#include <doctest/doctest.h>

#include "btf/layout.hpp"
#include "object/object.hpp"
#include "object/test_objects.hpp"

using namespace dynmon;

namespace {

std::string problem(const char* program) {
    static const Object object = test::parse_object("atomics");
    REQUIRE(object.program(program) != nullptr);
    return alignment_problem(object, *object.program(program));
}

MapInfo map_of(MapType type, std::uint32_t key_size) {
    MapInfo map;
    map.type = type;
    map.key_size = key_size;
    return map;
}

} // namespace

TEST_CASE(
    "the values of a trie begin right behind the prefix, those of others on a multiple of 8") {
    CHECK(value_misalignment(map_of(BPF_MAP_TYPE_LPM_TRIE, 4 + 4)) == 4);
    CHECK(value_misalignment(map_of(BPF_MAP_TYPE_LPM_TRIE, 4 + 16)) == 0);
    CHECK(value_misalignment(map_of(BPF_MAP_TYPE_LPM_TRIE, 4 + 8)) == 0);
    CHECK(value_misalignment(map_of(BPF_MAP_TYPE_LPM_TRIE, 4 + 6)) == 6);
    for (const auto type : {BPF_MAP_TYPE_HASH, BPF_MAP_TYPE_LRU_HASH, BPF_MAP_TYPE_PERCPU_HASH,
                            BPF_MAP_TYPE_ARRAY, BPF_MAP_TYPE_PERCPU_ARRAY})
        CHECK(value_misalignment(map_of(type, 5)) == 0);
}

TEST_CASE("a counter in the value of a trie of IPv4 is refused by program, map and field") {
    CHECK(problem("trie4") ==
          "program 'trie4' changes 'packets' of map 'TRIE4' atomically (8 bytes): the values of an "
          "LPM trie begin right behind the prefix, here 4 bytes behind a multiple of 8");
    CHECK(problem("trie4_either")
              .starts_with("program 'trie4_either' changes 'slots[2]' of map 'TRIE4' atomically"));
    CHECK(problem("trie_mac").find("here 6 bytes behind a multiple of 8") != std::string::npos);
}

TEST_CASE("a pointer is followed into functions, and to a place that is computed") {
    CHECK(problem("trie4_slot")
              .starts_with(
                  "program 'trie4_slot' changes a field of map 'TRIE4' atomically (8 bytes): "));
}

TEST_CASE("a packed field is refused wherever it is") {
    CHECK(problem("packed") ==
          "program 'packed' changes 'packets' of map 'PACKED' atomically (8 bytes), which does not "
          "stand on a multiple of its size but at byte 4");
}

TEST_CASE("what stands right is let through") {
    CHECK(problem("good") == "");
    CHECK(problem("trie4_narrow") == ""); // 4 bytes on a multiple of 4
    CHECK(problem("trie4_plain") == "");  // not atomic
}

TEST_CASE("every object that is built with dynmon is let through") {
    const std::filesystem::path build = std::filesystem::path(DYNMON_TEST_OBJECTS) / "../../..";
    std::size_t objects = 0;
    for (const char* folder : {"probes", "bpf"})
        for (const auto& entry : std::filesystem::recursive_directory_iterator(build / folder)) {
            if (!entry.path().string().ends_with(".bpf.o"))
                continue;
            const std::string path = entry.path().string();
            CAPTURE(path);
            const Object object = Object::parse(read_file(path, 8u << 20), path);
            for (const ProgramInfo& program : object.programs())
                CHECK(alignment_problem(object, program) == "");
            ++objects;
        }
    CHECK(objects >= 10); // nine probes and the pivot
}
