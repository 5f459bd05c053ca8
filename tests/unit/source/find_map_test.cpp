// SPDX-License-Identifier: BSD-2-Clause
#include <doctest/doctest.h>

#include "source/find_map.hpp"

using namespace dynmon;

TEST_CASE("ids are found by name in the kernel's list of maps") {
    const std::string listing = "  id name             max_entries  cur_entries\n"
                                "   4 dumper.bss                1            0\n"
                                "  17 FLOWS                  4096           12\n"
                                " 918 FLOWS_LOST                1            0\n"
                                "1234 FLOWS                  4096            0\n"
                                "1235 4                      4096            0\n";
    CHECK(ids_in_listing(listing, "FLOWS") == std::vector<std::uint32_t>{17, 1234});
    CHECK(ids_in_listing(listing, "4") == std::vector<std::uint32_t>{1235});
    CHECK(ids_in_listing(listing, "name").empty()); // the header
    CHECK(ids_in_listing("", "FLOWS").empty());
    CHECK(ids_in_listing("17", "FLOWS").empty());
}
