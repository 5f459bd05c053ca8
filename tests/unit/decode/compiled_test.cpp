// SPDX-License-Identifier: BSD-2-Clause
#include <string_view>

#include <bpf/libbpf.h>

#include "decode/types.hpp"

using namespace dynmon;
using namespace dynmon::test;

namespace {

// .data of an object that the build made of kinds.bpf.c: the compiler's bytes and BTF.
class Compiled {
public:
    explicit Compiled(const char* file = DYNMON_TEST_KINDS)
        : object_(bpf_object__open_file(file, nullptr), bpf_object__close) {
        REQUIRE(object_);
        types_ = bpf_object__btf(object_.get());
        const bpf_map* map = nullptr;
        bpf_object__for_each_map(map, object_.get()) {
            if (std::string(bpf_map__name(map)).find(".data") != std::string::npos)
                data_ = static_cast<const std::byte*>(
                    bpf_map__initial_value(const_cast<bpf_map*>(map), &size_));
        }
        REQUIRE(data_);
        const __s32 id = btf__find_by_name_kind(types_, ".data", BTF_KIND_DATASEC);
        REQUIRE(id > 0);
        layout_ = build_layout(types_, static_cast<std::uint32_t>(id),
                               static_cast<std::uint32_t>(size_), "value");
    }

    std::string operator()(std::string_view variable, Style style = Style::decoded) const {
        const auto field = find_field(layout_, variable);
        REQUIRE(field);
        return json(*field, data_, style);
    }

private:
    std::unique_ptr<bpf_object, decltype(&bpf_object__close)> object_;
    const btf* types_ = nullptr;
    const std::byte* data_ = nullptr;
    std::size_t size_ = 0;
    Layout layout_;
};

} // namespace

TEST_CASE("what a compiler makes of every kind of type is decoded as it was written") {
    const Compiled value;
    CHECK(value("integers") ==
          R"({"s8":-128,"u8":255,"s16":-32768,"u16":65535,"s32":-2147483648,"u32":4294967295,)"
          R"("s64":-9223372036854775808,"u64":18446744073709551615,)"
          R"("s128":-1267650600228229401496703205376,)"
          R"("u128":340282366920938463463374607431768211455,"letter":65,"yes":true})");
    CHECK(value("bitfields") == R"({"a":-3,"b":1500,"c":"NEGATIVE","d":true,"e":737894400291,)"
                                R"("f":1073741823,"g":-65536})");
    CHECK(value("tcp") ==
          R"({"source":80,"dest":443,"seq":16909060,"ack_seq":0,"res1":0,"doff":5,"fin":0,"syn":1,)"
          R"("rst":0,"psh":0,"ack":1,"urg":0,"ece":0,"cwr":0,"window":0,"check":0,"urg_ptr":0})");
    CHECK(value("arrays") ==
          R"({"text":"lo","full":"abcd","raw":"0102ff","macs":["020000000001","020000000002"],)"
          R"("grid":[[1,2,3],[-4,-5,-6]],"points":[{"x":1,"y":2},{"x":3,"y":4}],)"
          R"("colors":["RED","GREEN",4],"words":["ab","cd"],"constant":[7,8]})");
    CHECK(value("unions") ==
          R"({"named":{"whole":67305985,"halves":[513,1027],"first":1,"rest":"020304"},)"
          R"("real":1.5,"low":0,"high":16320,"wrapped":{"inner":{"x":-1,"y":-2}}})");
    CHECK(value("odd") == R"({"a":1,"b":578437695752307201,"c":9})");
    CHECK(value("aligned") == R"({"a":1,"b":2})");
    CHECK(value("others") ==
          R"({"d":0.1,"f":0.1,"pointer":"0x0","color":"NEGATIVE","unknown":3,"small":"TINY",)"
          R"("addr":"10.0.0.1","be":80,"flags":"SYN|ACK","never":null,"nothing":{},"rest":[]})");
}

TEST_CASE("the same in bare numbers") {
    const Compiled value;
    CHECK(value("others", Style::raw) ==
          R"({"d":0.1,"f":0.1,"pointer":0,"color":-3,"unknown":3,"small":7,"addr":16777226,)"
          R"("be":20480,"flags":18,"never":0,"nothing":{},"rest":[]})");
}

TEST_CASE("bytes and texts of bpf-gcc are what they are of clang" *
          doctest::skip(std::string_view(DYNMON_TEST_KINDS_GCC).empty())) {
    const Compiled clang;
    const Compiled gcc(DYNMON_TEST_KINDS_GCC);
    for (const char* variable : {"integers", "bitfields", "arrays.text", "arrays.full",
                                 "arrays.raw", "arrays.points", "arrays.colors"})
        for (const Style style : {Style::decoded, Style::raw, Style::dynmon})
            CHECK(gcc(variable, style) == clang(variable, style));
}
