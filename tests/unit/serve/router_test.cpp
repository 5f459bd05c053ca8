// SPDX-License-Identifier: BSD-2-Clause
#include <set>

#include <doctest/doctest.h>

#include "serve/router.hpp"

using namespace dynmon::serve;

namespace {

Match found(const std::string& method, const std::string& target) {
    return route(method, parse_target(target));
}

HttpError refusal(const std::string& method, const std::string& target) {
    try {
        found(method, target);
    } catch (const HttpError& error) {
        return error;
    }
    return {200, "it was not refused"};
}

} // namespace

TEST_CASE("a route is found with its names") {
    const Match match = found("GET", "/api/v1/monitors/web/metrics/flows");
    CHECK(match.route->endpoint == Endpoint::monitor_metric);
    CHECK(match.name("monitor") == "web");
    CHECK(match.name("metric") == "flows");
    CHECK(found("HEAD", "/metrics").route->endpoint == Endpoint::metrics);
    CHECK(found("PUT", "/api/v1/monitors/web").route->right == Right::load);
}

TEST_CASE("a method that a path does not have comes back with those that it has") {
    const HttpError error = refusal("POST", "/api/v1/monitors/web");
    CHECK(error.status() == 405);
    REQUIRE(error.headers().size() == 1);
    CHECK(error.headers()[0].second == "GET, PUT, DELETE");
    CHECK(refusal("get", "/metrics").status() == 405);
    CHECK(std::string(refusal("\xff\x1b", "/metrics").what()) ==
          "'\\xff\\x1b' is not for /metrics");
    CHECK(refusal("", "/metrics").status() == 405);
}

TEST_CASE("names and parameters are checked") {
    CHECK(refusal("GET", "/api/v1/monitors/a.b").status() == 400);
    CHECK(refusal("GET", "/api/v1/monitors/a%20b/metrics").field() == "monitor");
    CHECK(refusal("GET", "/api/v1/monitors/web/lists/grey").status() == 404);
    CHECK(refusal("GET", "/metrics?monitr=web").hint() == "monitor");
    CHECK(refusal("GET", "/api/v2").status() == 404);
    CHECK(refusal("GET", "/").status() == 404);
}

TEST_CASE("what the reading role may do changes nothing by its method") {
    std::set<std::string> patterns;
    for (const Route& each : all_routes()) {
        CHECK(patterns.insert(std::string(each.method) + each.pattern).second);
        if (each.right == Right::read)
            CHECK_MESSAGE(std::string(each.method) == "GET", each.pattern);
    }
}
