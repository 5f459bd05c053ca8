// SPDX-License-Identifier: BSD-2-Clause
#include <cstring>
#include <string>
#include <vector>

#include <bpf/btf.h>
#include <doctest/doctest.h>

#include "base/error.hpp"
#include "object/btf_check.hpp"
#include "object/test_objects.hpp"

using namespace dynmon;

namespace {

std::vector<std::byte> raw(const BtfPtr& types) {
    std::uint32_t size = 0;
    const auto* data = static_cast<const std::byte*>(btf__raw_data(types.get(), &size));
    return {data, data + size};
}

std::string fault(const std::vector<std::byte>& bytes) {
    try {
        check_btf(bytes);
        return "";
    } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::usage);
        return error.what();
    }
}

// Ids: 1 int, 2 → pointer to `target`.
std::string fault_of_reference(int target) {
    const BtfPtr types(btf__new_empty());
    REQUIRE(btf__add_int(types.get(), "int", 4, BTF_INT_SIGNED) == 1);
    REQUIRE(btf__add_ptr(types.get(), target) == 2);
    return fault(raw(types));
}

template <typename Change>
std::string fault_after(Change change) {
    const BtfPtr types(btf__new_empty());
    btf__add_int(types.get(), "int", 4, BTF_INT_SIGNED);
    btf__add_struct(types.get(), "pair", 8);
    btf__add_field(types.get(), "a", 1, 0, 0);
    btf__add_field(types.get(), "b", 1, 32, 0);
    std::vector<std::byte> bytes = raw(types);
    change(bytes);
    return fault(bytes);
}

void put(std::vector<std::byte>& bytes, std::size_t at, std::uint32_t value) {
    std::memcpy(bytes.data() + at, &value, sizeof value);
}

} // namespace

TEST_CASE("BTF that a compiler made is taken at any alignment") {
    std::vector<std::byte> bytes = test::parse_object("sample").btf_bytes();
    CHECK(fault(bytes).empty());
    bytes.insert(bytes.begin(), std::byte{0});
    CHECK_NOTHROW(check_btf(std::span(bytes).subspan(1)));
}

TEST_CASE("a reference to nothing, to a function or to a variable is refused") {
    CHECK(fault_of_reference(1).empty());
    CHECK(fault_of_reference(2).empty()); // a pointer to itself goes nowhere and is never followed
    CHECK(fault_of_reference(3) == "damaged BTF: type 2 refers to type 3, which does not exist");

    const BtfPtr types(btf__new_empty());
    btf__add_int(types.get(), "int", 4, BTF_INT_SIGNED);
    btf__add_var(types.get(), "v", BTF_VAR_GLOBAL_ALLOCATED, 1);
    btf__add_ptr(types.get(), 2);
    CHECK(fault(raw(types)) == "damaged BTF: type 3 refers to type 2, which is no type of values");
}

TEST_CASE("a type that contains itself is refused however long the way round is") {
    const BtfPtr chain(btf__new_empty());
    constexpr int length = 10'000;
    for (int id = 1; id < length; ++id)
        btf__add_const(chain.get(), id + 1);
    btf__add_typedef(chain.get(), "t", 1);
    CHECK(fault(raw(chain)) == "damaged BTF: type 1 contains itself");

    const BtfPtr nested(btf__new_empty());
    btf__add_struct(nested.get(), "outer", 8);
    btf__add_field(nested.get(), "list", 2, 0, 0);
    btf__add_array(nested.get(), 1, 1, 2);
    CHECK(fault(raw(nested)).ends_with("contains itself"));

    const BtfPtr list(btf__new_empty()); // struct node { struct node* next; } is no such thing
    btf__add_struct(list.get(), "node", 8);
    btf__add_field(list.get(), "next", 2, 0, 0);
    btf__add_ptr(list.get(), 1);
    CHECK(fault(raw(list)).empty());
}

TEST_CASE("a long chain of types that ends is no fault") {
    const BtfPtr chain(btf__new_empty());
    btf__add_int(chain.get(), "int", 4, 0);
    for (int id = 2; id < 50'000; ++id)
        btf__add_typedef(chain.get(), "t", id - 1);
    CHECK(fault(raw(chain)).empty());
}

TEST_CASE("every lie of header and records is named") {
    constexpr std::size_t header = sizeof(btf_header);
    CHECK(fault_after([](auto&) {}).empty());
    CHECK(fault_after([](auto& b) { b.resize(10); }) == "damaged BTF: it ends within its header");
    CHECK(fault_after([](auto& b) { b[0] = std::byte{0}; }) == "damaged BTF: no BTF magic");
    CHECK(fault_after([](auto& b) { std::swap(b[0], b[1]); }) ==
          "damaged BTF: it has the other byte order");
    CHECK(fault_after([](auto& b) { b[2] = std::byte{9}; }) ==
          "damaged BTF: a version that is not known here");
    CHECK(fault_after([](auto& b) { put(b, 4, 0xffffffff); }) ==
          "damaged BTF: a version that is not known here");
    CHECK(
        fault_after([](auto& b) { put(b, 12, 0xfffffff0); }).starts_with("damaged BTF: types or"));
    CHECK(
        fault_after([](auto& b) { put(b, 20, 0xfffffff0); }).starts_with("damaged BTF: types or"));
    CHECK(fault_after([](auto& b) { put(b, 20, 0); }) == "damaged BTF: strings without an end");
    CHECK(fault_after([](auto& b) { b.back() = std::byte{'x'}; }) ==
          "damaged BTF: strings without an end");
    CHECK(fault_after([](auto& b) { put(b, header, 9999); }) ==
          "damaged BTF: type 1 has a name outside of the strings");
    CHECK(fault_after([](auto& b) { put(b, header + 4, 31u << 24); }) ==
          "damaged BTF: type 1 has kind 31, which is not known here");
    CHECK(fault_after([](auto& b) { put(b, header + 8, 400); }) ==
          "damaged BTF: type 1 is an integer of impossible size");
    CHECK(fault_after([](auto& b) { put(b, header + 20, BTF_KIND_STRUCT << 24 | 500); }) ==
          "damaged BTF: the last type is cut off");
}

TEST_CASE("more BTF than is ever needed is refused unread") {
    CHECK(fault(std::vector<std::byte>(5u << 20)) ==
          "its BTF has 5242880 bytes; at most 4194304 are read");
}
