// SPDX-License-Identifier: BSD-2-Clause
#include <cstring>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "base/error.hpp"
#include "decode/parameters.hpp"
#include "manifest/manifest.hpp"
#include "object/object.hpp"
#include "object/test_objects.hpp"

using namespace dynmon;

namespace {

const Object& sample() {
    static const Object object = test::parse_object("sample");
    return object;
}

// The one value that is set, as the number its bytes make.
template <typename Number>
Number set(const std::string& assignment) {
    const auto values = resolve_parameters({}, sample(), {assignment});
    REQUIRE(values.size() == 1);
    REQUIRE(values[0].bytes.size() == sizeof(Number));
    Number number;
    std::memcpy(&number, values[0].bytes.data(), sizeof number);
    return number;
}

std::vector<int> bytes_of(const std::string& assignment) {
    std::vector<int> bytes;
    const auto values = resolve_parameters({}, sample(), {assignment});
    for (std::byte byte : values.at(0).bytes)
        bytes.push_back(std::to_integer<int>(byte));
    return bytes;
}

std::string fault(const std::vector<std::string>& assignments, const Manifest& manifest = {}) {
    try {
        resolve_parameters(manifest, sample(), assignments);
        return "";
    } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::usage);
        return error.what();
    }
}

std::string hint(const std::string& assignment) {
    try {
        resolve_parameters({}, sample(), {assignment});
        return "";
    } catch (const Error& error) {
        return error.hint();
    }
}

Manifest parameters(const std::string& list) {
    return parse_manifest("name: x\negress-path: {}\nparameters: " + list + "\n").manifest;
}

} // namespace

TEST_CASE("every scalar type takes its smallest and its largest value") {
    CHECK(set<std::uint8_t>("p_u8=255") == 255);
    CHECK(set<std::uint16_t>("p_u16=65535") == 65535);
    CHECK(set<std::uint32_t>("p_u32=4294967295") == 4294967295);
    CHECK(set<std::uint64_t>("p_u64=18446744073709551615") == 18446744073709551615ull);
    CHECK(set<std::int8_t>("p_s8=-128") == -128);
    CHECK(set<std::int16_t>("p_s16=-32768") == -32768);
    CHECK(set<std::int32_t>("p_s32=-2147483648") == -2147483648ll);
    CHECK(set<std::int64_t>("p_s64=-9223372036854775808") == INT64_MIN);
    CHECK(set<std::int64_t>("p_s64=9223372036854775807") == INT64_MAX);
    CHECK(set<std::uint8_t>("p_bool=1") == 1);
    CHECK(set<std::int8_t>("p_char=-1") == -1);
    CHECK(set<std::uint32_t>("p_typedef=3") == 3);
    CHECK(set<std::uint32_t>("p_swapped=4") == 4);
}

