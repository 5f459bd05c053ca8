// SPDX-License-Identifier: BSD-2-Clause
#include <cmath>
#include <cstring>
#include <limits>

#include "decode/types.hpp"

using namespace dynmon;
using namespace dynmon::test;

namespace {

template <typename T>
std::string number(const Layout& layout, T value, Style style = Style::decoded) {
    REQUIRE(layout.size == sizeof value);
    return json(layout, raw(value), style);
}

std::string text(const Layout& layout, const std::string& content, Style style) {
    std::string padded = content;
    padded.resize(layout.size, '\0');
    return json(layout, reinterpret_cast<const std::byte*>(padded.data()), style);
}

std::vector<std::byte> from_hex(const std::string& hex) {
    std::vector<std::byte> result;
    for (std::size_t i = 0; i < hex.size(); i += 2)
        result.push_back(static_cast<std::byte>(std::stoi(hex.substr(i, 2), nullptr, 16)));
    return result;
}

} // namespace

TEST_CASE("integers of every size and sign are exact in every style") {
    Types t;
    for (const Style style : {Style::decoded, Style::raw, Style::dynmon}) {
        CHECK(number(t.layout(t.u8, 1), std::uint8_t{255}, style) == "255");
        CHECK(number(t.layout(t.s8, 1), std::int8_t{-128}, style) == "-128");
        CHECK(number(t.layout(t.c8, 1), 'A', style) == "65");
        CHECK(number(t.layout(t.u16, 2), std::uint16_t{65535}, style) == "65535");
        CHECK(number(t.layout(t.s16, 2), std::int16_t{-32768}, style) == "-32768");
        CHECK(number(t.layout(t.u32, 4), UINT32_MAX, style) == "4294967295");
        CHECK(number(t.layout(t.s32, 4), INT32_MIN, style) == "-2147483648");
        CHECK(number(t.layout(t.u64, 8), (1ull << 53) + 1, style) == "9007199254740993");
        CHECK(number(t.layout(t.u64, 8), UINT64_MAX, style) == "18446744073709551615");
        CHECK(number(t.layout(t.s64, 8), INT64_MIN, style) == "-9223372036854775808");
    }
    const Layout wide = t.layout(t.integer("__int128", 16, BTF_INT_SIGNED), 16);
    const Layout wide_unsigned = t.layout(t.integer("unsigned __int128", 16), 16);
    using i128 = __int128;
    CHECK(number(wide, i128{-1}) == "-1");
    CHECK(number(wide, static_cast<i128>(1) << 127) == "-170141183460469231731687303715884105728");
    CHECK(number(wide_unsigned, ~static_cast<unsigned __int128>(0)) ==
          "340282366920938463463374607431768211455");
    CHECK(number(wide_unsigned, static_cast<unsigned __int128>(1) << 64) == "18446744073709551616");
}

TEST_CASE("every count of digits is written right") {
    Types t;
    const Layout u16 = t.layout(t.u16, 2);
    const Layout u32 = t.layout(t.u32, 4);
    const Layout u64 = t.layout(t.u64, 8);
    for (unsigned value = 0; value <= 65535; ++value)
        REQUIRE(number(u16, static_cast<std::uint16_t>(value)) == std::to_string(value));
    std::uint64_t power = 1;
    for (int digits = 0; digits < 20; ++digits, power *= 10) {
        for (const std::uint64_t value : {power - 1, power, power + 1, power * 7 + 3}) {
            CHECK(number(u64, value) == std::to_string(value));
            const auto narrow = static_cast<std::uint32_t>(value);
            CHECK(number(u32, narrow) == std::to_string(narrow));
        }
    }
}

TEST_CASE("booleans are words, and what is stored when raw") {
    Types t;
    const Layout layout = t.layout(t.b8, 1);
    CHECK(number(layout, std::uint8_t{0}) == "false");
    CHECK(number(layout, std::uint8_t{1}) == "true");
    CHECK(number(layout, std::uint8_t{2}, Style::dynmon) == "true");
    CHECK(number(layout, std::uint8_t{2}, Style::raw) == "2");
}

