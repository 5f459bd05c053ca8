// SPDX-License-Identifier: BSD-2-Clause
#include <doctest/doctest.h>

#include "serve/request.hpp"

using namespace dynmon::serve;

namespace {

int status_of(const std::string& target) {
    try {
        parse_target(target);
        return 200;
    } catch (const HttpError& error) {
        return error.status();
    }
}

using Segments = std::vector<std::string>;

} // namespace

TEST_CASE("a target is decoded once") {
    const Target target = parse_target("/api/v1/monitors/a%2db/?where=x+%3D%3D%201&top=");
    CHECK(target.segments == Segments{"api", "v1", "monitors", "a-b"});
    CHECK(target.parameter("where") == "x == 1");
    CHECK(target.query.contains("top"));
    CHECK(parse_target("/%2541").segments == Segments{"%41"});
    CHECK(parse_target("/a+b").segments == Segments{"a+b"}); // only a query has + for a space
    CHECK(parse_target("/caf%C3%A9").segments == Segments{"caf\u00e9"});
}

TEST_CASE("slashes are collapsed and nothing leads up") {
    CHECK(parse_target("//a///b//").segments == Segments{"a", "b"});
    CHECK(parse_target("/").segments.empty());
    for (const char* const target : {"/..", "/a/../b", "/.", "/%2e%2E/b", "/a%2fb", "/a/.%2e"})
        CHECK_MESSAGE(status_of(target) == 400, target);
    CHECK(parse_target("/...").segments == Segments{"..."});
}

TEST_CASE("what is no target is refused") {
    for (const char* const target :
         {"", "a", "http://x/", "*", "/%", "/%4", "/%zz", "/%00", "/a%0ab", "/%7f", "/%ff",
          "/%c0%af", "/%ed%a0%80", "/?a=1&a=2", "/?%", "/?a=%0d%0a"})
        CHECK_MESSAGE(status_of(target) == 400, target);
    CHECK(status_of("/" + std::string(most_target - 1, 'x')) == 200);
    CHECK(status_of("/" + std::string(most_target, 'x')) == 414);
}

TEST_CASE("a Host of another site is foreign") {
    const std::vector<std::string> names{"lab.example"};
    for (const char* const host : {"localhost", "localhost:80", "LOCALHOST", "127.0.0.1:9436",
                                   "127.8.8.8", "[::1]", "[::1]:80", "lab.example:1"})
        CHECK_MESSAGE(!is_foreign_host(host, names), host);
    for (const char* const host :
         {"", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "127.evil",
          "[::1].evil", "[::2]", "localhost:x", "0.0.0.0", "lab.example.", "[::1", ":80"})
        CHECK_MESSAGE(is_foreign_host(host, names), host);
}

TEST_CASE("Accept gives qualities") {
    constexpr const char* open = "application/openmetrics-text";
    const auto quality = [&](const char* accept) {
        return quality_of(accept, open, "version=1.0.0");
    };
    CHECK(quality("") == 1);
    CHECK(quality("*/*;q=0.1") == 0.1);
    CHECK(quality("application/*;q=0.5, */*;q=0.1") == 0.5);
    CHECK(quality("application/openmetrics-text") == 1);
    CHECK(quality("application/openmetrics-text;version=1.0.0;q=0.7") == 0.7);
    CHECK(quality("application/openmetrics-text;version=0.0.1") == 0);
    CHECK(quality("application/openmetrics-text;version=0.0.1, "
                  "application/openmetrics-text;version=1.0.0;charset=utf-8;q=0.3") == 0.3);
    CHECK(quality("text/plain, Application/OpenMetrics-Text;q=0.4") == 0.4);
    CHECK(quality("application/openmetrics-text;q=2") == 0);
    CHECK(quality("application/openmetrics-text;q=x") == 0);
    CHECK(quality("application/openmetrics-text;q=0, */*") == 0);
}

TEST_CASE("tags match weakly") {
    CHECK(matches_tag("\"1.0\"", "\"1.0\""));
    CHECK(matches_tag("\"1.1\", W/\"1.0\"", "\"1.0\""));
    CHECK(matches_tag("*", "\"1.0\""));
    CHECK(!matches_tag("\"1.00\"", "\"1.0\""));
    CHECK(!matches_tag("1.0", "\"1.0\""));
}
