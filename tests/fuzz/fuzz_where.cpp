// SPDX-License-Identifier: BSD-2-Clause
// A condition of --where over entries with a field of every kind. The first byte of the input makes
// the entry's bytes, the rest is the condition's text.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "btf/layout.hpp"
#include "decode/text.hpp"
#include "filter/condition.hpp"
#include "filter/predicate.hpp"
#include "fuzz/expect.hpp"
#include "object/object.hpp"

using namespace dynmon;
using fuzz::expect;

namespace {

constexpr std::uint64_t noon = 1795262400'000000000ull;

// A key and a value whose fields have every kind and semantic.
class Entry {
public:
    Entry() : types_(btf__new_empty()) {
        const int u8 = integer("unsigned char", 1, 0), u16 = integer("unsigned short", 2, 0);
        const int u32 = integer("unsigned int", 4, 0), u64 = integer("unsigned long", 8, 0);
        const int letter = integer("char", 1, BTF_INT_SIGNED);
        const int s64 = integer("long", 8, BTF_INT_SIGNED),
                  truth = integer("_Bool", 1, BTF_INT_BOOL);
        const int s128 = integer("__int128", 16, BTF_INT_SIGNED);
        const int real = btf__add_float(types_.get(), "double", 8);
        const int state = btf__add_enum(types_.get(), "state", 4);
        btf__add_enum_value(types_.get(), "IDLE", 0);
        btf__add_enum_value(types_.get(), "BUSY", -1);
        key = group({{"saddr", alias("dynmon_ipv4_t", u32), 4},
                     {"dport", alias("dynmon_port_t", u16), 2},
                     {"proto", alias("dynmon_proto_t", u8), 1},
                     {"flags", alias("dynmon_tcp_flags_t", u8), 1},
                     {"host", alias("dynmon_ip_t", array(u8, 16)), 16},
                     {"mac", alias("dynmon_mac_t", array(u8, 6)), 6},
                     {"name", array(letter, 8), 8},
                     {"net", prefix("net", u32, alias("__be32", u32), 4), 8},
                     {"net6", prefix("net6", u32, array(u8, 16), 16), 20},
                     {"device", alias("dynmon_ifindex_t", u32), 4}});
        for (Layout& field : key.fields)
            mark_trie_key(field);
        auto devices = std::make_shared<EnumSet>();
        devices->values = {{1, "lo"}, {2, "eth0"}};
        name_interfaces(key, devices);
        value = group({{"packets", u64, 8},
                       {"last", alias("dynmon_time_ns_t", u64), 8},
                       {"latency", array(alias("dynmon_duration_ns_t", s64), 3), 24},
                       {"ratio", real, 8},
                       {"wide", s128, 16},
                       {"state", state, 4},
                       {"enabled", truth, 1},
                       {"blob", array(u8, 5), 5},
                       {"where", btf__add_ptr(types_.get(), 0), 8},
                       {"since", alias("dynmon_time_s_t", u32), 4},
                       {"took", alias("dynmon_duration_ms_t", s64), 8},
                       {"up", alias("dynmon_boolean_t", u32), 4},
                       {"ether", alias("dynmon_eth_proto_t", u16), 2}});
    }

    Layout key, value;

private:
    struct Member {
        const char* name;
        int type;
        std::uint32_t size;
    };

    int integer(const char* name, std::size_t size, int encoding) {
        return btf__add_int(types_.get(), name, size, encoding);
    }
    int alias(const char* name, int type) { return btf__add_typedef(types_.get(), name, type); }
    int array(int type, std::uint32_t count) {
        return btf__add_array(types_.get(), type, type, count);
    }
    int prefix(const char* name, int length, int address, std::uint32_t size) {
        const int id = btf__add_struct(types_.get(), name, 4 + size);
        btf__add_field(types_.get(), "prefixlen", length, 0, 0);
        btf__add_field(types_.get(), "address", address, 32, 0);
        return id;
    }
    Layout group(const std::vector<Member>& members) {
        std::uint32_t size = 0;
        for (const Member& member : members)
            size += member.size;
        const int id = btf__add_struct(types_.get(), "entry", size);
        std::uint32_t at = 0;
        for (const Member& member : members) {
            btf__add_field(types_.get(), member.name, member.type, at * 8, 0);
            at += member.size;
        }
        return build_layout(types_.get(), static_cast<std::uint32_t>(id), size, "entry");
    }

    BtfPtr types_;
};

std::vector<std::byte> bytes_of(std::uint32_t size, std::uint8_t way) {
    std::vector<std::byte> bytes(size);
    std::uint32_t state = way;
    for (std::byte& byte : bytes) { // 0: all zero, 1: all ones
        state = state * 1103515245 + 12345;
        byte = static_cast<std::byte>(way == 0 ? 0 : way == 1 ? 0xff : state >> 24);
    }
    return bytes;
}

// What the condition says of the entry; nothing when it is refused, with a good error.
std::optional<bool> ask(const std::string& text, const Entry& entry, std::uint8_t way) {
    const std::vector<std::byte> key = bytes_of(entry.key.size, way);
    const std::vector<std::byte> value = bytes_of(entry.value.size, way);
    try {
        const Condition condition = Condition::parse(text);
        expect(condition.text() == text, "the text was changed", condition.text());
        const Predicate predicate(condition, {&entry.key, &entry.value}, noon);
        const bool holds = predicate.holds(key.data(), value.data());
        expect(predicate.holds(key.data(), value.data()) == holds, "holds once only", text);
        return holds;
    } catch (const Error& error) {
        expect(error.kind() == ErrorKind::usage, error.what());
        expect(!is_utf8(text) || is_utf8(error.what()), "a message is no UTF-8", error.what());
        return std::nullopt;
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const Entry entry;
    if (size == 0 || size > Condition::longest / 3)
        return 0;
    const std::uint8_t way = data[0];
    const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
    const std::optional<bool> holds = ask(text, entry, way);
    if (!holds)
        return 0;
    // Where these are refused, it is for their depth.
    const auto agrees = [&](const std::string& other, bool expected) {
        const std::optional<bool> answer = ask(other, entry, way);
        expect(!answer || *answer == expected, "logic is broken", other);
    };
    agrees("!(" + text + ")", !*holds);
    agrees("(" + text + ") && (" + text + ")", *holds);
    agrees("(" + text + ") || !(" + text + ")", true);
    agrees("(" + text + ") && !(" + text + ")", false);
    return 0;
}
