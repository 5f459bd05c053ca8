// SPDX-License-Identifier: BSD-2-Clause
// Formats of a manifest that need more than a name: enums, flags, units, network order.
#include "decode/types.hpp"

using namespace dynmon;
using namespace dynmon::test;

namespace {

class Enums : public Types {
public:
    Enums() {
        btf__add_enum(edit(), "state", 4);
        btf__add_enum_value(edit(), "BROKEN", -1);
        btf__add_enum_value(edit(), "IDLE", 1);
        btf__add_enum_value(edit(), "BUSY", 300);
        btf__add_enum(edit(), "option", 4);
        btf__add_enum_value(edit(), "NONE", 0);
        btf__add_enum_value(edit(), "FAST", 1);
        btf__add_enum_value(edit(), "BOTH", 3);
        btf__add_enum_value(edit(), "SAFE", 2);
        btf__add_enum_value(edit(), "MODE", 0x30);
        btf__add_enum_value(edit(), "TOP", INT32_MIN);
    }
    // An enum without a name that a typedef gives one.
    void name_levels() {
        const int levels = btf__add_enum(edit(), nullptr, 4);
        btf__add_enum_value(edit(), "LOW", 1);
        alias("levels_t", levels);
    }

    std::string shown(int type, std::initializer_list<unsigned> value, const char* format,
                      Style style = Style::decoded) const {
        const auto stored = bytes(value);
        return json(layout(type, static_cast<std::uint32_t>(stored.size()), {{"value", format}}),
                    stored, style);
    }
};

} // namespace

TEST_CASE("enum:NAME gives an integer the names of an enum, whatever its width and sign") {
    Enums t;
    CHECK(t.shown(t.u32, {1, 0, 0, 0}, "enum:state") == R"("IDLE")");
    CHECK(t.shown(t.u32, {0xff, 0xff, 0xff, 0xff}, "enum:state") == R"("BROKEN")");
    CHECK(t.shown(t.s32, {0xff, 0xff, 0xff, 0xff}, "enum:state") == R"("BROKEN")");
    CHECK(t.shown(t.u8, {0xff}, "enum:state") == R"("BROKEN")");
    CHECK(t.shown(t.u8, {44}, "enum:state") == "44"); // 300 does not fit into it
    CHECK(t.shown(t.u16, {44, 1}, "enum:state") == R"("BUSY")");
    CHECK(t.shown(t.u64, {44, 1, 0, 0, 0, 0, 0, 0}, "enum:state") == R"("BUSY")");
    CHECK(t.shown(t.u32, {2, 0, 0, 0}, "enum:state") == "2");
    CHECK(t.shown(t.u32, {1, 0, 0, 0}, "enum:state", Style::raw) == "1");
    CHECK(t.shown(t.alias("__be16", t.u16), {1, 44}, "enum:state") == R"("BUSY")");
    CHECK(t.shown(t.array(t.u16, 2), {1, 0, 2, 0}, "enum:state") == R"(["IDLE",2])");
    t.name_levels();
    CHECK(t.shown(t.u8, {1}, "enum:levels_t") == R"("LOW")");
    const int bits = t.group("s", 1, {{"a", t.u8, 0, 3}, {"b", t.u8, 3, 5}});
    CHECK(json(t.layout(bits, 1, {{"value.b", "enum:state"}}), bytes({0x0b})) ==
          R"({"a":3,"b":"IDLE"})");
}

TEST_CASE("flags:NAME names each bit, and what is left over is a number") {
    Enums t;
    CHECK(t.shown(t.u32, {0, 0, 0, 0}, "flags:option") == R"("0")");
    CHECK(t.shown(t.u32, {3, 0, 0, 0}, "flags:option") == R"("FAST|SAFE")");
    CHECK(t.shown(t.u32, {0x42, 0, 0, 0}, "flags:option") == R"("SAFE|0x40")");
    CHECK(t.shown(t.u32, {0x30, 0, 0, 0x80}, "flags:option") == R"("TOP|MODE")");
    CHECK(t.shown(t.u32, {0x10, 0, 0, 0}, "flags:option") == R"("0x10")");
    CHECK(t.shown(t.s8, {0x81}, "flags:option") == R"("FAST|0x80")");
    CHECK(t.shown(t.u32, {3, 0, 0, 0}, "flags:option", Style::raw) == "3");
    CHECK(t.shown(t.u64, {1, 0, 0, 0, 0, 0, 0, 0x80}, "flags:option") ==
          R"("FAST|0x8000000000000000")");
}

