// SPDX-License-Identifier: BSD-2-Clause
#include "btf/semantic.hpp"
#include "decode/types.hpp"

using namespace dynmon;
using namespace dynmon::test;

TEST_CASE("every format name stands for a meaning and every meaning has a name") {
    for (const std::string& name : semantic_names()) {
        CHECK(semantic_from_name(name) != Semantic::none);
        CHECK(semantic_name(semantic_from_name(name)) == name);
    }
    CHECK(semantic_names().size() == 23);
    CHECK(semantic_from_name("ipv5") == Semantic::none);
}

TEST_CASE("the value types of dynmon.h carry their meaning, also under another typedef") {
    Types t;
    const auto semantic = [&](const char* name, int base, std::uint32_t size) {
        const int type = t.alias(name, base);
        CHECK(t.layout(t.alias("mine_t", type), size).semantic == t.layout(type, size).semantic);
        return t.layout(type, size).semantic;
    };
    const int of16 = t.group(nullptr, 16, {{"bytes", t.array(t.u8, 16), 0}});
    const int of6 = t.group(nullptr, 6, {{"bytes", t.array(t.u8, 6), 0}});
    CHECK(semantic("dynmon_ipv4_t", t.alias("__be32", t.u32), 4) == Semantic::ipv4);
    CHECK(semantic("dynmon_ipv6_t", of16, 16) == Semantic::ipv6);
    CHECK(semantic("dynmon_ip_t", of16, 16) == Semantic::ip);
    CHECK(semantic("dynmon_mac_t", of6, 6) == Semantic::mac);
    CHECK(semantic("dynmon_port_t", t.alias("__be16", t.u16), 2) == Semantic::port);
    CHECK(semantic("dynmon_proto_t", t.u8, 1) == Semantic::ip_proto);
    CHECK(semantic("dynmon_tcp_flags_t", t.u8, 1) == Semantic::tcp_flags);
    CHECK(semantic("dynmon_tcp_control_t", t.u16, 2) == Semantic::tcp_flags);
    CHECK(semantic("dynmon_ifindex_t", t.u32, 4) == Semantic::ifindex);
    CHECK(semantic("dynmon_time_ns_t", t.u64, 8) == Semantic::time_ns);
    CHECK(semantic("dynmon_duration_ns_t", t.u64, 8) == Semantic::duration_ns);
    CHECK(semantic("__be64", t.u64, 8) == Semantic::big_endian);
    CHECK(semantic("dynmon_ipv4_t", t.u64, 8) == Semantic::none); // another program's
    CHECK(semantic("dynmon_banana_t", t.u32, 4) == Semantic::none);
}

TEST_CASE("kernel types and header members are known by their names") {
    Types t;
    const int be32 = t.alias("__be32", t.u32);
    CHECK(t.layout(t.group("in_addr", 4, {{"s_addr", be32, 0}}), 4).semantic == Semantic::ipv4);
    CHECK(t.layout(t.group("in6_addr", 16, {{"u", t.array(t.u8, 16), 0}}), 16).semantic ==
          Semantic::ipv6);
    const int mac = t.array(t.u8, 6);
    const Layout eth = t.layout(
        t.group(
            "ethhdr", 14,
            {{"h_dest", mac, 0}, {"h_source", mac, 48}, {"h_proto", t.alias("__be16", t.u16), 96}}),
        14);
    CHECK(eth.fields[0].semantic == Semantic::mac);
    CHECK(eth.fields[1].semantic == Semantic::mac);
    CHECK(eth.fields[2].semantic == Semantic::eth_proto);
    const Layout other = t.layout(t.group("frame", 6, {{"h_dest", mac, 0}}), 6);
    CHECK(other.fields[0].semantic == Semantic::hex);
}

TEST_CASE("a format given for a path beats what the names say") {
    Types t;
    const int item = t.group("item", 8, {{"addr", t.u32, 0}, {"n", t.u32, 32}});
    const int type = t.group("s", 44,
                             {{"src", t.alias("__be32", t.u32), 0},
                              {"list", t.array(t.u32, 2), 32},
                              {"items", t.array(item, 2), 96},
                              {"macs", t.array(t.array(t.u8, 6), 2), 224},
                              {"pad", t.u32, 320}});
    const Layout layout = t.layout(type, 44,
                                   {{"value.src", "ipv4"},
                                    {"value.list", "ipv4"},
                                    {"value.items[].addr", "ipv4"},
                                    {"value.macs", "mac"},
                                    {"key.other", "mac"}});
    CHECK(layout.fields[0].semantic == Semantic::ipv4);
    CHECK(layout.fields[1].semantic == Semantic::none);
    CHECK(layout.fields[1].fields[0].semantic == Semantic::ipv4);
    CHECK(layout.fields[2].fields[0].fields[0].semantic == Semantic::ipv4);
    CHECK(layout.fields[3].fields[0].semantic == Semantic::mac);
    std::vector<std::byte> value(44);
    value[0] = std::byte{10};
    value[8] = std::byte{7};
    CHECK(json(layout, value) ==
          R"({"src":"10.0.0.0","list":["0.0.0.0","7.0.0.0"],"items":[{"addr":"0.0.0.0","n":0},)"
          R"({"addr":"0.0.0.0","n":0}],"macs":["00:00:00:00:00:00","00:00:00:00:00:00"],"pad":0})");
    CHECK(t.layout(t.u32, 4, {{"key", "ipv4"}}, "key").semantic == Semantic::ipv4);
}

TEST_CASE("a format that does not fit, does not exist or has no field is refused by name") {
    Types t;
    const int type = t.group("s", 8, {{"saddr", t.u32, 0}, {"list", t.array(t.u16, 2), 32}});
    const auto refused = [&](const char* path, const char* format) {
        return fault([&] { t.layout(type, 8, {{path, format}}); });
    };
    CHECK(refused("value.saddr", "mac") ==
          "format of 'value.saddr': 'mac' needs a field of 6 bytes, not 4 bytes of 'unsigned int'");
    CHECK(refused("value.sadr", "ipv4") ==
          "format of 'value.sadr': no such field (did you mean 'value.saddr'?)");
    CHECK(refused("value.saddr", "ipv5") ==
          "format of 'value.saddr': unknown format 'ipv5' (did you mean 'ipv4'?)");
    CHECK(refused("saddr", "ipv4") == "format of 'saddr': no such field (a path starts with key or "
                                      "value, as in value.saddr)");
    CHECK(refused("value.list[1]", "port") ==
          "format of 'value.list[1]': one element alone cannot have a format (write 'value.list' "
          "for all elements)");
}