TEST_CASE("enums show the name, or the number of a value without one") {
    Types t;
    const int sparse = btf__add_enum(t.edit(), "color", 4);
    btf__add_enum_value(t.edit(), "RED", 1);
    btf__add_enum_value(t.edit(), "ALSO_RED", 1);
    btf__add_enum_value(t.edit(), "NONE", -1);
    btf__add_enum_value(t.edit(), "BLUE", 1000000);
    const Layout color = t.layout(sparse, 4);
    CHECK(number(color, 1) == R"("RED")");
    CHECK(number(color, -1) == R"("NONE")");
    CHECK(number(color, 1000000, Style::dynmon) == R"("BLUE")");
    CHECK(number(color, 1, Style::raw) == "1");
    CHECK(number(color, 2) == "2");
    CHECK(number(color, -7) == "-7");

    const int wide = btf__add_enum64(t.edit(), "wide", 8, false);
    btf__add_enum64_value(t.edit(), "TOP", 1ull << 63);
    btf__add_enum64_value(t.edit(), "LOW", 3);
    CHECK(number(t.layout(wide, 8), 1ull << 63) == R"("TOP")");
    CHECK(number(t.layout(wide, 8), UINT64_MAX) == "18446744073709551615");

    const int negative = btf__add_enum64(t.edit(), "negative", 8, true);
    btf__add_enum64_value(t.edit(), "MINUS", static_cast<__u64>(-5));
    CHECK(number(t.layout(negative, 8), std::int64_t{-5}) == R"("MINUS")");
    CHECK(number(t.layout(negative, 8), std::int64_t{-6}) == "-6");

    const int flags = btf__add_enum(t.edit(), "flags", 4); // as clang 14 writes it: no sign flag
    btf__add_enum_value(t.edit(), "F_ONE", 1);
    auto* type = const_cast<btf_type*>(btf__type_by_id(t.get(), static_cast<__u32>(flags)));
    btf_enum(type)->val = INT32_MIN;
    CHECK(number(t.layout(flags, 4), 0x80000000u) == R"("F_ONE")");
    CHECK(number(t.layout(flags, 4), 0x80000001u) == "2147483649");
    btf_enum(type)->val = -2;
    CHECK(number(t.layout(flags, 4), -2) == R"("F_ONE")");
    CHECK(number(t.layout(flags, 4), -3) == "-3");

    const int small = btf__add_enum(t.edit(), "packed", 1);
    btf__add_enum_value(t.edit(), "A", 200);
    CHECK(number(t.layout(small, 1), std::uint8_t{200}) == R"("A")");
    CHECK(number(t.layout(btf__add_enum(t.edit(), "forward", 4), 4), 5) == "5");
}

TEST_CASE("bitfields of every kind, across bytes and with sign") {
    Types t;
    const int mode = btf__add_enum(t.edit(), "mode", 4);
    btf__add_enum_value(t.edit(), "OFF", 0);
    btf__add_enum_value(t.edit(), "ON", 1);
    const int level = btf__add_enum(t.edit(), "level", 4);
    btf__add_enum_value(t.edit(), "LOW", -1);
    btf__add_enum_value(t.edit(), "HIGH", 1);
    const int type = t.group("bits", 8,
                             {{"a", t.s32, 0, 4},
                              {"b", t.u32, 4, 9},
                              {"c", t.b8, 13, 1},
                              {"d", mode, 14, 2},
                              {"e", level, 16, 2},
                              {"f", t.u64, 18, 46}});
    const Layout layout = t.layout(type, 8);
    // a = -3, b = 300, c = true, d = ON, e = LOW, f = 2^45 + 1
    std::uint64_t value =
        0xd | 300ull << 4 | 1ull << 13 | 1ull << 14 | 3ull << 16 | ((1ull << 45) + 1) << 18;
    CHECK(number(layout, value) ==
          R"({"a":-3,"b":300,"c":true,"d":"ON","e":"LOW","f":35184372088833})");
    CHECK(number(layout, value, Style::raw) ==
          R"({"a":-3,"b":300,"c":1,"d":1,"e":-1,"f":35184372088833})");
    value = 0x7 | 0x1ffull << 4 | 2ull << 14 | 2ull << 16;
    CHECK(number(layout, value) == R"({"a":7,"b":511,"c":false,"d":2,"e":-2,"f":0})");

    const int wide = t.integer("unsigned __int128", 16);
    const Layout odd = t.layout(t.group("odd", 17, {{"x", t.u8, 0, 4}, {"y", wide, 4, 128}}), 17);
    CHECK(json(odd, from_hex("f2" + std::string(30, 'f') + "0f")) ==
          R"({"x":2,"y":340282366920938463463374607431768211455})");
}