TEST_CASE("numbers are read as people write them") {
    CHECK(set<std::uint32_t>("p_u32=0xFf") == 255);
    CHECK(set<std::uint32_t>("p_u32=10k") == 10'000);
    CHECK(set<std::uint32_t>("p_u32=2M") == 2'000'000);
    CHECK(set<std::uint64_t>("p_u64=3G") == 3'000'000'000);
    CHECK(set<std::uint64_t>("p_u64=5s") == 5'000'000'000);
    CHECK(set<std::uint64_t>("p_u64=250ms") == 250'000'000);
    CHECK(set<std::uint64_t>("p_u64=7us") == 7'000);
    CHECK(set<std::uint64_t>("p_u64=9ns") == 9);
    CHECK(set<std::int32_t>("p_s32=-1k") == -1'000);
    CHECK(set<std::uint32_t>("p_u32=+5") == 5);
    CHECK(set<std::uint32_t>("p_u32=true") == 1);
    CHECK(set<std::uint8_t>("p_bool=false") == 0);
    CHECK(set<char>("p_char='y'") == 'y');
    CHECK(set<std::uint8_t>("p_u8='A'") == 65);
}

TEST_CASE("enums take their names and their values") {
    CHECK(set<std::int32_t>("p_color=BLUE") == -7);
    CHECK(set<std::int32_t>("p_color=2") == 2);
    CHECK(set<std::uint32_t>("p_flavour=SOUR") == 1);
    CHECK(fault({"p_color=PINK"}) == "parameter 'p_color': 'PINK' is not BLUE, RED or GREEN");
    CHECK(fault({"p_color=3"}) == "parameter 'p_color': '3' is not BLUE, RED or GREEN");
}

TEST_CASE("what stands in network order in a packet is set in network order") {
    CHECK(bytes_of("p_port=443") == std::vector<int>{1, 187});
    CHECK(bytes_of("p_peer=10.0.0.1") == std::vector<int>{10, 0, 0, 1});
    CHECK(fault({"p_peer=10.0.0.256"}).starts_with("parameter 'p_peer': '10.0.0.256' is not"));
}

TEST_CASE("a duration has a unit, and is stored in that of its type") {
    CHECK(set<std::uint64_t>("p_pause=30s") == 30'000'000'000);
    CHECK(set<std::uint64_t>("p_pause=9ns") == 9);
    CHECK(set<std::uint64_t>("p_pause=5m") == 300'000'000'000);
    CHECK(set<std::uint64_t>("p_pause=2h") == 7'200'000'000'000);
    CHECK(set<std::uint64_t>("p_pause=1d") == 86'400'000'000'000);
    CHECK(set<std::uint64_t>("p_pause=0") == 0);
    CHECK(set<std::uint32_t>("p_pause_us=250ms") == 250'000);
    CHECK(fault({"p_pause=30"}) ==
          "parameter 'p_pause': '30' is not a duration such as 30s, 250ms, 5m or 0");
    for (const char* text : {"", "s", "m", "10k", "-5s", "1.5s", "5x", "0x5s", "5ms m", "5mm", "5M",
                             "999999999999s", "999999999999999999999d"})
        CHECK_MESSAGE(fault({std::string("p_pause=") + text}) != "", text);
    CHECK(fault({"p_pause_us=1ns"}) != "");
    CHECK(fault({"p_pause_us=2h"}) != ""); // 7.2 * 10^9 us
}

TEST_CASE("a value beyond the type is refused with the type and its range") {
    CHECK(fault({"p_u8=256"}) == "parameter 'p_u8': '256' is not a number from 0 to 255 (__u8)");
    CHECK(fault({"p_u8=-1"}) == "parameter 'p_u8': '-1' is not a number from 0 to 255 (__u8)");
    CHECK(fault({"p_s16=32768"}) ==
          "parameter 'p_s16': '32768' is not a number from -32768 to 32767 (__s16)");
    CHECK(fault({"p_u64=18446744073709551616"}) ==
          "parameter 'p_u64': '18446744073709551616' is not a number from 0 to "
          "18446744073709551615 (__u64)");
    CHECK(fault({"p_s64=9223372036854775808"}) != "");
    CHECK(fault({"p_u64=" + std::string(1000, '9')}) != "");
    CHECK(fault({"p_u64=99999999999999999999G"}) != "");
    CHECK(fault({"p_bool=2"}) == "parameter 'p_bool': '2' is not true or false");
}

TEST_CASE("what is no number at all is refused") {
    for (const char* text : {"", "x", "1x", "0x", "0x1k", "k", "-", "1.5", "1 ", " 1", "--1", "''",
                             "'ab'", "1e3", "0b1", "1kk"}) {
        CHECK_MESSAGE(fault({std::string("p_u8=") + text}) != "", text);
    }
    CHECK(fault({"p_u32='A'"}) != "");
}

TEST_CASE("what cannot be set is named, with the nearest that can") {
    CHECK(fault({"p_u9=1"}) == "no parameter 'p_u9' in sample.bpf.o");
    CHECK(hint("p_u9=1") == "did you mean 'p_u8'?");
    CHECK(fault({"dynmon_slot=1"}) == "no parameter 'dynmon_slot' in sample.bpf.o");
    CHECK(fault({"plain_const=1"}) == "no parameter 'plain_const' in sample.bpf.o");
    CHECK(fault({"p_array=1"}) ==
          "parameter 'p_array': 'p_array' is no integer, bool, char or enum");
    CHECK(fault({"p_struct=1"}) ==
          "parameter 'p_struct': 'p_struct' is no integer, bool, char or enum");
    CHECK(fault({"p_u8"}) == "'p_u8' sets nothing");
    CHECK(fault({"=1"}) == "'=1' sets nothing");
    CHECK(fault({"p_u8=1", "p_u8=2"}) == "parameter 'p_u8' is set twice");
}

TEST_CASE("defaults of the manifest hold until they are overridden, in its order") {
    const Manifest manifest =
        parameters("[{name: p_u32, default: 10}, {name: p_u8}, {name: p_u16, default: 0x10}]");
    const auto values = resolve_parameters(manifest, sample(), {"p_s8=-1", "p_u16=5"});
    std::vector<std::string> texts;
    for (const GlobalValue& value : values)
        texts.push_back(value.name + "=" + value.text);
    CHECK(texts == std::vector<std::string>{"p_u32=10", "p_u16=5", "p_s8=-1"});
    CHECK(resolve_parameters({}, sample(), {}).empty());
}

TEST_CASE("the manifest's range holds within that of the type") {
    const Manifest manifest = parameters("[{name: p_s32, min: -5, max: 1k}]");
    CHECK(fault({"p_s32=-5"}, manifest).empty());
    CHECK(fault({"p_s32=1000"}, manifest).empty());
    CHECK(fault({"p_s32=-6"}, manifest) == "parameter 'p_s32': '-6' is below the minimum -5");
    CHECK(fault({"p_s32=1001"}, manifest) == "parameter 'p_s32': '1001' is above the maximum 1k");
}
