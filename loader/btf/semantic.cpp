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

// The tables of well-known type names: dynmon's own, the kernel's and those of its uapi.

namespace {

struct MemberSemantic {
    std::string_view structure;
    std::string_view member;
    Semantic semantic;
};

// Members of the uapi whose type says less than their name.
constexpr std::array members{
    MemberSemantic{"ethhdr", "h_dest", Semantic::mac},
    MemberSemantic{"ethhdr", "h_source", Semantic::mac},
    MemberSemantic{"ethaddr", "addr", Semantic::mac}, // of xdp-tools
    MemberSemantic{"ether_addr", "ether_addr_octet", Semantic::mac},
    MemberSemantic{"ethhdr", "h_proto", Semantic::eth_proto},
    MemberSemantic{"vlan_hdr", "h_vlan_encapsulated_proto", Semantic::eth_proto},
    MemberSemantic{"vlan_ethhdr", "h_dest", Semantic::mac},
    MemberSemantic{"vlan_ethhdr", "h_source", Semantic::mac},
    MemberSemantic{"vlan_ethhdr", "h_vlan_proto", Semantic::eth_proto},
    MemberSemantic{"vlan_ethhdr", "h_vlan_encapsulated_proto", Semantic::eth_proto},
    MemberSemantic{"iphdr", "saddr", Semantic::ipv4},
    MemberSemantic{"iphdr", "daddr", Semantic::ipv4},
    MemberSemantic{"iphdr", "addrs.saddr", Semantic::ipv4}, // the same bytes once more
    MemberSemantic{"iphdr", "addrs.daddr", Semantic::ipv4},
    MemberSemantic{"iphdr", "protocol", Semantic::ip_proto},
    MemberSemantic{"ipv6hdr", "nexthdr", Semantic::ip_proto},
    MemberSemantic{"tcphdr", "source", Semantic::port},
    MemberSemantic{"tcphdr", "dest", Semantic::port},
    MemberSemantic{"udphdr", "source", Semantic::port},
    MemberSemantic{"udphdr", "dest", Semantic::port},
    MemberSemantic{"sockaddr_in", "sin_port", Semantic::port},
    MemberSemantic{"sockaddr_in6", "sin6_port", Semantic::port},
    MemberSemantic{"sockaddr_in6", "sin6_scope_id", Semantic::ifindex},
    MemberSemantic{"bpf_sock_tuple", "ipv4.saddr", Semantic::ipv4},
    MemberSemantic{"bpf_sock_tuple", "ipv4.daddr", Semantic::ipv4},
    MemberSemantic{"bpf_sock_tuple", "ipv4.sport", Semantic::port},
    MemberSemantic{"bpf_sock_tuple", "ipv4.dport", Semantic::port},
    MemberSemantic{"bpf_sock_tuple", "ipv6.saddr", Semantic::ipv6},
    MemberSemantic{"bpf_sock_tuple", "ipv6.daddr", Semantic::ipv6},
    MemberSemantic{"bpf_sock_tuple", "ipv6.sport", Semantic::port},
    MemberSemantic{"bpf_sock_tuple", "ipv6.dport", Semantic::port},
    MemberSemantic{"bpf_fib_lookup", "l4_protocol", Semantic::ip_proto},
    MemberSemantic{"bpf_fib_lookup", "sport", Semantic::port},
    MemberSemantic{"bpf_fib_lookup", "dport", Semantic::port},
    MemberSemantic{"bpf_fib_lookup", "ifindex", Semantic::ifindex},
    MemberSemantic{"bpf_fib_lookup", "ipv4_src", Semantic::ipv4},
    MemberSemantic{"bpf_fib_lookup", "ipv4_dst", Semantic::ipv4},
    MemberSemantic{"bpf_fib_lookup", "ipv6_src", Semantic::ipv6},
    MemberSemantic{"bpf_fib_lookup", "ipv6_dst", Semantic::ipv6},
    MemberSemantic{"bpf_fib_lookup", "h_vlan_proto", Semantic::eth_proto},
    MemberSemantic{"bpf_fib_lookup", "smac", Semantic::mac},
    MemberSemantic{"bpf_fib_lookup", "dmac", Semantic::mac},
    MemberSemantic{"bpf_sock", "bound_dev_if", Semantic::ifindex},
    MemberSemantic{"bpf_sock", "protocol", Semantic::ip_proto},
    MemberSemantic{"bpf_sock", "src_ip4", Semantic::ipv4},
    MemberSemantic{"bpf_sock", "src_ip6", Semantic::ipv6},
    MemberSemantic{"bpf_sock", "dst_port", Semantic::port},
    MemberSemantic{"bpf_sock", "dst_ip4", Semantic::ipv4},
    MemberSemantic{"bpf_sock", "dst_ip6", Semantic::ipv6},
    MemberSemantic{"bpf_sock", "state", Semantic::tcp_state},
    MemberSemantic{"xdp_md", "ingress_ifindex", Semantic::ifindex},
    MemberSemantic{"xdp_md", "egress_ifindex", Semantic::ifindex},
    MemberSemantic{"__sk_buff", "ingress_ifindex", Semantic::ifindex},
    MemberSemantic{"__sk_buff", "ifindex", Semantic::ifindex},
};

struct KernelStructure {
    std::string_view name;
    std::uint32_t size;
};

// What the kernel keeps for itself inside a map value; it is zeroed for user space. Two of them
// have grown.
constexpr std::array opaque_structures{
    KernelStructure{"bpf_spin_lock", 4},  KernelStructure{"bpf_res_spin_lock", 4},
    KernelStructure{"bpf_timer", 16},     KernelStructure{"bpf_wq", 16},
    KernelStructure{"bpf_list_head", 16}, KernelStructure{"bpf_list_node", 16},
    KernelStructure{"bpf_list_node", 24}, KernelStructure{"bpf_rb_root", 16},
    KernelStructure{"bpf_rb_node", 24},   KernelStructure{"bpf_rb_node", 32},
    KernelStructure{"bpf_refcount", 4},   KernelStructure{"bpf_dynptr", 16},
    KernelStructure{"bpf_task_work", 8}};

constexpr std::array<std::string_view, 4> big_endian_typedefs{"__be16", "__be32", "__be64",
                                                              "__sum16"};

} // namespace

