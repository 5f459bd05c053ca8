// The tables of well-known type names, and the rule of what size and kind each meaning asks for.
#include "layout/meaning.hpp"

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
    NamedMeaning{"tcp_flags", Meaning::tcp_flags},
    NamedMeaning{"ifindex", Meaning::ifindex},
    NamedMeaning{"time_ns", Meaning::time_ns},
    NamedMeaning{"duration_ns", Meaning::duration_ns},
    NamedMeaning{"big_endian", Meaning::big_endian},
    NamedMeaning{"text", Meaning::text},
    NamedMeaning{"hex", Meaning::hex},
};

struct MemberMeaning {
    std::string_view structure;
    std::string_view member;
    Meaning meaning;
};

// Members of the uapi's packet headers whose type says less than their name.
constexpr std::array members{
    MemberMeaning{"ethhdr", "h_dest", Meaning::mac},
    MemberMeaning{"ethhdr", "h_source", Meaning::mac},
    MemberMeaning{"iphdr", "saddr", Meaning::ipv4},
    MemberMeaning{"iphdr", "daddr", Meaning::ipv4},
    MemberMeaning{"iphdr", "protocol", Meaning::ip_proto},
    MemberMeaning{"ipv6hdr", "nexthdr", Meaning::ip_proto},
};

// What the kernel keeps for itself inside a map value; it is zeroed for user space.
constexpr std::array<std::string_view, 11> opaque_structures{
    "bpf_spin_lock", "bpf_res_spin_lock", "bpf_timer",    "bpf_wq",
    "bpf_list_head", "bpf_list_node",     "bpf_rb_root",  "bpf_rb_node",
    "bpf_refcount",  "bpf_dynptr",        "bpf_task_work"};

bool is_whole_integer(const Layout& field) {
    return field.kind == Layout::Kind::integer && field.bit_size == 0;
}

// Bytes in a row, however they were declared: __be32, u8[4], u16[2], struct { … }.
bool is_blob(const Layout& field, std::uint32_t size) {
    const bool kind = field.kind == Layout::Kind::integer ||
                      field.kind == Layout::Kind::structure || field.kind == Layout::Kind::union_ ||
                      field.kind == Layout::Kind::array;
    return kind && field.bit_size == 0 && field.size == size;
}

// What says that a field is something else than an address.
bool may_be_address(const Layout& field) {
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
        for (const NamedMeaning& entry : formats)
            list.emplace_back(entry.name);
        return list;
    }();
    return names;
}

Meaning meaning_of_typedef(std::string_view name) {
    if (name == "__be16" || name == "__be32" || name == "__be64")
        return Meaning::big_endian;
    constexpr std::string_view prefix = "dynmon_";
    constexpr std::string_view suffix = "_t";
    if (name.size() <= prefix.size() + suffix.size() || !name.starts_with(prefix) ||
        !name.ends_with(suffix))
        return Meaning::none;
    name.remove_prefix(prefix.size());
    name.remove_suffix(suffix.size());
    return meaning_from_name(name);
}

Meaning meaning_of_structure(std::string_view name) {
    if (name == "in_addr")
        return Meaning::ipv4;
    if (name == "in6_addr")
        return Meaning::ipv6;
    return Meaning::none;
}

Meaning meaning_of_member(std::string_view structure, std::string_view member) {
    for (const MemberMeaning& entry : members)
        if (entry.structure == structure && entry.member == member)
            return entry.meaning;
    return Meaning::none;
}

bool is_opaque_structure(std::string_view name) {
    return std::find(opaque_structures.begin(), opaque_structures.end(), name) !=
           opaque_structures.end();
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
        return is_whole_integer(field) && field.size == 2;
    case Meaning::ip_proto: // often kept in more than a byte to fill a hole
    case Meaning::tcp_flags:
    case Meaning::ifindex:
        return field.kind == Layout::Kind::integer && field.size <= 8;
    case Meaning::time_ns:
    case Meaning::duration_ns:
        return is_whole_integer(field) && field.size == 8;
    case Meaning::big_endian:
        return is_whole_integer(field) && (field.size == 2 || field.size == 4 || field.size == 8);
    case Meaning::text:
        return is_byte(field) || (field.kind == Layout::Kind::array && field.count > 0 &&
                                  is_byte(field.fields.front()));
    case Meaning::hex:
        return field.bit_size == 0 && field.size > 0 && field.kind != Layout::Kind::opaque &&
               (field.kind != Layout::Kind::array || is_byte(field.fields.front()));
    case Meaning::cidr:
        return is_trie_key(field);
    }
    return false;
}

std::string meaning_name(Meaning meaning) {
    for (const NamedMeaning& entry : formats)
        if (entry.meaning == meaning)
            return std::string(entry.name);
    return "none";
}

std::string all_meaning_names() {
    std::string list;
    for (const std::string& name : meaning_names())
        list += (list.empty() ? "" : ", ") + name;
    return list;
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
        return "an integer of 2 bytes";
    case Meaning::ip_proto:
    case Meaning::tcp_flags:
    case Meaning::ifindex:
        return "an integer of at most 8 bytes";
    case Meaning::time_ns:
    case Meaning::duration_ns:
        return "an integer of 8 bytes";
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
