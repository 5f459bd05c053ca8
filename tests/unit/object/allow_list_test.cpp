// SPDX-License-Identifier: BSD-2-Clause
#include <string>

#include <doctest/doctest.h>

#include "base/error.hpp"
#include "object/allow_list.hpp"

using namespace dynmon;

namespace {

const std::string object(64, 'a');
const std::string manifest(64, 'b');
const std::string other(64, 'c');

AllowList list(const std::string& entry) {
    return AllowList::parse("allow:\n  - {sha256: " + object + entry + "}\n", "l.yaml");
}

Candidate candidate(std::set<Power> may, const std::string& with = manifest) {
    return {"x.bpf.o", object, with, std::move(may)};
}

std::string refusal(const AllowList& allowed, const Candidate& wanted) {
    try {
        require_allowed({allowed}, wanted);
        return "";
    } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::rejected);
        CHECK(error.hint().starts_with("if it is to be allowed, add to the list:  - {sha256: "));
        return error.what();
    }
}

std::string fault(const std::string& text) {
    try {
        AllowList::parse(text, "l.yaml");
        return "";
    } catch (const Error& error) {
        return error.what();
    }
}

} // namespace

TEST_CASE("an entry of an object alone, as lists of before have them, allows it only to look") {
    CHECK(refusal(list(""), candidate({})) == "");
    CHECK(refusal(list(""), candidate({}, other)) == "");
    CHECK(refusal(list(""), candidate({}, "")) == "");
    CHECK(refusal(list(""), candidate({Power::drop})) ==
          "x.bpf.o: l.yaml allows this object (SHA-256 " + object +
              "), but not with this manifest (SHA-256 " + manifest +
              "), which claims `may: [drop]`");
}

TEST_CASE("an entry with a manifest allows the object with that one, whatever it claims") {
    const AllowList pinned = list(", manifest: " + manifest);
    CHECK(refusal(pinned, candidate({Power::drop, Power::loops})) == "");
    CHECK(refusal(pinned, candidate({}, other)) ==
          "x.bpf.o: l.yaml allows this object (SHA-256 " + object +
              "), but not with this manifest (SHA-256 " + other + ")");
    CHECK(refusal(pinned, candidate({}, "")) ==
          "x.bpf.o: l.yaml allows this object (SHA-256 " + object + ") only with its manifest");
}

TEST_CASE("an entry with powers allows every manifest that claims no more") {
    const AllowList some = list(", may: [redirect]");
    CHECK(refusal(some, candidate({})) == "");
    CHECK(refusal(some, candidate({Power::drop, Power::redirect}, other)) == "");
    CHECK(refusal(some, candidate({Power::loops})) != "");
    CHECK(refusal(list(", may: []"), candidate({Power::drop})) != "");
}

TEST_CASE("one of several entries of an object is enough; none allows another object") {
    const AllowList two =
        AllowList::parse("allow:\n- {sha256: " + object + "}\n- {sha256: " + object +
                             ", manifest: " + manifest + "}\n",
                         "l.yaml");
    CHECK(refusal(two, candidate({Power::drop})) == "");
    CHECK(refusal(two, candidate({Power::drop}, other)) != "");
    Candidate unknown = candidate({});
    unknown.sha256 = other;
    CHECK(refusal(two, unknown) == "x.bpf.o: SHA-256 " + other + " is not in l.yaml");
}

TEST_CASE("an entry that says two things of its manifest is a mistake") {
    CHECK(fault("allow: [{sha256: " + object + ", manifest: " + manifest + ", may: []}]")
              .ends_with("an entry has 'manifest' or 'may', not both"));
    CHECK(fault("allow: [{sha256: " + object + ", manifest: b}]").find("'manifest'") !=
          std::string::npos);
    CHECK(fault("allow: [{sha256: " + object + ", may: [dorp]}]").find("'dorp'") !=
          std::string::npos);
}