bool is_big_endian_typedef(std::string_view name) {
    return std::find(big_endian_typedefs.begin(), big_endian_typedefs.end(), name) !=
           big_endian_typedefs.end();
}

Semantic semantic_of_typedef(std::string_view name) {
    if (is_big_endian_typedef(name))
        return Semantic::big_endian;
    if (name == "dynmon_tcp_control_t")
        return Semantic::tcp_flags;
    constexpr std::string_view prefix = "dynmon_";
    constexpr std::string_view suffix = "_t";
    if (name.size() <= prefix.size() + suffix.size() || !name.starts_with(prefix) ||
        !name.ends_with(suffix))
        return Semantic::none;
    name.remove_prefix(prefix.size());
    name.remove_suffix(suffix.size());
    return semantic_from_name(name);
}

Semantic semantic_of_structure(std::string_view name) {
    if (name == "in_addr")
        return Semantic::ipv4;
    if (name == "in6_addr")
        return Semantic::ipv6;
    if (name == "dynmon_ipv4_prefix" || name == "dynmon_ipv6_prefix")
        return Semantic::cidr;
    return Semantic::none;
}

Semantic semantic_of_member(std::string_view structure, std::string_view member) {
    for (const MemberSemantic& entry : members)
        if (entry.structure == structure && entry.member == member)
            return entry.semantic;
    return Semantic::none;
}

std::shared_ptr<const EnumSet> tcp_states() {
    static const std::shared_ptr<const EnumSet> states = [] {
        auto set = std::make_shared<EnumSet>();
        set->name = "tcp_state";
        set->values = {{1, "ESTABLISHED"},    {2, "SYN_SENT"},   {3, "SYN_RECV"},
                       {4, "FIN_WAIT1"},      {5, "FIN_WAIT2"},  {6, "TIME_WAIT"},
                       {7, "CLOSE"},          {8, "CLOSE_WAIT"}, {9, "LAST_ACK"},
                       {10, "LISTEN"},        {11, "CLOSING"},   {12, "NEW_SYN_RECV"},
                       {13, "BOUND_INACTIVE"}};
        return set;
    }();
    return states;
}

bool is_opaque_structure(std::string_view name, std::uint32_t size) {
    return std::any_of(
        opaque_structures.begin(), opaque_structures.end(),
        [&](const KernelStructure& known) { return known.name == name && known.size == size; });
}

} // namespace dynmon
