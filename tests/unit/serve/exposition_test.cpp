// SPDX-License-Identifier: BSD-2-Clause
#include <doctest/doctest.h>

#include "serve/exposition.hpp"

using namespace dynmon::serve;

namespace {

std::string text_of(MemoryFile& file, std::size_t piece = 7) {
    std::string text;
    std::string part(piece, '\0');
    while (const auto got = file.read(text.size(), part.data(), piece)) {
        if (*got == 0)
            break;
        text.append(part, 0, *got);
    }
    CHECK(file.size() == text.size());
    return text;
}

constexpr const char* web = "# TYPE packets counter\n# HELP packets Of web.\n"
                            "packets_total{monitor=\"web\"} 1\n"
                            "# TYPE age gauge\nage{monitor=\"web\"} 2.5\nuntyped 7\n# EOF\n";
constexpr const char* edge = "# TYPE age gauge\nage{monitor=\"edge\"} 3\n"
                             "# TYPE packets counter\n# HELP packets Of edge.\n"
                             "packets_total{monitor=\"edge\"} 4\n# EOF\n";

} // namespace

TEST_CASE("families of several documents stand in one piece, with metadata once") {
    JoinedExposition joined;
    CHECK(joined.add(web).empty());
    CHECK(joined.add(edge).empty());
    const auto file = joined.finish("# EOF\n");
    const std::string expected = "# TYPE age gauge\nage{monitor=\"web\"} 2.5\n"
                                 "age{monitor=\"edge\"} 3\n"
                                 "# TYPE packets counter\n# HELP packets Of web.\n"
                                 "packets_total{monitor=\"web\"} 1\n"
                                 "packets_total{monitor=\"edge\"} 4\n"
                                 "untyped 7\n# EOF\n";
    for (const std::size_t piece : {1u, 7u, 4096u})
        CHECK(text_of(*file, piece) == expected);
}

TEST_CASE("a document with a family of another type stays out whole") {
    JoinedExposition joined;
    joined.add(web);
    CHECK(joined.add("# TYPE other gauge\nother 1\n# TYPE age counter\nage_total 1\n") ==
          "its family 'age' has another type or unit than that of a monitor before it");
    CHECK(text_of(*joined.finish("")).find("other") == std::string::npos);
}

TEST_CASE("samples with suffixes belong to their family") {
    const auto families =
        families_of("# TYPE size histogram\nsize_bucket{le=\"+Inf\"} 2\nsize_count 2\nsize_sum 9\n"
                    "# TYPE sizes gauge\nsizes 1\nplain 1\nplain_total 2\n");
    REQUIRE(families.size() == 4);
    CHECK(families[0].samples == "size_bucket{le=\"+Inf\"} 2\nsize_count 2\nsize_sum 9\n");
    CHECK(families[1].name == "sizes");
    CHECK(families[3].name == "plain_total");
}
