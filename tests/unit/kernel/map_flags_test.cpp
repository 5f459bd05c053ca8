// SPDX-License-Identifier: BSD-2-Clause
#include <doctest/doctest.h>

#include "kernel/map_calls.hpp"

using namespace dynmon;

namespace {

std::uint32_t strange(MapType type, std::uint32_t flags) {
    MapFacts facts;
    facts.type = type;
    facts.flags = flags;
    return strange_flags(facts);
}

constexpr std::uint32_t numa = 1u << 2, mmapable = 1u << 10, preserve = 1u << 11, inner = 1u << 12,
                        overwrite = 1u << 19, next = 1u << 20;

} // namespace

TEST_CASE("flags have the names of the kernel's header") {
    CHECK(flag_names(0).empty());
    CHECK(flag_names(BPF_F_NO_PREALLOC) == "BPF_F_NO_PREALLOC");
    CHECK(flag_names(BPF_F_RDONLY | BPF_F_WRONLY_PROG) == "BPF_F_RDONLY, BPF_F_WRONLY_PROG");
    CHECK(flag_names(BPF_F_STACK_BUILD_ID) == "BPF_F_STACK_BUILD_ID");
    CHECK(flag_names(BPF_F_CLONE) == "BPF_F_CLONE");
    CHECK(flag_names(BPF_F_MMAPABLE) == "BPF_F_MMAPABLE");
    CHECK(flag_names(BPF_F_INNER_MAP) == "BPF_F_INNER_MAP");
    CHECK(flag_names(overwrite) == "BPF_F_RB_OVERWRITE");
    CHECK(flag_names(overwrite | next | 1u << 31) ==
          "BPF_F_RB_OVERWRITE, flag 0x100000, flag 0x80000000");
}

TEST_CASE("flags that a reader of memory does not know are strange to it") {
    CHECK(strange(BPF_MAP_TYPE_RINGBUF, numa | overwrite) == 0);
    CHECK(strange(BPF_MAP_TYPE_RINGBUF, overwrite | next) == next);
    CHECK(strange(BPF_MAP_TYPE_RINGBUF, mmapable) == mmapable); // never seen there
    CHECK(strange(BPF_MAP_TYPE_PERF_EVENT_ARRAY, preserve | numa) == 0);
    CHECK(strange(BPF_MAP_TYPE_PERF_EVENT_ARRAY, overwrite) == overwrite);
    CHECK(strange(BPF_MAP_TYPE_ARRAY, mmapable | inner | BPF_F_RDONLY_PROG) == 0);
    CHECK(strange(BPF_MAP_TYPE_ARRAY, mmapable | next) == next);
    CHECK(strange(BPF_MAP_TYPE_STACK_TRACE, BPF_F_STACK_BUILD_ID) == 0);
    CHECK(strange(BPF_MAP_TYPE_HASH, BPF_F_NO_PREALLOC | BPF_F_ZERO_SEED) == 0);
}