TEST_CASE("reals are the shortest that reads back, and null where JSON has no word") {
    Types t;
    const Layout f64 = t.layout(btf__add_float(t.edit(), "double", 8), 8);
    const Layout f32 = t.layout(btf__add_float(t.edit(), "float", 4), 4);
    CHECK(number(f64, 0.1) == "0.1");
    CHECK(number(f32, 0.1f) == "0.1");
    CHECK(number(f64, 1.0) == "1.0");
    CHECK(number(f64, -0.0) == "-0.0");
    CHECK(number(f64, 123456789012345.0) == "123456789012345.0");
    CHECK(number(f64, 1e15) == "1e+15");
    CHECK(number(f64, 0.0001) == "0.0001");
    CHECK(number(f64, 1.5e-7) == "1.5e-07");
    CHECK(number(f64, std::numeric_limits<double>::max()) == "1.7976931348623157e+308");
    CHECK(number(f64, std::numeric_limits<double>::denorm_min()) == "5e-324");
    for (const Style style : {Style::decoded, Style::dynmon}) {
        CHECK(number(f64, std::nan(""), style) == "null");
        CHECK(number(f64, HUGE_VAL, style) == "null");
        CHECK(number(f32, -HUGE_VALF, style) == "null");
    }
    CHECK(number(f64, std::nan("7"), Style::raw) == R"("0x7ff8000000000007")");
    CHECK(number(f64, HUGE_VAL, Style::raw) == R"("0x7ff0000000000000")");
    CHECK(number(f32, -HUGE_VALF, Style::raw) == R"("0xff800000")");
    const Layout half = t.layout(btf__add_float(t.edit(), "_Float16", 2), 2);
    CHECK(number(half, std::uint16_t{0x3e00}) == "1.5");
    CHECK(number(half, std::uint16_t{0xfbff}) == "-65504.0");
    CHECK(number(half, std::uint16_t{0x7e01}) == "null");
    CHECK(number(half, std::uint16_t{0x7e01}, Style::raw) == R"("0x7e01")");
}

TEST_CASE("reals that the host has no type for are their bytes, in every style") {
    Types t;
    const Layout odd = t.layout(btf__add_float(t.edit(), "long double", 16), 16);
    const Layout brain = t.layout(btf__add_float(t.edit(), "__bf16", 2), 2);
    for (const Style style : {Style::decoded, Style::raw, Style::dynmon}) {
        CHECK(json(odd, from_hex("000102030405060708090a0b0c0d0e0f"), style) ==
              R"("000102030405060708090a0b0c0d0e0f")");
        CHECK(json(brain, from_hex("803f"), style) == R"("803f")");
    }
}

TEST_CASE("pointers are hexadecimal for people and numbers otherwise") {
    Types t;
    const Layout layout = t.layout(btf__add_ptr(t.edit(), t.u32), 8);
    CHECK(number(layout, 0xffff888100000000ull) == R"("0xffff888100000000")");
    CHECK(number(layout, 0xffff888100000000ull, Style::raw) == "18446612686364999680");
    CHECK(number(layout, std::uint64_t{0}) == R"("0x0")");
}

TEST_CASE("a pointer has 8 bytes also where no type of the BTF says how long `long` is") {
    Types t;
    const int type = btf__add_ptr(t.edit(), t.u32);
    std::uint32_t size = 0;
    const void* raw = btf__raw_data(t.get(), &size);
    const std::unique_ptr<btf, void (*)(btf*)> read(btf__new(raw, size), btf__free);
    REQUIRE(read != nullptr);
    const Layout layout = build_layout(read.get(), static_cast<std::uint32_t>(type), 8, "value");
    CHECK(layout.size == 8);
    CHECK(number(layout, 0x1234ull) == R"("0x1234")");
}