TEST_CASE("flags on an enum are for people; every other style has the enum itself") {
    Enums t;
    const int option = btf__find_by_name_kind(t.get(), "option", BTF_KIND_ENUM);
    CHECK(t.shown(option, {3, 0, 0, 0}, "flags:option") == R"("FAST|SAFE")");
    CHECK(t.shown(option, {3, 0, 0, 0}, "flags:option", Style::dynmon) == R"("BOTH")");
    CHECK(t.shown(option, {0, 0, 0, 0}, "flags:option", Style::dynmon) == R"("NONE")");
    CHECK(t.shown(option, {3, 0, 0, 0}, "flags:option", Style::raw) == "3");
}

TEST_CASE("a format takes away the names that came with the type") {
    Enums t;
    const int state = t.alias("dynmon_tcp_state_t", t.u8);
    CHECK(json(t.layout(state, 1), bytes({1})) == R"("ESTABLISHED")");
    CHECK(t.shown(state, {1}, "ifindex") == "1");
    CHECK(t.shown(state, {1}, "enum:state") == R"("IDLE")");
}

TEST_CASE("names fit integers of every width, up to the last bit") {
    Enums t;
    const int wide = btf__add_enum64(t.edit(), "wide", 8, false);
    btf__add_enum64_value(t.edit(), "TOP", 1ull << 63);
    btf__add_enum64_value(t.edit(), "MIDDLE", 1ull << 62);
    CHECK(wide > 0);
    CHECK(t.shown(t.u64, {0, 0, 0, 0, 0, 0, 0, 0x80}, "enum:wide") == R"("TOP")");
    CHECK(t.shown(t.s64, {0, 0, 0, 0, 0, 0, 0, 0x80}, "enum:wide") == R"("TOP")");
    const int bits = t.group("s", 8, {{"a", t.u64, 0, 63}, {"b", t.u64, 63, 1}});
    const Layout layout = t.layout(bits, 8, {{"value.a", "flags:wide"}, {"value.b", "enum:state"}});
    CHECK(json(layout, bytes({1, 0, 0, 0, 0, 0, 0, 0xc0})) == R"({"a":"MIDDLE|0x1","b":"IDLE"})");
}

TEST_CASE("an enum that is not there is refused with the nearest one that is") {
    Enums t;
    const auto refused = [&](const char* format) {
        return fault([&] { t.layout(t.u32, 4, {{"value", format}}); });
    };
    CHECK(refused("enum:stat") == "format of 'value': no enum 'stat' in the BTF of the object "
                                  "(did you mean 'enum:state'?)");
    CHECK(refused("flags:options") ==
          "format of 'value': no enum 'options' in the BTF of the object (did you mean "
          "'flags:option'?)");
    CHECK(refused("enum:zzzzzzzzz") ==
          "format of 'value': no enum 'zzzzzzzzz' in the BTF of the object (a compiler keeps an "
          "enum only where a variable has its type)");
    CHECK(fault([&] {
              t.layout(t.b8, 1, {{"value", "flags:option"}});
          }) ==
          "format of 'value': 'flags:option' needs an integer of at most 8 bytes, not 1 bytes of "
          "'_Bool'");
}

