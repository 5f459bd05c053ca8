// The tables of well-known type names: dynmon's own, the kernel's and those of its uapi.
#include <algorithm>
#include <array>

#include "btf/meaning.hpp"

namespace dynmon {

namespace {

struct MemberMeaning {
    std::string_view structure;
    std::string_view member;
    Meaning meaning;
};

// Members of the uapi whose type says less than their name.
constexpr std::array members{
    MemberMeaning{"ethhdr", "h_dest", Meaning::mac},
    MemberMeaning{"ethhdr", "h_source", Meaning::mac},
    MemberMeaning{"ethaddr", "addr", Meaning::mac}, // of xdp-tools
    MemberMeaning{"ether_addr", "ether_addr_octet", Meaning::mac},
    MemberMeaning{"ethhdr", "h_proto", Meaning::eth_proto},
    MemberMeaning{"vlan_hdr", "h_vlan_encapsulated_proto", Meaning::eth_proto},
    MemberMeaning{"vlan_ethhdr", "h_dest", Meaning::mac},
    MemberMeaning{"vlan_ethhdr", "h_source", Meaning::mac},
    MemberMeaning{"vlan_ethhdr", "h_vlan_proto", Meaning::eth_proto},
    MemberMeaning{"vlan_ethhdr", "h_vlan_encapsulated_proto", Meaning::eth_proto},
    MemberMeaning{"iphdr", "saddr", Meaning::ipv4},
    MemberMeaning{"iphdr", "daddr", Meaning::ipv4},
    MemberMeaning{"iphdr", "addrs.saddr", Meaning::ipv4}, // the same bytes once more
    MemberMeaning{"iphdr", "addrs.daddr", Meaning::ipv4},
    MemberMeaning{"iphdr", "protocol", Meaning::ip_proto},
    MemberMeaning{"ipv6hdr", "nexthdr", Meaning::ip_proto},
    MemberMeaning{"tcphdr", "source", Meaning::port},
    MemberMeaning{"tcphdr", "dest", Meaning::port},
    MemberMeaning{"udphdr", "source", Meaning::port},
    MemberMeaning{"udphdr", "dest", Meaning::port},
    MemberMeaning{"sockaddr_in", "sin_port", Meaning::port},
    MemberMeaning{"sockaddr_in6", "sin6_port", Meaning::port},
    MemberMeaning{"sockaddr_in6", "sin6_scope_id", Meaning::ifindex},
    MemberMeaning{"bpf_sock_tuple", "ipv4.saddr", Meaning::ipv4},
    MemberMeaning{"bpf_sock_tuple", "ipv4.daddr", Meaning::ipv4},
    MemberMeaning{"bpf_sock_tuple", "ipv4.sport", Meaning::port},
    MemberMeaning{"bpf_sock_tuple", "ipv4.dport", Meaning::port},
    MemberMeaning{"bpf_sock_tuple", "ipv6.saddr", Meaning::ipv6},
    MemberMeaning{"bpf_sock_tuple", "ipv6.daddr", Meaning::ipv6},
    MemberMeaning{"bpf_sock_tuple", "ipv6.sport", Meaning::port},
    MemberMeaning{"bpf_sock_tuple", "ipv6.dport", Meaning::port},
    MemberMeaning{"bpf_fib_lookup", "l4_protocol", Meaning::ip_proto},
    MemberMeaning{"bpf_fib_lookup", "sport", Meaning::port},
    MemberMeaning{"bpf_fib_lookup", "dport", Meaning::port},
    MemberMeaning{"bpf_fib_lookup", "ifindex", Meaning::ifindex},
    MemberMeaning{"bpf_fib_lookup", "ipv4_src", Meaning::ipv4},
    MemberMeaning{"bpf_fib_lookup", "ipv4_dst", Meaning::ipv4},
    MemberMeaning{"bpf_fib_lookup", "ipv6_src", Meaning::ipv6},
    MemberMeaning{"bpf_fib_lookup", "ipv6_dst", Meaning::ipv6},
    MemberMeaning{"bpf_fib_lookup", "h_vlan_proto", Meaning::eth_proto},
    MemberMeaning{"bpf_fib_lookup", "smac", Meaning::mac},
    MemberMeaning{"bpf_fib_lookup", "dmac", Meaning::mac},
    MemberMeaning{"bpf_sock", "bound_dev_if", Meaning::ifindex},
    MemberMeaning{"bpf_sock", "protocol", Meaning::ip_proto},
    MemberMeaning{"bpf_sock", "src_ip4", Meaning::ipv4},
    MemberMeaning{"bpf_sock", "src_ip6", Meaning::ipv6},
    MemberMeaning{"bpf_sock", "dst_port", Meaning::port},
    MemberMeaning{"bpf_sock", "dst_ip4", Meaning::ipv4},
    MemberMeaning{"bpf_sock", "dst_ip6", Meaning::ipv6},
    MemberMeaning{"bpf_sock", "state", Meaning::tcp_state},
    MemberMeaning{"xdp_md", "ingress_ifindex", Meaning::ifindex},
    MemberMeaning{"xdp_md", "egress_ifindex", Meaning::ifindex},
    MemberMeaning{"__sk_buff", "ingress_ifindex", Meaning::ifindex},
    MemberMeaning{"__sk_buff", "ifindex", Meaning::ifindex},
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

Meaning meaning_of_typedef(std::string_view name) {
    if (is_big_endian_typedef(name))
        return Meaning::big_endian;
    if (name == "dynmon_tcp_control_t")
        return Meaning::tcp_flags;
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
    if (name == "dynmon_ipv4_prefix" || name == "dynmon_ipv6_prefix")
        return Meaning::cidr;
    return Meaning::none;
}

Meaning meaning_of_member(std::string_view structure, std::string_view member) {
    for (const MemberMeaning& entry : members)
        if (entry.structure == structure && entry.member == member)
            return entry.meaning;
    return Meaning::none;
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