TEST_CASE("char[] is text that ends at NUL or at the end, always valid JSON") {
    Types t;
    const Layout layout = t.layout(t.array(t.c8, 8), 8);
    CHECK(text(layout, "eth0", Style::decoded) == R"("eth0")");
    CHECK(text(layout, "12345678", Style::decoded) == R"("12345678")");
    CHECK(text(layout, "", Style::decoded) == R"("")");
    CHECK(text(layout, std::string("a\0b", 3), Style::decoded) == R"("a")");
    CHECK(text(layout, "q\"\\\n\x01\x7f", Style::decoded) == "\"q\\\"\\\\\\n\\u0001\x7f\"");
    CHECK(text(layout, "\xc3\xa4\xe2\x82\xac", Style::decoded) == "\"\xc3\xa4\xe2\x82\xac\"");
    CHECK(text(layout, "\xff\xc3(", Style::decoded) == "\"\xef\xbf\xbd\xef\xbf\xbd(\"");
}

TEST_CASE("raw char[] loses nothing: text where text is all of it, hexadecimal otherwise") {
    Types t;
    const Layout layout = t.layout(t.alias("name_t", t.array(t.c8, 4)), 4);
    CHECK(text(layout, "eth0", Style::raw) == R"("eth0")");
    CHECK(text(layout, "lo", Style::raw) == R"("lo")");
    CHECK(text(layout, std::string("a\0b", 3), Style::raw) == R"("0x61006200")");
    CHECK(text(layout, "\xff", Style::raw) == R"("0xff000000")");
    CHECK(text(layout, "0x1", Style::raw) == R"("0x30783100")");
}

TEST_CASE("unsigned char[] is hexadecimal, and a list of numbers when raw") {
    Types t;
    const Layout layout = t.layout(t.array(t.u8, 4), 4);
    CHECK(text(layout, "\x02\xab", Style::decoded) == R"("02ab0000")");
    CHECK(text(layout, "\x02\xab", Style::raw) == "[2,171,0,0]");
    const Layout rows = t.layout(t.array(t.array(t.u8, 2), 2), 4);
    CHECK(text(rows, "\x02\xab", Style::decoded) == R"(["02ab","0000"])");
    CHECK(text(t.layout(t.array(t.s8, 2), 2), "\xff\x01", Style::decoded) == "[-1,1]");
    CHECK(text(t.layout(t.array(t.c8, 0), 0), "", Style::decoded) == "[]");
    CHECK(text(t.layout(t.array(t.b8, 2), 2), "\x01", Style::decoded) == "[true,false]");
}

TEST_CASE("Dynmon took unsigned char[] for text and char[] for numbers") {
    Types t;
    CHECK(text(t.layout(t.array(t.u8, 4), 4), "abc", Style::dynmon) == R"("abc")");
    CHECK(text(t.layout(t.array(t.u8, 4), 4), "abcd", Style::dynmon) == R"("abcd")");
    CHECK(text(t.layout(t.array(t.s8, 4), 4), "\xff", Style::dynmon) == "\"\xef\xbf\xbd\"");
    CHECK(text(t.layout(t.array(t.c8, 4), 4), "abc", Style::dynmon) == "[97,98,99,0]");
    const int mac = t.group(nullptr, 6, {{"bytes", t.array(t.u8, 6), 0}});
    CHECK(text(t.layout(t.alias("dynmon_mac_t", mac), 6), "\x02", Style::dynmon) ==
          "{\"bytes\":\"\\u0002\"}");
    const Layout port = t.layout(t.alias("dynmon_port_t", t.u16), 2);
    CHECK(json(port, bytes({0x01, 0xbb}), Style::dynmon) == "47873");
}

TEST_CASE("structs, unions, anonymous members and arrays of all of them nest as they do in C") {
    Types t;
    const int item = t.group("item", 4, {{"n", t.u16, 0}, {"m", t.u16, 16}});
    const int arms = t.one_of("arms", 4, {{"whole", t.u32, 0}, {"parts", t.array(t.u16, 2), 0}});
    const int hidden_union = t.one_of(nullptr, 4, {{"u", t.u32, 0}, {"v", item, 0}});
    const int hidden = t.group(nullptr, 8, {{"h", t.u32, 0}, {nullptr, hidden_union, 32}});
    const int type = t.group("s", 36,
                             {{"items", t.array(item, 2), 0},
                              {"arms", arms, 64},
                              {nullptr, hidden, 96},
                              {"grid", t.array(t.array(t.u16, 3), 2), 160},
                              {"none", t.group("none", 0, {}), 256},
                              {"last", t.u32, 256}});
    std::vector<std::byte> value(36);
    for (std::size_t i = 0; i < value.size(); i += 2)
        value[i] = static_cast<std::byte>(i / 2 + 1);
    const char* expected =
        R"({"items":[{"n":1,"m":2},{"n":3,"m":4}],"arms":{"whole":393221,"parts":[5,6]},)"
        R"("h":524295,"u":655369,"v":{"n":9,"m":10},"grid":[[11,12,13],[14,15,16]],"none":{},)"
        R"("last":1179665})";
    for (const Style style : {Style::decoded, Style::raw, Style::dynmon})
        CHECK(json(t.layout(type, 36), value, style) == expected);
}