TEST_CASE("times and durations of every unit") {
    Enums t;
    CHECK(t.shown(t.u32, {0xdb, 0xea, 0x00, 0x6b}, "time_s") == R"("2026-11-21T00:50:35Z")");
    CHECK(t.shown(t.u32, {0, 0, 0, 0}, "time_s") == "null");
    CHECK(t.shown(t.s32, {0xff, 0xff, 0xff, 0xff}, "time_s") == R"("1969-12-31T23:59:59Z")");
    CHECK(t.shown(t.u64, {0xe8, 3, 0, 0, 0, 0, 0, 0}, "time_ms") ==
          R"("1970-01-01T00:00:01.000Z")");
    CHECK(t.shown(t.s64, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, "time_us") ==
          R"("1969-12-31T23:59:59.999999Z")");
    CHECK(t.shown(t.u64, {1, 0, 0, 0, 0, 0, 0, 0}, "time_us") ==
          R"("1970-01-01T00:00:00.000001Z")");
    // Beyond the year 9999.
    CHECK(t.shown(t.u64, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, "time_s") ==
          "18446744073709551615");
    CHECK(t.shown(t.u32, {0xdc, 5, 0, 0}, "duration_ms") == R"("1.5s")");
    CHECK(t.shown(t.u32, {1, 0, 0, 0}, "duration_us") == R"("0.000001s")");
    CHECK(t.shown(t.u32, {0xff, 0xff, 0xff, 0xff}, "duration_s") == R"("4294967295s")");
    CHECK(t.shown(t.s32, {0x24, 0xfa, 0xff, 0xff}, "duration_ms") == R"("-1.5s")");
    CHECK(t.shown(t.u64, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, "duration_us") ==
          R"("18446744073709.551615s")");
    CHECK(t.shown(t.u64, {0x80, 0xb2, 0xe6, 0x0e, 0, 0, 0, 0}, "ktime_ns") == R"("0.25s")");
    CHECK(t.shown(t.u64, {0, 0, 0, 0, 0, 0, 0, 0}, "ktime_ns") == "null");
    CHECK(t.shown(t.alias("__be32", t.u32), {0, 0, 5, 0xdc}, "duration_ms") == R"("1.5s")");
}

TEST_CASE("booleans, hexadecimal numbers, states of TCP and protocols of Ethernet") {
    Enums t;
    CHECK(t.shown(t.u32, {0, 0, 0, 0}, "boolean") == "false");
    CHECK(t.shown(t.u32, {0, 0, 1, 0}, "boolean") == "true");
    CHECK(t.shown(t.u16, {0x2a, 0}, "hex") == R"("0x2a")");
    CHECK(t.shown(t.s8, {0xff}, "hex") == R"("0xff")");
    CHECK(t.shown(t.alias("__be32", t.u32), {0xde, 0xad, 0xbe, 0xef}, "hex") == R"("0xdeadbeef")");
    CHECK(t.shown(t.array(t.u16, 2), {1, 0, 2, 0}, "hex") == R"(["0x1","0x2"])");
    CHECK(t.shown(t.integer("unsigned __int128", 16),
                  {1, 2, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0},
                  "hex") == R"("0x30000000000000201")");
    CHECK(t.shown(t.u8, {10}, "tcp_state") == R"("LISTEN")");
    CHECK(t.shown(t.u8, {99}, "tcp_state") == "99");
    CHECK(t.shown(t.u16, {0x08, 0}, "eth_proto") == R"("IPv4")");
    CHECK(t.shown(t.u16, {0x86, 0xdd}, "eth_proto") == R"("IPv6")");
    CHECK(t.shown(t.u16, {0x81, 0}, "eth_proto") == R"("802.1Q")");
    CHECK(t.shown(t.u16, {0x12, 0x34}, "eth_proto") == R"("0x1234")");
    CHECK(t.shown(t.u16, {0x12, 0x34}, "eth_proto", Style::raw) == "13330");
}

TEST_CASE("per-CPU flags and booleans are or-ed, times take the latest, states stay") {
    Enums t;
    const int type = t.group("s", 16,
                             {{"flags", t.u8, 0},
                              {"on", t.u8, 8},
                              {"state", t.u8, 16},
                              {"seen", t.u32, 32},
                              {"took", t.u32, 64},
                              {"half", btf__add_float(t.edit(), "_Float16", 2), 96}});
    const Layout layout = t.layout(type, 16,
                                   {{"value.flags", "flags:option"},
                                    {"value.on", "boolean"},
                                    {"value.state", "enum:state"},
                                    {"value.seen", "time_s"},
                                    {"value.took", "duration_ms"}});
    const auto cpus = bytes({1, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 0, 0x3c, 0, 0, //
                             2, 1, 1, 0, 7, 0, 0, 0, 4, 0, 0, 0, 0, 0x3c, 0, 0});
    const MergePlan plan(layout, Merge::sum, {});
    std::vector<std::byte> merged(plan.layout().size);
    plan.merge(cpus.data(), 2, 16, merged.data());
    CHECK(json(plan.layout(), merged) ==
          R"({"flags":"FAST|SAFE","on":true,"state":"IDLE","seen":"1970-01-01T00:00:09Z",)"
          R"("took":"0.005s","half":2.0})");
}

