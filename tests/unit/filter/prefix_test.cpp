// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>

#include "decode/types.hpp"
#include "filter/predicate.hpp"
#include "filter/projection.hpp"

using namespace dynmon;
using namespace dynmon::test;

namespace {

using Bytes = std::vector<unsigned char>;

// A trie's key of `size` bytes of address in network order.
Layout trie_key(Types& t, std::uint32_t size) {
    const int address = size == 4 ? t.alias("__be32", t.u32) : t.array(t.u8, 16);
    Layout key = t.layout(t.group("k", 4 + size, {{"prefixlen", t.u32, 0}, {"addr", address, 32}}),
                          4 + size, {}, "key");
    mark_trie_key(key);
    REQUIRE(key.semantic == Semantic::cidr);
    return key;
}

struct Trie {
    Types types;
    Layout value = types.layout(types.u32, 4);
    Layout key;
    explicit Trie(std::uint32_t size) : key(trie_key(types, size)) {}

    EntryTypes both() const { return {&key, &value}; }

    bool holds(const Bytes& bytes, const std::string& condition) const {
        REQUIRE(bytes.size() == key.size);
        const std::byte nothing[4]{};
        return Predicate(Condition::parse(condition), both(), 0)
            .holds(reinterpret_cast<const std::byte*>(bytes.data()), nothing);
    }
    std::string refused(const std::string& condition) const {
        const std::string text = fault([&] { Predicate(Condition::parse(condition), both(), 0); });
        return text.substr(0, text.find('\n'));
    }
};

Bytes v6(unsigned char length, const Bytes& start) {
    Bytes key(20);
    key[0] = length;
    std::copy(start.begin(), start.end(), key.begin() + 4);
    return key;
}

} // namespace

TEST_CASE("the key of a trie lies in a prefix, or is that very one") {
    const Trie trie(4);
    const Bytes sixteen{16, 0, 0, 0, 10, 1, 0, 0}; // 10.1.0.0/16
    for (const char* yes :
         {"key == 10.1.0.0/16", "key in 10.0.0.0/8", "key in 10.1.0.0/16", "key in 0.0.0.0/0",
          "key in (192.168.0.0/16, 10.0.0.0/15)", "key != 10.0.0.0/8", "key != 10.1.0.0/17",
          "!(key in 10.1.0.0/17)", "!(key in 10.0.0.0/16)", "!(key in (11.0.0.0/8, 10.1.0.0))",
          "key > 10.1.0.0/15", "key < 10.1.0.0/17", "key >= 10.1.0.0/16", "key < 10.1.0.1",
          "key in 10.255.255.255/8", "key.prefixlen == 16", "prefixlen > 8 && addr == 0x0a010000"})
        CHECK_MESSAGE(trie.holds(sixteen, yes), yes);
    for (const char* no : {"key == 10.0.0.0/8", "key == 10.1.0.0", "key == 10.1.0.0/15",
                           "key != 10.1.0.0/16", "key < 10.1.0.0/16", "key in 10.1.0.0/32"})
        CHECK_MESSAGE(!trie.holds(sixteen, no), no);
    CHECK(trie.holds({32, 0, 0, 0, 10, 1, 2, 3}, "key == 10.1.2.3 && key in 10.1.2.3"));
    CHECK(trie.holds({0, 0, 0, 0, 0, 0, 0, 0}, "key == 0.0.0.0/0 && !(key in 0.0.0.0/1)"));
}

TEST_CASE("bits behind the length of a prefix do not count") {
    const Trie trie(4);
    CHECK(trie.holds({9, 0, 0, 0, 10, 0x7f, 3, 4},
                     "key == 10.0.0.0/9 && key in 10.0.0.0/9 && key <= 10.0.0.0/9"));
    CHECK(trie.holds({9, 0, 0, 0, 10, 0x80, 0, 0}, "key == 10.255.0.0/9 && key != 10.0.0.0/9"));
}

TEST_CASE("prefixes of IPv6") {
    const Trie trie(16);
    const Bytes docs = v6(32, {0x20, 0x01, 0x0d, 0xb8});
    CHECK(trie.holds(docs, "key == 2001:db8::/32 && key in 2001:d00::/24 && key in ::/0"));
    CHECK(trie.holds(docs, "key in (fd00::/8, 2001:db8::/31) && !(key in 2001:db8::/33)"));
    CHECK(trie.holds(v6(128, {0xfd}), "key == fd00:: && key > fd00::/127"));
}

TEST_CASE("what is no prefix of the family is refused") {
    const Trie four(4);
    CHECK(four.refused("key == 10.0.0.0/33") ==
          "column 8: '10.0.0.0/33' is not an IPv4 address or prefix such as 10.0.0.0/8");
    CHECK(four.refused("key in fd00::/8") ==
          "column 8: 'fd00::/8' is not an IPv4 address or prefix such as 10.0.0.0/8");
    CHECK(four.refused("key in (10.0.0.0/8, ten)").starts_with("column 21: 'ten' is not an IPv4"));
    CHECK(four.refused("key") == "column 1: 'key' is a prefix: == != < <= > >= or in");
    CHECK(four.refused("key contains 10") == "column 1: 'key' is a prefix: == != < <= > >= or in");
    CHECK(four.refused("key & 1") == "column 1: 'key' is a prefix: == != < <= > >= or in");
    CHECK(Trie(16).refused("key in 10.0.0.0/8") ==
          "column 8: '10.0.0.0/8' is not an IPv6 address or prefix such as fd00::/8");
}

TEST_CASE("prefixes are sorted by address, then by length") {
    const Trie trie(4);
    std::vector<Bytes> keys{{32, 0, 0, 0, 10, 0, 0, 0}, {24, 0, 0, 0, 9, 9, 9, 0},
                            {8, 0, 0, 0, 200, 0, 0, 0}, {8, 0, 0, 0, 10, 255, 0, 0},
                            {0, 0, 0, 0, 77, 0, 0, 0},  {16, 0, 0, 0, 10, 0, 0, 0}};
    const auto sorted = [&](const char* column) {
        const EntryOrder order({column}, trie.both(), 0, 0);
        std::sort(keys.begin(), keys.end(), [&](const Bytes& a, const Bytes& b) {
            return order.compare(reinterpret_cast<const std::byte*>(a.data()), nullptr,
                                 reinterpret_cast<const std::byte*>(b.data()), nullptr) < 0;
        });
        return keys;
    };
    const std::vector<Bytes> expected{{0, 0, 0, 0, 77, 0, 0, 0},   {24, 0, 0, 0, 9, 9, 9, 0},
                                      {8, 0, 0, 0, 10, 255, 0, 0}, {16, 0, 0, 0, 10, 0, 0, 0},
                                      {32, 0, 0, 0, 10, 0, 0, 0},  {8, 0, 0, 0, 200, 0, 0, 0}};
    CHECK(sorted("key") == expected);
    CHECK(sorted("-key") == std::vector<Bytes>(expected.rbegin(), expected.rend()));
    CHECK(sorted("-key.prefixlen").front()[0] == 32);
}