TEST_CASE("packed and aligned layouts are read where they are") {
    Types t;
    const int packed = t.group("packed", 11, {{"a", t.u8, 0}, {"b", t.u64, 8}, {"c", t.u16, 72}});
    CHECK(json(t.layout(packed, 11), bytes({1, 2, 0, 0, 0, 0, 0, 0, 0, 3, 0})) ==
          R"({"a":1,"b":2,"c":3})");
    const int aligned = t.group("aligned", 16, {{"a", t.u8, 0}, {"b", t.u8, 64}});
    CHECK(json(t.layout(aligned, 16), bytes({1, 9, 9, 9, 9, 9, 9, 9, 2, 9, 9, 9, 9, 9, 9, 9})) ==
          R"({"a":1,"b":2})");
}

TEST_CASE("a flexible array at the end is an empty list") {
    Types t;
    const int type = t.group("s", 4, {{"n", t.u32, 0}, {"rest", t.array(t.u64, 0), 32}});
    CHECK(json(t.layout(type, 4), bytes({1, 0, 0, 0})) == R"({"n":1,"rest":[]})");
}

TEST_CASE("long arrays and literals are written whole") {
    Types t;
    const std::string name(300, 'n');
    const int type =
        t.group("s", 4004, {{name.c_str(), t.array(t.u32, 1000), 0}, {"z", t.u32, 32000}});
    std::vector<std::uint32_t> value(1001);
    std::string expected = "{\"" + name + "\":[";
    for (std::uint32_t i = 0; i < 1000; ++i) {
        value[i] = i * 4000037u;
        expected += (i ? "," : "") + std::to_string(value[i]);
    }
    value[1000] = 5;
    expected += "],\"z\":5}";
    CHECK(json(t.layout(type, 4004), reinterpret_cast<const std::byte*>(value.data())) == expected);
    const std::string story(5000, 'x');
    CHECK(text(t.layout(t.array(t.c8, 6000), 6000), story, Style::decoded) == '"' + story + '"');
}

TEST_CASE("what the kernel keeps for itself is called by its name, and null when raw") {
    Types t;
    const int lock = t.group("bpf_spin_lock", 4, {{"val", t.u32, 0}});
    const int timer = t.group("bpf_timer", 16, {{"a", t.u64, 0}, {"b", t.u64, 64}});
    const int unknown = btf__add_fwd(t.edit(), "task_struct", BTF_FWD_STRUCT);
    const int kptr = btf__add_ptr(t.edit(), btf__add_type_tag(t.edit(), "kptr_untrusted", unknown));
    const int nameless = btf__add_ptr(t.edit(), btf__add_type_tag(t.edit(), "kptr", 0));
    const int type = t.group("s", 40,
                             {{"lock", t.alias("lock_t", lock), 0},
                              {"n", t.u32, 32},
                              {"timer", timer, 64},
                              {"task", kptr, 192},
                              {"any", nameless, 256}});
    const Layout layout = t.layout(type, 40);
    const std::vector<std::byte> value(40, std::byte{1});
    CHECK(json(layout, value) ==
          R"({"lock":"bpf_spin_lock","n":16843009,"timer":"bpf_timer","task":"task_struct *",)"
          R"("any":"void *"})");
    for (const Style style : {Style::raw, Style::dynmon})
        CHECK(json(layout, value, style) ==
              R"({"lock":null,"n":16843009,"timer":null,"task":null,"any":null})");
    const ColumnPlan columns(layout, "value", Style::decoded); // their names say nothing there
    CHECK(columns.names() == std::vector<std::string>{"value.n"});
}

