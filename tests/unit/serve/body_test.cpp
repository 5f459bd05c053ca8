// SPDX-License-Identifier: BSD-2-Clause
#include <doctest/doctest.h>

#include "serve/body.hpp"
#include "serve/request.hpp"

using namespace dynmon::serve;

namespace {

template <typename Call>
std::string field_of(Call&& call) {
    try {
        call();
        return "it was not refused";
    } catch (const HttpError& error) {
        CHECK(error.status() == 400);
        return error.field();
    }
}

} // namespace

TEST_CASE("fields are read with their types") {
    Body body(R"({"a":"x","n":7,"f":true,"l":["p","q"],"s":{"k":1,"m":"v"},"none":null})");
    CHECK(body.required_text("a") == "x");
    CHECK(body.number("n") == 7u);
    CHECK(body.flag("f"));
    CHECK(body.texts("l") == std::vector<std::string>{"p", "q"});
    CHECK(body.assignments("s") == std::vector<std::string>{"k=1", "m=v"});
    CHECK(!body.number("none"));
    CHECK(body.text("absent", "preset") == "preset");
    body.finish();
    Body("").finish();
}

TEST_CASE("what is wrong is named by a pointer") {
    CHECK(field_of([] { Body body("[1]"); }) == "body");
    CHECK(field_of([] { Body body("{"); }) == "body");
    CHECK(field_of([] { Body body("{\"a\":1} x"); }) == "body");
    CHECK(field_of([] { Body body("{\"a\":\"\xff\"}"); }) == "body");
    CHECK(field_of([] { Body body(R"({"a":1,"a":2})"); }) == "/a");
    CHECK(field_of([] { Body body(R"({"o":{"b":1,"b":2}})"); }) == "/b");
    CHECK(field_of([] {
              Body body("{\"a\":" + std::string(40, '[') + std::string(40, ']') + "}");
          }) == "body");
    CHECK(field_of([] { Body(R"({"a":1})").text("a"); }) == "/a");
    CHECK(field_of([] { Body(R"({"a":-1})").number("a"); }) == "/a");
    CHECK(field_of([] { Body(R"({"a":1.5})").number("a"); }) == "/a");
    CHECK(field_of([] { Body(R"({"a":"x\ny"})").text("a"); }) == "/a");
    CHECK(field_of([] { Body(R"({"s":{"k k":1}})").assignments("s"); }) == "/s/k k");
    CHECK(field_of([] { Body(R"({"w":"z"})").word("w", {"x", "y"}); }) == "/w");
    CHECK(field_of([] {
              Body body(R"({"probe":"a","divice":"b"})");
              body.text("probe");
              body.text("device");
              body.finish();
          }) == "/divice");
}
