// SPDX-License-Identifier: BSD-2-Clause
#include <doctest/doctest.h>
#include <linux/if_ether.h>

#include "hook/neighbours.hpp"

using namespace dynmon;

namespace {

constexpr std::uint32_t pivot = 30;

TcFilter program(std::uint32_t priority, std::uint32_t id, const char* name = "theirs") {
    return {.priority = priority,
            .kind = "bpf",
            .protocol = ETH_P_ALL,
            .handle = 1,
            .program_id = id,
            .program_name = name};
}

TcFilter other(std::uint32_t priority, const char* kind, std::uint32_t handle = 1) {
    return {.priority = priority, .kind = kind, .protocol = ETH_P_IP, .handle = handle};
}

std::string names(const std::vector<TcFilter>& filters) {
    std::string all;
    for (const Neighbour& neighbour : before(filters, pivot))
        all += describe(neighbour) + "; ";
    return all;
}

} // namespace

TEST_CASE("programs of TCX in front") {
    using Ids = std::vector<std::uint32_t>;
    CHECK(before(Ids{10, 20, pivot, 40}, pivot) == Ids{10, 20});
    CHECK(before(Ids{pivot, 40}, pivot).empty());
    CHECK(before(Ids{10, 40}, pivot) == Ids{10, 40}); // ours is a filter, which comes behind TCX
}

TEST_CASE("filters in front: of equal priority too, and other kinds once") {
    CHECK(names({program(1, 10, "one"), other(2, "u32", 0), other(2, "u32", 0x80000000),
                 other(2, "u32", 0x80000800), program(3, 11), program(3, pivot), program(3, 12),
                 program(4, 13)}) ==
          "program one (id 10) on clsact with priority 1; filter u32 on clsact with priority 2; "
          "program theirs (id 11) on clsact with priority 3; ");
    CHECK(names({program(1, pivot), program(1, 10)}).empty());
    CHECK(describe({.place = Neighbour::Place::tcx, .program_id = 5}) == "program id 5 on tcx");
    CHECK(describe({.place = Neighbour::Place::xdp, .program_id = 5, .name = "x"}) ==
          "program x (id 5) on xdp");
}

TEST_CASE("the first and the last priority that a program for all packets can have") {
    CHECK(first_priority({}) == 1);
    CHECK(last_priority({}) == 65535);
    // Beside programs for all packets there is room, and the newest runs first.
    CHECK(first_priority({program(1, 10)}) == 1);
    CHECK(first_priority({other(1, "flower"), other(2, "u32")}) == 3);
    TcFilter for_ip = program(1, 10);
    for_ip.protocol = ETH_P_IP;
    CHECK(first_priority({for_ip}) == 2);
    CHECK(last_priority({program(65535, 10)}) == 65535);
    CHECK(last_priority({other(65535, "flower")}) == 65534);
    CHECK(is_usable({other(9, "flower")}, 8));
    CHECK_FALSE(is_usable({other(9, "flower")}, 9));
}