TEST_CASE("a pointer to what is declared only is a pointer, a value of it is refused") {
    Types t;
    const int unknown = btf__add_fwd(t.edit(), "hidden", BTF_FWD_STRUCT);
    const Layout pointer = t.layout(btf__add_ptr(t.edit(), unknown), 8);
    CHECK(number(pointer, std::uint64_t{0x10}) == R"("0x10")");
    const int type = t.group("s", 8, {{"n", t.u64, 0}, {"x", unknown, 64}});
    CHECK(fault([&] { t.layout(type, 8); }) ==
          "value.x: 'hidden' is declared only: the types do not say what is in it");
}

TEST_CASE("integers of more than 53 bits become strings where a reader asks for it") {
    Types t;
    const int wide_enum = btf__add_enum64(t.edit(), "wide", 8, false);
    btf__add_enum64_value(t.edit(), "ONE", 1);
    const int type = t.group("s", 72,
                             {{"u64", t.u64, 0},
                              {"s64", t.s64, 64},
                              {"u32", t.u32, 128},
                              {"f53", t.u64, 192, 53},
                              {"f54", t.u64, 256, 54},
                              {"u128", t.integer("unsigned __int128", 16), 384},
                              {"be", t.alias("__be64", t.u64), 320},
                              {"list", t.array(wide_enum, 1), 512}});
    const Layout layout = t.layout(type, 72);
    std::vector<std::byte> value(72);
    for (const std::size_t at : {0, 8, 16, 24, 32, 47, 48, 64})
        value[at] = std::byte{1};
    const auto shown = [&](Style style) {
        std::string text;
        JsonPlan(layout, style, {}, {}, true).append(value.data(), text);
        CHECK(nlohmann::json::accept(text));
        return text;
    };
    CHECK(shown(Style::decoded) ==
          R"({"u64":"1","s64":"1","u32":1,"f53":1,"f54":"1","u128":"1","be":"1","list":["ONE"]})");
    CHECK(shown(Style::raw) == R"({"u64":"1","s64":"1","u32":1,"f53":1,"f54":"1","u128":"1",)"
                               R"("be":"72057594037927936","list":["1"]})");
    CHECK(shown(Style::dynmon).find("\"1\"") == std::string::npos);
    value[64] = std::byte{2};
    CHECK(shown(Style::decoded).ends_with(R"("list":["2"]})")); // a name or a number, but a string
}

