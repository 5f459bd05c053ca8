// SPDX-License-Identifier: BSD-2-Clause
#include <set>
#include <string>

#include <bpf/libbpf.h>
#include <doctest/doctest.h>

#include "base/error.hpp"
#include "object/object.hpp"
#include "source/map_kind.hpp"

using namespace dynmon;

namespace {

constexpr unsigned newest = first_unknown_type - 1;

std::string refusal(unsigned number) {
    try {
        refuse_listing({.type = number, .name = "m"});
    } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::unsupported);
        return error.what();
    }
}

} // namespace

TEST_CASE("every type has a name of its own, and the one that libbpf has for it") {
    std::set<std::string> names;
    for (unsigned number = 0; number <= newest; ++number) {
        const std::string name = map_type_name(number);
        CHECK(names.insert(name).second);
        if (const char* theirs = libbpf_bpf_map_type_str(static_cast<bpf_map_type>(number)))
            CHECK(name == theirs);
    }
    CHECK(map_type_name(20) == "reuseport_sockarray");
    CHECK(map_type_name(32) == "cgrp_storage");
    CHECK(map_type_name(33) == "arena");
    CHECK(map_type_name(35) == "rhash");
    CHECK(map_kind(35) == MapKind::plain);
    CHECK(map_type_name(60) == "number 60");
    CHECK(map_kind(60) == MapKind::unknown);
}

TEST_CASE("what cannot be listed has a sentence of its own") {
    std::set<std::string> sentences;
    for (unsigned number = 0; number <= newest; ++number) {
        if (map_kind(number) != MapKind::closed)
            continue;
        const std::string prefix = "map 'm' is of type " + map_type_name(number) + ": ";
        const std::string sentence = refusal(number);
        CHECK(sentence.starts_with(prefix));
        CHECK(sentence.size() > prefix.size() + 10);
        CHECK(sentences.insert(sentence.substr(prefix.size())).second);
    }
    CHECK(sentences.size() == 8);
    CHECK(refusal(99) ==
          "map 'm' is of type number 99: this version of dynmon does not know it, and "
          "it has no keys and values of a fixed size to be read one by one");
}

TEST_CASE("what a metric can be made of can be dumped, too") {
    for (unsigned number = 0; number <= newest; ++number) {
        const MapKind kind = map_kind(number);
        if (is_readable(number))
            CHECK((kind == MapKind::plain || kind == MapKind::trie || kind == MapKind::queue));
    }
}