TEST_CASE("the uapi's structs are known by their names, also below unnamed ones") {
    Types t;
    const int be16 = t.alias("__be16", t.u16);
    const int be32 = t.alias("__be32", t.u32);
    const int v4 = t.group(
        nullptr, 12,
        {{"saddr", be32, 0}, {"daddr", be32, 32}, {"sport", be16, 64}, {"dport", be16, 80}});
    const int v6 = t.group(nullptr, 36,
                           {{"saddr", t.array(be32, 4), 0},
                            {"daddr", t.array(be32, 4), 128},
                            {"sport", be16, 256},
                            {"dport", be16, 272}});
    const int either = t.one_of(nullptr, 36, {{"ipv4", v4, 0}, {"ipv6", v6, 0}});
    const int tuple = t.group("bpf_sock_tuple", 36, {{nullptr, either, 0}});
    std::vector<std::byte> value(36);
    value[0] = std::byte{10};
    value[9] = std::byte{80};
    value[33] = std::byte{53};
    CHECK(json(t.layout(tuple, 36), value) ==
          R"({"ipv4":{"saddr":"10.0.0.0","daddr":"0.0.0.0","sport":80,"dport":0},)"
          R"("ipv6":{"saddr":"a00::50:0:0:0","daddr":"::","sport":53,"dport":0}})");
    // The same names in another struct mean nothing.
    const Layout other = t.layout(t.group("pair", 36, {{nullptr, either, 0}}), 36);
    CHECK(find_field(other, "ipv4.saddr")->semantic == Semantic::big_endian);

    const int fib_src =
        t.one_of(nullptr, 16, {{"ipv4_src", be32, 0}, {"ipv6_src", t.array(t.u32, 4), 0}});
    const Layout fib = t.layout(
        t.group("bpf_fib_lookup", 24,
                {{"l4_protocol", t.u8, 0}, {"ifindex", t.u32, 32}, {nullptr, fib_src, 64}}),
        24);
    CHECK(find_field(fib, "l4_protocol")->semantic == Semantic::ip_proto);
    CHECK(find_field(fib, "ifindex")->semantic == Semantic::ifindex);
    CHECK(find_field(fib, "ipv4_src")->semantic == Semantic::ipv4);
    CHECK(find_field(fib, "ipv6_src")->semantic == Semantic::ipv6);

    const int in_addr = t.group("in_addr", 4, {{"s_addr", be32, 0}});
    const int sockaddr = t.group("sockaddr_in", 16,
                                 {{"sin_family", t.u16, 0},
                                  {"sin_port", be16, 16},
                                  {"sin_addr", in_addr, 32},
                                  {"__pad", t.array(t.u8, 8), 64}});
    CHECK(json(t.layout(sockaddr, 16), bytes({2, 0, 0, 80, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0})) ==
          R"({"sin_family":2,"sin_port":80,"sin_addr":"10.0.0.1","__pad":"0000000000000000"})");
    const int tcp = t.group("tcphdr", 4, {{"source", be16, 0}, {"dest", be16, 16}});
    CHECK(t.layout(tcp, 4).fields[1].semantic == Semantic::port);
}

TEST_CASE("the ninth flag of TCP has a name where there is room for it") {
    Types t;
    const Layout flags = t.layout(t.alias("dynmon_tcp_control_t", t.u16), 2);
    CHECK(json(flags, bytes({0x12, 1})) == R"("SYN|ACK|AE")");
    CHECK(json(flags, bytes({0, 1})) == R"("AE")");
    CHECK(json(flags, bytes({2, 0})) == R"("SYN")");
    CHECK(json(flags, bytes({2, 3})) == R"("SYN|AE|0x200")");
    CHECK(json(flags, bytes({0, 2})) == R"("0x200")");
}
