// SPDX-License-Identifier: BSD-2-Clause
// The names of formats, and the rule of what size and kind each semantic asks for.
#include "btf/semantic.hpp"

#include <algorithm>
#include <array>

namespace dynmon {

namespace {

struct NamedSemantic {
    std::string_view name;
    Semantic semantic;
};

constexpr std::array formats{
    NamedSemantic{"ipv4", Semantic::ipv4},
    NamedSemantic{"ipv6", Semantic::ipv6},
    NamedSemantic{"ip", Semantic::ip},
    NamedSemantic{"mac", Semantic::mac},
    NamedSemantic{"port", Semantic::port},
    NamedSemantic{"proto", Semantic::ip_proto},
    NamedSemantic{"eth_proto", Semantic::eth_proto},
    NamedSemantic{"tcp_flags", Semantic::tcp_flags},
    NamedSemantic{"tcp_state", Semantic::tcp_state},
    NamedSemantic{"ifindex", Semantic::ifindex},
    NamedSemantic{"time_ns", Semantic::time_ns},
    NamedSemantic{"time_us", Semantic::time_us},
    NamedSemantic{"time_ms", Semantic::time_ms},
    NamedSemantic{"time_s", Semantic::time_s},
    NamedSemantic{"duration_ns", Semantic::duration_ns},
    NamedSemantic{"duration_us", Semantic::duration_us},
    NamedSemantic{"duration_ms", Semantic::duration_ms},
    NamedSemantic{"duration_s", Semantic::duration_s},
    NamedSemantic{"ktime_ns", Semantic::ktime_ns},
    NamedSemantic{"big_endian", Semantic::big_endian},
    NamedSemantic{"boolean", Semantic::boolean},
    NamedSemantic{"text", Semantic::text},
    NamedSemantic{"hex", Semantic::hex},
};

bool is_whole_integer(const Layout& field) {
    return field.kind == Layout::Kind::integer && field.bit_size == 0;
}

bool is_integer(const Layout& field, std::uint32_t most_bytes) {
    return field.kind == Layout::Kind::integer && field.size <= most_bytes;
}

// Bytes in a row, however they were declared: __be32, u8[4], u16[2], struct { … }.
bool is_blob(const Layout& field, std::uint32_t size) {
    const bool kind = field.kind == Layout::Kind::integer ||
                      field.kind == Layout::Kind::structure || field.kind == Layout::Kind::union_ ||
                      field.kind == Layout::Kind::array;
    return kind && field.bit_size == 0 && field.size == size;
}

bool fits_hex(const Layout& field) {
    if (field.kind == Layout::Kind::integer || field.kind == Layout::Kind::enumeration)
        return true;
    return field.bit_size == 0 && field.size > 0 && field.kind != Layout::Kind::opaque &&
           (field.kind != Layout::Kind::array || is_byte(field.fields.front()));
}

bool are_alike_in_size(const Layout& arms) {
    return std::all_of(arms.fields.begin(), arms.fields.end(),
                       [&](const Layout& arm) { return arm.size == arms.size; });
}

// What says that a field is something else than an address.
bool may_be_address(const Layout& field) {
    // {u32 v4; u8 v6[16];}: which of them it is stands elsewhere, and bytes of IPv4 are no IPv6.
    if (field.kind == Layout::Kind::union_ && !are_alike_in_size(field))
        return false;
    switch (field.semantic) {
    case Semantic::none:
    case Semantic::big_endian:
    case Semantic::hex:
    case Semantic::ipv4:
    case Semantic::ipv6:
    case Semantic::ip:
        return is_blob(field, 4) || is_blob(field, 16);
    default:
        return false;
    }
}

// {u32 prefixlen; 4 or 16 bytes}; the prefix length may be in a struct of its own, as in the
// kernel's bpf_lpm_trie_key, whose empty array of data does not count.
bool is_trie_key(const Layout& key) {
    if (key.kind != Layout::Kind::structure || key.fields.size() != 2)
        return false;
    const Layout* length = &key.fields[0];
    if (length->kind == Layout::Kind::structure && !length->fields.empty())
        length = &length->fields[0];
    const Layout& address = key.fields[1];
    return is_whole_integer(*length) && length->size == 4 && length->offset == key.offset &&
           key.fields[0].size == 4 && address.offset == key.offset + 4 && may_be_address(address) &&
           key.size == 4 + address.size;
}

} // namespace

Semantic semantic_from_name(std::string_view name) {
    const auto found = std::find_if(formats.begin(), formats.end(),
                                    [&](const NamedSemantic& entry) { return entry.name == name; });
    return found == formats.end() ? Semantic::none : found->semantic;
}

const std::vector<std::string>& semantic_names() {
    static const std::vector<std::string> names = [] {
        std::vector<std::string> list;
        list.reserve(std::size(formats));
        for (const NamedSemantic& entry : formats)
            list.emplace_back(entry.name);
        return list;
    }();
    return names;
}

bool is_time(Semantic semantic) {
    return semantic == Semantic::time_ns || semantic == Semantic::time_us ||
           semantic == Semantic::time_ms || semantic == Semantic::time_s ||
           semantic == Semantic::ktime_ns;
}

bool is_duration(Semantic semantic) {
    return semantic == Semantic::duration_ns || semantic == Semantic::duration_us ||
           semantic == Semantic::duration_ms || semantic == Semantic::duration_s;
}

std::uint8_t clock_unit(Semantic semantic) {
    switch (semantic) {
    case Semantic::time_us:
    case Semantic::duration_us:
        return 1;
    case Semantic::time_ms:
    case Semantic::duration_ms:
        return 2;
    case Semantic::time_s:
    case Semantic::duration_s:
        return 3;
    default:
        return 0;
    }
}

bool is_byte(const Layout& field) {
    return field.size == 1 && field.bit_size == 0 &&
           (field.kind == Layout::Kind::integer || field.kind == Layout::Kind::character);
}

bool fits(Semantic semantic, const Layout& field) {
    switch (semantic) {
    case Semantic::none:
        return true;
    case Semantic::ipv4:
        return is_blob(field, 4);
    case Semantic::ipv6:
    case Semantic::ip:
        return is_blob(field, 16);
    case Semantic::mac:
        return is_blob(field, 6);
    case Semantic::port:
    case Semantic::eth_proto:
        return is_whole_integer(field) && field.size == 2;
    case Semantic::ip_proto: // often kept in more than a byte to fill a hole
    case Semantic::tcp_flags:
    case Semantic::tcp_state:
    case Semantic::ifindex:
    case Semantic::boolean:
    case Semantic::enumeration:
        return is_integer(field, 8);
    case Semantic::flags:
        return is_integer(field, 8) || field.kind == Layout::Kind::enumeration;
    case Semantic::time_ns:
    case Semantic::duration_ns:
    case Semantic::ktime_ns:
        return is_whole_integer(field) && field.size == 8;
    case Semantic::time_us:
    case Semantic::time_ms:
    case Semantic::time_s:
    case Semantic::duration_us:
    case Semantic::duration_ms:
    case Semantic::duration_s:
        return is_whole_integer(field) && (field.size == 4 || field.size == 8);
    case Semantic::big_endian:
        return is_whole_integer(field) && (field.size == 2 || field.size == 4 || field.size == 8);
    case Semantic::text:
        return is_byte(field) || (field.kind == Layout::Kind::array && field.count > 0 &&
                                  is_byte(field.fields.front()));
    case Semantic::hex:
        return fits_hex(field);
    case Semantic::cidr:
        return is_trie_key(field);
    }
    return false;
}

void set_semantic(Layout& field, Semantic semantic) {
    field.semantic = semantic;
    field.names = semantic == Semantic::tcp_state ? tcp_states() : nullptr;
}

std::string semantic_name(Semantic semantic) {
    for (const NamedSemantic& entry : formats)
        if (entry.semantic == semantic)
            return std::string(entry.name);
    return semantic == Semantic::enumeration ? "enum:"
           : semantic == Semantic::flags     ? "flags:"
                                             : "none";
}

std::string all_semantic_names() {
    std::string list;
    for (const std::string& name : semantic_names())
        list += name + ", ";
    return list + "enum:NAME and flags:NAME";
}

std::string demand(Semantic semantic) {
    switch (semantic) {
    case Semantic::ipv4:
        return "a field of 4 bytes";
    case Semantic::ipv6:
    case Semantic::ip:
        return "a field of 16 bytes";
    case Semantic::mac:
        return "a field of 6 bytes";
    case Semantic::port:
    case Semantic::eth_proto:
        return "an integer of 2 bytes";
    case Semantic::ip_proto:
    case Semantic::tcp_flags:
    case Semantic::tcp_state:
    case Semantic::ifindex:
    case Semantic::boolean:
    case Semantic::enumeration:
    case Semantic::flags:
        return "an integer of at most 8 bytes";
    case Semantic::time_ns:
    case Semantic::duration_ns:
    case Semantic::ktime_ns:
        return "an integer of 8 bytes";
    case Semantic::time_us:
    case Semantic::time_ms:
    case Semantic::time_s:
    case Semantic::duration_us:
    case Semantic::duration_ms:
    case Semantic::duration_s:
        return "an integer of 4 or 8 bytes";
    case Semantic::big_endian:
        return "an integer of 2, 4 or 8 bytes";
    case Semantic::text:
        return "an array of bytes";
    case Semantic::cidr:
        return "a prefix length and an address";
    case Semantic::none:
    case Semantic::hex:
        break;
    }
    return "a field of whole bytes";
}

} // namespace dynmon