TEST_CASE("meanings are written as people write them, and as stored when raw") {
    Types t;
    const int bytes16 = t.group(nullptr, 16, {{"b", t.array(t.u8, 16), 0}});
    const int bytes6 = t.group(nullptr, 6, {{"b", t.array(t.u8, 6), 0}});
    struct Case {
        const char* type;
        int base;
        std::uint32_t size;
        const char* hex;
        const char* people;
        const char* raw;
    };
    const Case cases[] = {
        {"dynmon_ipv4_t", t.u32, 4, "0a000001", R"("10.0.0.1")", "16777226"},
        {"dynmon_ipv4_t", t.u32, 4, "ffffffff", R"("255.255.255.255")", "4294967295"},
        {"dynmon_port_t", t.u16, 2, "01bb", "443", "47873"},
        {"dynmon_proto_t", t.u8, 1, "06", R"("TCP")", "6"},
        {"dynmon_proto_t", t.u8, 1, "3a", R"("IPv6-ICMP")", "58"},
        {"dynmon_proto_t", t.u8, 1, "fd", "253", "253"},
        {"dynmon_tcp_flags_t", t.u8, 1, "12", R"("SYN|ACK")", "18"},
        {"dynmon_tcp_flags_t", t.u8, 1, "00", R"("")", "0"},
        {"dynmon_tcp_flags_t", t.u8, 1, "ff", R"("FIN|SYN|RST|PSH|ACK|URG|ECE|CWR")", "255"},
        {"dynmon_tcp_flags_t", t.u16, 2, "0201", R"("SYN|AE")", "258"},
        {"dynmon_ifindex_t", t.u32, 4, "07000000", "7", "7"},
        {"dynmon_mac_t", bytes6, 6, "0242ac110002", R"("02:42:ac:11:00:02")",
         R"({"b":[2,66,172,17,0,2]})"},
        {"dynmon_ip_t", bytes16, 16, "00000000000000000000ffff0a000001", R"("10.0.0.1")",
         R"({"b":[0,0,0,0,0,0,0,0,0,0,255,255,10,0,0,1]})"},
        {"dynmon_ip_t", bytes16, 16, "20010db8000000000000000000000001", R"("2001:db8::1")",
         R"({"b":[32,1,13,184,0,0,0,0,0,0,0,0,0,0,0,1]})"},
        {"dynmon_ipv6_t", bytes16, 16, "00000000000000000000ffff0a000001", R"("::ffff:10.0.0.1")",
         R"({"b":[0,0,0,0,0,0,0,0,0,0,255,255,10,0,0,1]})"},
        {"dynmon_time_ns_t", t.u64, 8, "157b69b1bce9e918", R"("2026-11-21T01:02:03.123456789Z")",
         "1795222923123456789"},
        {"dynmon_time_ns_t", t.u64, 8, "0000000000000000", "null", "0"},
        {"dynmon_time_ns_t", t.u64, 8, "ffffffffffffffff", R"("2554-07-21T23:34:33.709551615Z")",
         "18446744073709551615"},
        {"dynmon_time_ns_t", t.s64, 8, "ffffffffffffffff", R"("1969-12-31T23:59:59.999999999Z")",
         "-1"},
        {"dynmon_duration_ns_t", t.u64, 8, "80b2e60e00000000", R"("0.25s")", "250000000"},
        {"dynmon_duration_ns_t", t.u64, 8, "0000000000000000", R"("0s")", "0"},
        {"dynmon_duration_ns_t", t.s64, 8, "ffffffffffffffff", R"("-0.000000001s")", "-1"},
        {"__be16", t.u16, 2, "0102", "258", "513"},
        {"__be32", t.u32, 4, "00000102", "258", "33619968"},
        {"__be64", t.u64, 8, "0000000000000102", "258", "144396663052566528"},
    };
    for (const Case& c : cases) {
        CAPTURE(c.type);
        CAPTURE(c.hex);
        const std::vector<std::byte> value = from_hex(c.hex);
        const Layout layout = t.layout(t.alias(c.type, c.base), c.size);
        CHECK(json(layout, value) == c.people);
        CHECK(json(layout, value, Style::raw) == c.raw);
    }
    const Layout signed_be = t.layout(t.s32, 4, {{"value", "big_endian"}});
    CHECK(json(signed_be, from_hex("fffffffe")) == "-2");
    const Layout letter = t.layout(t.c8, 1, {{"value", "text"}});
    CHECK(json(letter, from_hex("41")) == R"("A")");
    const Layout as_hex = t.layout(t.u32, 4, {{"value", "hex"}});
    CHECK(json(as_hex, from_hex("deadbeef")) == R"("0xefbeadde")");
}

TEST_CASE("IPv6 addresses follow RFC 5952") {
    Types t;
    const Layout layout = t.layout(t.array(t.u8, 16), 16, {{"value", "ipv6"}});
    const std::pair<const char*, const char*> cases[] = {
        {"00000000000000000000000000000000", "::"},
        {"00000000000000000000000000000001", "::1"},
        {"fe800000000000000000000000000000", "fe80::"},
        {"20010db8000000000001000000000001", "2001:db8::1:0:0:1"},
        {"20010db8000100010001000100000001", "2001:db8:1:1:1:1:0:1"},
        {"20010db80000000100000000000000ab", "2001:db8:0:1::ab"},
        {"ffffffffffffffffffffffffffffffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
        {"00010002000300040005000600070000", "1:2:3:4:5:6:7:0"},
        {"00000000000300040005000600000000", "::3:4:5:6:0:0"},
    };
    for (const auto& [hex, expected] : cases)
        CHECK(json(layout, from_hex(hex)) == '"' + std::string(expected) + '"');
}

TEST_CASE("text around a value belongs to the plan") {
    Types t;
    const JsonPlan plan(t.layout(t.u32, 4), Style::raw, "{\"key\":", "}");
    std::string out = "x";
    plan.append(bytes({5, 0, 0, 0}).data(), out);
    CHECK(out == "x{\"key\":5}");
}
