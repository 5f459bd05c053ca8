// SPDX-License-Identifier: BSD-2-Clause
#include <set>

#include <doctest/doctest.h>

#include "base/error.hpp"
#include "format/formats.hpp"

using namespace dynmon;

TEST_CASE("each format has a name of its own, by which it is found") {
    std::set<std::string> names;
    for (const Format format : all_formats()) {
        CHECK(names.insert(format->name).second);
        CHECK(format_of(format->name) == format);
    }
    CHECK(format_of("csv") == Format::csv);
    CHECK_FALSE(Format::csv == Format::table);
    CHECK_THROWS_AS(format_of("xml"), Error);
}

TEST_CASE("what goes with a format is named in the order of the table") {
    CHECK(names_of_formats(&FormatRow::origin) == "jsonl, csv and tsv");
    CHECK(names_of_formats(&FormatRow::value_only, ", ") == "json, jsonl, dynmon");
    CHECK(names_of_formats(&FormatRow::csv_safe) == "csv and tsv");
}

TEST_CASE("a format without an exporter of its own shows totals, and no map") {
    for (const Format format : all_formats())
        if (format.shows_totals()) {
            CHECK_FALSE(format->of_maps);
            CHECK(format->why_unshaped != nullptr);
        }
}
