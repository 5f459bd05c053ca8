// The names of formats, and the rule of what size and kind each meaning asks for.
#include "btf/meaning.hpp"

#include <algorithm>
#include <array>

namespace dynmon {

namespace {

struct NamedMeaning {
    std::string_view name;
    Meaning meaning;
};

constexpr std::array formats{
    NamedMeaning{"ipv4", Meaning::ipv4},
    NamedMeaning{"ipv6", Meaning::ipv6},
    NamedMeaning{"ip", Meaning::ip},
    NamedMeaning{"mac", Meaning::mac},
    NamedMeaning{"port", Meaning::port},
    NamedMeaning{"proto", Meaning::ip_proto},
    NamedMeaning{"eth_proto", Meaning::eth_proto},
    NamedMeaning{"tcp_flags", Meaning::tcp_flags},
    NamedMeaning{"tcp_state", Meaning::tcp_state},
    NamedMeaning{"ifindex", Meaning::ifindex},
    NamedMeaning{"time_ns", Meaning::time_ns},
    NamedMeaning{"time_us", Meaning::time_us},
    NamedMeaning{"time_ms", Meaning::time_ms},
    NamedMeaning{"time_s", Meaning::time_s},
    NamedMeaning{"duration_ns", Meaning::duration_ns},
    NamedMeaning{"duration_us", Meaning::duration_us},
    NamedMeaning{"duration_ms", Meaning::duration_ms},
    NamedMeaning{"duration_s", Meaning::duration_s},
    NamedMeaning{"ktime_ns", Meaning::ktime_ns},
    NamedMeaning{"big_endian", Meaning::big_endian},
    NamedMeaning{"boolean", Meaning::boolean},
    NamedMeaning{"text", Meaning::text},
    NamedMeaning{"hex", Meaning::hex},
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
    switch (field.meaning) {
    case Meaning::none:
    case Meaning::big_endian:
    case Meaning::hex:
    case Meaning::ipv4:
    case Meaning::ipv6:
    case Meaning::ip:
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

Meaning meaning_from_name(std::string_view name) {
    const auto found = std::find_if(formats.begin(), formats.end(),
                                    [&](const NamedMeaning& entry) { return entry.name == name; });
    return found == formats.end() ? Meaning::none : found->meaning;
}

const std::vector<std::string>& meaning_names() {
    static const std::vector<std::string> names = [] {
        std::vector<std::string> list;
        list.reserve(std::size(formats));
        for (const NamedMeaning& entry : formats)
            list.emplace_back(entry.name);
        return list;
    }();
    return names;
}

bool is_time(Meaning meaning) {
    return meaning == Meaning::time_ns || meaning == Meaning::time_us ||
           meaning == Meaning::time_ms || meaning == Meaning::time_s ||
           meaning == Meaning::ktime_ns;
}

bool is_duration(Meaning meaning) {
    return meaning == Meaning::duration_ns || meaning == Meaning::duration_us ||
           meaning == Meaning::duration_ms || meaning == Meaning::duration_s;
}

std::uint8_t clock_unit(Meaning meaning) {
    switch (meaning) {
    case Meaning::time_us:
    case Meaning::duration_us:
        return 1;
    case Meaning::time_ms:
    case Meaning::duration_ms:
        return 2;
    case Meaning::time_s:
    case Meaning::duration_s:
        return 3;
    default:
        return 0;
    }
}

bool is_byte(const Layout& field) {
    return field.size == 1 && field.bit_size == 0 &&
           (field.kind == Layout::Kind::integer || field.kind == Layout::Kind::character);
}

bool fits(Meaning meaning, const Layout& field) {
    switch (meaning) {
    case Meaning::none:
        return true;
    case Meaning::ipv4:
        return is_blob(field, 4);
    case Meaning::ipv6:
    case Meaning::ip:
        return is_blob(field, 16);
    case Meaning::mac:
        return is_blob(field, 6);
    case Meaning::port:
    case Meaning::eth_proto:
        return is_whole_integer(field) && field.size == 2;
    case Meaning::ip_proto: // often kept in more than a byte to fill a hole
    case Meaning::tcp_flags:
    case Meaning::tcp_state:
    case Meaning::ifindex:
    case Meaning::boolean:
    case Meaning::enumeration:
        return is_integer(field, 8);
    case Meaning::flags:
        return is_integer(field, 8) || field.kind == Layout::Kind::enumeration;
    case Meaning::time_ns:
    case Meaning::duration_ns:
    case Meaning::ktime_ns:
        return is_whole_integer(field) && field.size == 8;
    case Meaning::time_us:
    case Meaning::time_ms:
    case Meaning::time_s:
    case Meaning::duration_us:
    case Meaning::duration_ms:
    case Meaning::duration_s:
        return is_whole_integer(field) && (field.size == 4 || field.size == 8);
    case Meaning::big_endian:
        return is_whole_integer(field) && (field.size == 2 || field.size == 4 || field.size == 8);
    case Meaning::text:
        return is_byte(field) || (field.kind == Layout::Kind::array && field.count > 0 &&
                                  is_byte(field.fields.front()));
    case Meaning::hex:
        return fits_hex(field);
    case Meaning::cidr:
        return is_trie_key(field);
    }
    return false;
}

void set_meaning(Layout& field, Meaning meaning) {
    field.meaning = meaning;
    field.names = meaning == Meaning::tcp_state ? tcp_states() : nullptr;
}

std::string meaning_name(Meaning meaning) {
    for (const NamedMeaning& entry : formats)
        if (entry.meaning == meaning)
            return std::string(entry.name);
    return meaning == Meaning::enumeration ? "enum:"
           : meaning == Meaning::flags     ? "flags:"
                                           : "none";
}

std::string all_meaning_names() {
    std::string list;
    for (const std::string& name : meaning_names())
        list += name + ", ";
    return list + "enum:NAME and flags:NAME";
}

std::string demand(Meaning meaning) {
    switch (meaning) {
    case Meaning::ipv4:
        return "a field of 4 bytes";
    case Meaning::ipv6:
    case Meaning::ip:
        return "a field of 16 bytes";
    case Meaning::mac:
        return "a field of 6 bytes";
    case Meaning::port:
    case Meaning::eth_proto:
        return "an integer of 2 bytes";
    case Meaning::ip_proto:
    case Meaning::tcp_flags:
    case Meaning::tcp_state:
    case Meaning::ifindex:
    case Meaning::boolean:
    case Meaning::enumeration:
    case Meaning::flags:
        return "an integer of at most 8 bytes";
    case Meaning::time_ns:
    case Meaning::duration_ns:
    case Meaning::ktime_ns:
        return "an integer of 8 bytes";
    case Meaning::time_us:
    case Meaning::time_ms:
    case Meaning::time_s:
    case Meaning::duration_us:
    case Meaning::duration_ms:
    case Meaning::duration_s:
        return "an integer of 4 or 8 bytes";
    case Meaning::big_endian:
        return "an integer of 2, 4 or 8 bytes";
    case Meaning::text:
        return "an array of bytes";
    case Meaning::cidr:
        return "a prefix length and an address";
    case Meaning::none:
    case Meaning::hex:
        break;
    }
    return "a field of whole bytes";
}

} // namespace dynmon
