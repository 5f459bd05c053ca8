// SPDX-License-Identifier: BSD-2-Clause
#include "decode/decode_plan.hpp"
#include "decode/types.hpp"

using namespace dynmon;
using namespace dynmon::test;

namespace {

std::string text(const Layout& key, const std::vector<unsigned char>& bytes, Style style) {
    std::string out;
    JsonPlan(key, style).append(reinterpret_cast<const std::byte*>(bytes.data()), out);
    return out;
}

} // namespace

TEST_CASE("the key of a trie is a prefix when it is a length and an address") {
    Types t;
    const int be32 = t.alias("__be32", t.u32);
    Layout key = t.layout(t.group("prefix", 8, {{"prefixlen", t.u32, 0}, {"addr", be32, 32}}), 8);
    CHECK(text(key, {8, 0, 0, 0, 10, 0, 0, 0}, Style::decoded) ==
          R"({"prefixlen":8,"addr":167772160})");
    mark_trie_key(key);
    CHECK(text(key, {8, 0, 0, 0, 10, 0, 0, 0}, Style::decoded) == "\"10.0.0.0/8\"");
    CHECK(text(key, {32, 0, 0, 0, 255, 255, 255, 255}, Style::decoded) == "\"255.255.255.255/32\"");
    CHECK(text(key, {8, 0, 0, 0, 10, 0, 0, 0}, Style::raw) == R"({"prefixlen":8,"addr":10})");
    std::string bare;
    append_scalar(key, Style::decoded, reinterpret_cast<const std::byte*>("\x10\0\0\0\xc0\xa8\0\0"),
                  bare);
    CHECK(bare == "192.168.0.0/16");
}

TEST_CASE("a prefix length in a struct of its own, before IPv6") {
    Types t;
    const int head =
        t.group("bpf_lpm_trie_key", 4, {{"prefixlen", t.u32, 0}, {"data", t.array(t.u8, 0), 32}});
    Layout key =
        t.layout(t.group("p", 20, {{"trie", head, 0}, {"addr", t.array(t.u8, 16), 32}}), 20);
    mark_trie_key(key);
    std::vector<unsigned char> bytes(20);
    bytes[0] = 32;
    bytes[4] = 0x20;
    bytes[5] = 0x01;
    bytes[6] = 0x0d;
    bytes[7] = 0xb8;
    CHECK(text(key, bytes, Style::decoded) == "\"2001:db8::/32\"");
}

TEST_CASE("what only has the size of a prefix stays a struct") {
    Types t;
    const int port = t.alias("dynmon_port_t", t.alias("__be16", t.u16));
    const int ifindex = t.alias("dynmon_ifindex_t", t.u32);
    for (const int type :
         {t.group("a", 8, {{"prefixlen", t.u32, 0}, {"port", port, 32}, {"vlan", t.u16, 48}}),
          t.group("b", 8, {{"prefixlen", t.u32, 0}, {"device", ifindex, 32}}),
          t.group("c", 8, {{"half", t.u16, 0}, {"other", t.u16, 16}, {"addr", t.u32, 32}}),
          t.group("d", 8, {{"addr", t.u64, 0}})}) {
        Layout key = t.layout(type, 8);
        mark_trie_key(key);
        CHECK(key.semantic == Semantic::none);
    }
}

TEST_CASE("tries without types") {
    CHECK(text(untyped_trie_key(8), {24, 0, 0, 0, 10, 1, 2, 0}, Style::decoded) ==
          "\"10.1.2.0/24\"");
    CHECK(text(untyped_trie_key(6), {9, 0, 0, 0, 0xab, 0x80}, Style::decoded) ==
          R"({"prefixlen":9,"data":"ab80"})");
    CHECK(untyped_trie_key(4).size == 4);
    CHECK(untyped_trie_key(260).size == 260);
}

TEST_CASE("a union of both addresses does not say which of them a prefix has") {
    Types t;
    const int either = t.one_of("addr", 16,
                                {{"v4", t.alias("dynmon_ipv4_t", t.u32), 0},
                                 {"v6", t.alias("dynmon_ipv6_t", t.array(t.u8, 16)), 0}});
    Layout key = t.layout(t.group("p", 20, {{"prefixlen", t.u32, 0}, {"addr", either, 32}}), 20);
    mark_trie_key(key);
    std::vector<unsigned char> bytes(20);
    bytes[0] = 8;
    bytes[4] = 10;
    CHECK(text(key, bytes, Style::decoded) ==
          R"({"prefixlen":8,"addr":{"v4":"10.0.0.0","v6":"a00::"}})");
    const int same = t.one_of("addr", 4, {{"whole", t.u32, 0}, {"bytes", t.array(t.u8, 4), 0}});
    Layout one = t.layout(t.group("p", 8, {{"prefixlen", t.u32, 0}, {"addr", same, 32}}), 8);
    mark_trie_key(one);
    CHECK(text(one, {8, 0, 0, 0, 10, 0, 0, 0}, Style::decoded) == "\"10.0.0.0/8\"");
}
